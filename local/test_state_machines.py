"""State machines on the local AWS: versions and aliases, and executions."""

from __future__ import annotations

import time
import unittest
from typing import Any

from local_case import LocalCase, machine_resource, passing

UNREACHABLE = "arn:aws:states:::aws-sdk:ssm:getParameter"


def stack(states: dict[str, Any]) -> dict[str, Any]:
    """A machine, the version of its revision, and the alias `live` for it."""
    return {
        "Machine": machine_resource(states, StateMachineName="m"),
        "Version": {
            "Type": "AWS::StepFunctions::StateMachineVersion",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "StateMachineArn": {"Ref": "Machine"},
                "StateMachineRevisionId": {"Fn::GetAtt": ["Machine", "StateMachineRevisionId"]},
            },
        },
        "Live": {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "Properties": {
                "Name": "live",
                "DeploymentPreference": {"StateMachineVersionArn": {"Ref": "Version"}, "Type": "ALL_AT_ONCE"},
            },
        },
    }


OUTPUTS = {"Alias": {"Ref": "Live"}, "Arn": {"Fn::GetAtt": ["Live", "Arn"]}, "Version": {"Ref": "Version"}}


class Versions(LocalCase):
    """AWS::StepFunctions::StateMachineVersion and StateMachineAlias."""

    def test_alias_leads_to_the_version_that_the_last_update_made(self) -> None:
        first = self.deploy(stack(passing("one")), outputs=OUTPUTS)
        machine = f"arn:aws:states:eu-west-1:{self.account}:stateMachine:m"
        self.assertEqual({"Alias": f"{machine}:live", "Arn": f"{machine}:live", "Version": f"{machine}:1"}, first)
        self.assertEqual("one", self.run_machine(first["Alias"])["output"])
        second = self.deploy(stack(passing("two")), outputs=OUTPUTS)
        self.assertEqual(f"{machine}:2", second["Version"])
        self.assertEqual("two", self.run_machine(second["Alias"])["output"])
        self.assertEqual("one", self.run_machine(first["Version"])["output"], "UpdateReplacePolicy: Retain keeps it")

    def test_execution_keeps_the_definition_that_it_began_with(self) -> None:
        waiting = {
            "Call": {
                "Type": "Task",
                "Resource": UNREACHABLE,
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Only"}],
            }
        }
        alias = self.deploy(stack({**waiting, **passing("old")}), outputs=OUTPUTS)["Alias"]
        self.post("faults", faults=[{"machine": "m", "state": "Call", "kind": "hang"}])
        started = self.clients["stepfunctions"].start_execution(stateMachineArn=alias)["executionArn"]
        self.eventually(lambda: self.get("faults")["hanging"])
        self.deploy(stack(passing("new")), outputs=OUTPUTS)
        self.assertEqual("new", self.run_machine(alias)["output"])
        self.post("faults/release")
        ended = self.ended(started)
        self.assertEqual("old", ended["output"])
        described = self.clients["stepfunctions"].describe_execution(executionArn=started)
        self.assertEqual(alias, described["stateMachineAliasArn"])
        self.assertTrue(described["stateMachineVersionArn"].endswith(":m:1"))

    def test_alias_that_points_elsewhere_right_after_a_start(self) -> None:
        alias = self.deploy(stack(passing("one")), outputs=OUTPUTS)["Alias"]
        arns = [self.clients["stepfunctions"].start_execution(stateMachineArn=alias)["executionArn"] for _ in range(5)]
        self.deploy(stack(passing("two")), outputs=OUTPUTS)
        self.assertEqual(["one"] * 5, [self.ended(arn)["output"] for arn in arns])

    def test_unchanged_machine_keeps_its_version(self) -> None:
        before = self.deploy(stack(passing("one")), outputs=OUTPUTS)
        resources = {**stack(passing("one")), "Queue": {"Type": "AWS::SQS::Queue"}}
        self.assertEqual(before, self.deploy(resources, outputs=OUTPUTS))
        sfn = self.clients["stepfunctions"]
        machine = before["Version"].rsplit(":", 1)[0]
        again = sfn.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
        self.assertEqual(before["Version"], again, "publishing a revision again is the same version")

    def test_deleting_takes_retained_versions_along(self) -> None:
        self.deploy(stack(passing("one")))
        self.deploy(stack(passing("two")))
        cloudformation = self.clients["cloudformation"]
        cloudformation.delete_stack(StackName="s")
        self.eventually(lambda: not cloudformation.describe_stacks()["Stacks"])
        self.assertEqual(
            "one", self.run_machine(self.deploy(stack(passing("one")), outputs=OUTPUTS)["Alias"])["output"]
        )

    def test_broken_expression_fails_the_machine(self) -> None:
        with self.assertRaisesRegex(AssertionError, "INVALID_JSONATA_EXPRESSION"):
            self.deploy({"Machine": machine_resource(passing("{% $states.input. %}"), StateMachineName="m")})
        self.assertEqual([], self.clients["stepfunctions"].list_state_machines()["stateMachines"])

    def test_gone_version_fails_an_alias(self) -> None:
        resources = stack(passing("one"))
        del resources["Version"]
        arn = f"arn:aws:states:eu-west-1:{self.account}:stateMachine:m:7"
        resources["Live"]["Properties"]["DeploymentPreference"]["StateMachineVersionArn"] = arn
        resources["Live"]["DependsOn"] = "Machine"
        with self.assertRaisesRegex(AssertionError, "Version not found"):
            self.deploy(resources)


