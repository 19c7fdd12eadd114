"""verify.py over what runs state machines: as deployed, updated, and changed behind CloudFormation's back."""

from __future__ import annotations

import json
import unittest
from typing import Any

import verify
from local_case import REGION, LocalCase, definition

SETTING = "/ssm/documents/console/public-sharing-permission"


def resources(account: str, text: str = "one") -> dict[str, Any]:
    """One of each type, with the names that the core stack gives."""
    role = f"arn:aws:iam::{account}:role/r"
    states = {"Only": {"Type": "Pass", "Output": "${Text} ${Table}", "End": True}}
    logs = {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["Log", "Arn"]}}}
    machine = {
        "StateMachineName": "m",
        "RoleArn": role,
        "Definition": json.loads(definition(states)),
        "DefinitionSubstitutions": {"Text": text, "Table": {"Fn::GetAtt": ["Queue", "Arn"]}},
        "LoggingConfiguration": {"Level": "ERROR", "IncludeExecutionData": True, "Destinations": [logs]},
        "TracingConfiguration": {"Enabled": True},
    }
    version = {
        "StateMachineArn": {"Ref": "Machine"},
        "StateMachineRevisionId": {"Fn::GetAtt": ["Machine", "StateMachineRevisionId"]},
        "Description": "v",
    }
    preference = {"StateMachineVersionArn": {"Ref": "Version"}, "Type": "ALL_AT_ONCE"}
    pipe = {
        "Name": "p",
        "RoleArn": role,
        "Source": {"Fn::GetAtt": ["Queue", "Arn"]},
        "SourceParameters": {"SqsQueueParameters": {"BatchSize": 1}},
        "Target": {"Ref": "Live"},
        "TargetParameters": {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}},
    }
    target = {"Arn": {"Ref": "Live"}, "RoleArn": role, "Input": "{}", "RetryPolicy": {"MaximumRetryAttempts": 2}}
    schedule = {
        "Name": "sweep",
        "ScheduleExpression": "rate(5 minutes)",
        "ScheduleExpressionTimezone": "Europe/Madrid",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "DISABLED",
        "Target": target,
    }
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}
    types = {
        "Log": ("Logs::LogGroup", {"LogGroupName": "/aws/vendedlogs/states/m", "RetentionInDays": 30}),
        "Machine": ("StepFunctions::StateMachine", machine),
        "Version": ("StepFunctions::StateMachineVersion", version),
        "Live": ("StepFunctions::StateMachineAlias", {"Name": "live", "DeploymentPreference": preference}),
        "Dead": ("SQS::Queue", {"QueueName": "dead"}),
        "Queue": ("SQS::Queue", {"QueueName": "q", "RedrivePolicy": redrive, "VisibilityTimeout": 90}),
        "Pipe": ("Pipes::Pipe", pipe),
        "Sweep": ("Scheduler::Schedule", schedule),
        "Setting": ("SSM::ServiceSetting", {"SettingId": SETTING, "SettingValue": "Disable"}),
    }
    return {name: {"Type": f"AWS::{kind}", "Properties": properties} for name, (kind, properties) in types.items()}


class Verified(LocalCase):
    """What verify finds."""

    def problems(self) -> list[str]:
        """Every problem, with its resource."""
        findings, _used = verify.verify(self.launcher.endpoint, [REGION], self.account)
        return [f"{each.logical_id}: {problem}" for each in findings for problem in each.problems]

    def test_deployed_and_updated(self) -> None:
        self.deploy(resources(self.account))
        self.assertEqual([], self.problems())
        updated = resources(self.account, "two")
        updated["Log"]["Properties"]["RetentionInDays"] = 7
        updated["Sweep"]["Properties"]["ScheduleExpressionTimezone"] = "UTC"
        updated["Pipe"]["Properties"]["DesiredState"] = "STOPPED"
        self.deploy(updated)
        self.assertEqual([], self.problems())
        self.assertEqual(f"arn:aws:states:{REGION}:{self.account}:stateMachine:m:2", self.version())

    def version(self) -> str:
        """Where the alias leads."""
        alias = f"arn:aws:states:{REGION}:{self.account}:stateMachine:m:live"
        found = self.clients["stepfunctions"].describe_state_machine_alias(stateMachineAliasArn=alias)
        return str(found["routingConfiguration"][0]["stateMachineVersionArn"])

    def test_changed(self) -> None:
        self.deploy(resources(self.account))
        machine = f"arn:aws:states:{REGION}:{self.account}:stateMachine:m"
        states = self.clients["stepfunctions"]
        text = definition(
            {"Only": {"Type": "Pass", "Output": "one", "End": True, "Comment": "more than the template says"}}
        )
        states.update_state_machine(stateMachineArn=machine, definition=text)
        other = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
        routing = [{"stateMachineVersionArn": other, "weight": 100}]
        states.update_state_machine_alias(stateMachineAliasArn=f"{machine}:live", routingConfiguration=routing)
        self.clients["logs"].delete_retention_policy(logGroupName="/aws/vendedlogs/states/m")
        self.clients["pipes"].stop_pipe(Name="p")
        self.clients["scheduler"].delete_schedule(Name="sweep")
        self.clients["ssm"].reset_service_setting(SettingId=SETTING)
        queue = self.clients["sqs"].get_queue_url(QueueName="q")["QueueUrl"]
        self.clients["sqs"].set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": ""})
        found = self.problems()
        for logical_id in ("Machine", "Live", "Log", "Pipe", "Sweep", "Setting", "Queue"):
            with self.subTest(logical_id):
                self.assertTrue(any(problem.startswith(f"{logical_id}: ") for problem in found), found)
        self.assertEqual(7, len(found), found)

    def test_names_that_another_stack_has(self) -> None:
        self.deploy(resources(self.account))
        for logical_id in ("Log", "Machine", "Pipe", "Sweep"):
            with self.subTest(logical_id):
                second = {logical_id: resources(self.account)[logical_id]}
                properties = second[logical_id]["Properties"]
                literal = {
                    "Target": f"arn:aws:states:{REGION}:{self.account}:stateMachine:m",
                    "Source": "arn:aws:sqs:eu-west-1:1:q",
                }
                properties.update(
                    {
                        name: value
                        for name, value in literal.items()
                        if isinstance(properties.get(name), dict) and "Arn" not in properties[name]
                    }
                )
                properties.pop("LoggingConfiguration", None)
                properties.pop("DefinitionSubstitutions", None)
                if logical_id == "Sweep":
                    properties["Target"]["Arn"] = literal["Target"]
                with self.assertRaisesRegex(AssertionError, "already exists"):
                    self.deploy(second, f"twice-{logical_id}")

    def test_change_set_tells_replacement_from_update(self) -> None:
        self.deploy(resources(self.account))
        changed = resources(self.account, "two")
        changed["Log"]["Properties"]["LogGroupName"] = "/other"
        changed["Sweep"]["Properties"]["Name"] = "other"
        changed["Pipe"]["Properties"]["Name"] = "other"
        cloudformation = self.clients["cloudformation"]
        body = json.dumps({"Resources": changed})
        cloudformation.create_change_set(StackName="s", ChangeSetName="c", TemplateBody=body)
        changes = cloudformation.describe_change_set(StackName="s", ChangeSetName="c")["Changes"]
        details = [each["ResourceChange"] for each in changes]
        replaced = {each["LogicalResourceId"]: each["Replacement"] for each in details}
        expected = {"Log": "True", "Machine": "False", "Pipe": "True", "Sweep": "True"}
        self.assertLessEqual(expected.items(), replaced.items())
        cloudformation.execute_change_set(StackName="s", ChangeSetName="c")
        self.eventually(
            lambda: cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"
        )
        self.assertEqual([], self.problems())


if __name__ == "__main__":
    unittest.main()