class Executions(LocalCase):
    """Starting, stopping and listing."""

    def test_start_is_quick_and_repeatable(self) -> None:
        arn, sfn = (
            self.machine({"Call": {"Type": "Task", "Resource": UNREACHABLE, "End": True}}),
            self.clients["stepfunctions"],
        )
        self.post("faults", faults=[{"machine": "m", "state": "Call", "kind": "hang"}])
        first = sfn.start_execution(stateMachineArn=arn, name="a", input="1")
        self.assertEqual(
            first["executionArn"], sfn.start_execution(stateMachineArn=arn, name="a", input="1")["executionArn"]
        )
        with self.assertRaises(sfn.exceptions.ExecutionAlreadyExists):
            sfn.start_execution(stateMachineArn=arn, name="a", input="2")
        self.post("faults/release")
        self.ended(first["executionArn"])
        with self.assertRaises(sfn.exceptions.ExecutionAlreadyExists):
            sfn.start_execution(stateMachineArn=arn, name="a", input="1")
        with self.assertRaises(sfn.exceptions.InvalidName):
            sfn.start_execution(stateMachineArn=arn, name="a b")
        with self.assertRaises(sfn.exceptions.InvalidExecutionInput):
            sfn.start_execution(stateMachineArn=arn, input="{")

    def test_takes_no_time(self) -> None:
        arn = self.machine(passing(1))
        started = time.monotonic()
        self.run_machine(arn)
        self.assertLess(time.monotonic() - started, 0.15)

    def test_listing_has_states_inside_map(self) -> None:
        inner = {"StartAt": "In", "States": {"In": {"Type": "Pass", "Next": "Out"}, "Out": {"Type": "Succeed"}}}
        states = {
            "Each": {
                "Type": "Map",
                "Items": "{% $states.input %}",
                "ItemProcessor": inner,
                "MaxConcurrency": 1,
                "Next": "End",
            },
            "End": {"Type": "Succeed", "Output": "done"},
        }
        ended = self.run_machine(self.machine(states), [1, 2])
        self.assertEqual(["Each", "In", "Out", "In", "Out", "End"], ended["states"])
        self.assertEqual((6, [1, 2], "done"), (ended["transitions"], ended["input"], ended["output"]))
        self.assertEqual([], self.get("executions", machine="other"))

    def test_retries_are_transitions(self) -> None:
        retry = [{"ErrorEquals": ["Ssm.ThrottlingException"], "MaxAttempts": 5}]
        arn = self.machine({"Call": {"Type": "Task", "Resource": UNREACHABLE, "Retry": retry, "End": True}})
        self.post("faults", faults=[{"machine": "m", "state": "Call", "kind": "throttle", "times": 3}])
        ended = self.run_machine(arn, {"Name": "x"})
        self.assertEqual(
            (4, 3, "Ssm.ParameterNotFoundException"), (ended["transitions"], ended["retries"], ended["error"])
        )

    def test_stopped_inside_a_map(self) -> None:
        call: dict[str, Any] = {"Type": "Task", "Resource": UNREACHABLE, "Next": "Out"}
        call["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": "Out"}]  # a stop is no error that could be caught
        inner = {"StartAt": "In", "States": {"In": call, "Out": {"Type": "Pass", "End": True}}}
        arn = self.machine({"Each": {"Type": "Map", "Items": [1], "ItemProcessor": inner, "End": True}})
        self.post("faults", faults=[{"machine": "m", "state": "In", "kind": "hang"}])
        started = self.clients["stepfunctions"].start_execution(stateMachineArn=arn)["executionArn"]
        self.eventually(lambda: self.get("faults")["hanging"])
        self.clients["stepfunctions"].stop_execution(executionArn=started)
        self.post("faults/release")
        self.eventually(lambda: not self.get("faults")["hanging"])
        self.assertEqual(["Each", "In"], self.ended(started)["states"])

    def test_time_limit_of_the_machine(self) -> None:
        states = {
            "Call": {
                "Type": "Task",
                "Resource": UNREACHABLE,
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Only"}],
            }
        }
        arn = self.machine({**states, **passing(1)}, TimeoutSeconds=1)
        self.post("faults", faults=[{"machine": "m", "state": "Call", "kind": "hang"}])
        started = self.clients["stepfunctions"].start_execution(stateMachineArn=arn)["executionArn"]
        time.sleep(1.05)
        self.post("faults/release")
        self.assertEqual(
            ("TIMED_OUT", "States.Timeout"), tuple(self.ended(started)[name] for name in ("status", "error"))
        )

    def test_payload_limit(self) -> None:
        arn = self.machine(passing("{% $pad('', 262200, 'x') %}"))
        self.assertEqual("States.DataLimitExceeded", self.run_machine(arn)["error"])

    def test_accounts_are_apart(self) -> None:
        self.run_machine(self.machine(passing(1)))
        self.account = "100000000000"
        self.assertEqual([], self.get("executions"))


if __name__ == "__main__":
    unittest.main()
