"""Starts the launcher, deploys a stack to it, and shows that verify.py finds every kind of deviation.

Runs in the ministack environment: python -m unittest test_local_aws (about ten seconds, with the sibling modules).
"""

from __future__ import annotations

import json
import tempfile
import time
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import stack_values
import verify
from local_case import REGION, Launcher
from ministack_launcher import LauncherError, read_types
from readers import Clients

# The other tests of the local AWS, which share one launcher; `python -m unittest test_local_aws` runs them too.
SIBLINGS = (
    "test_asl_states",
    "test_delivery",
    "test_faults",
    "test_integrations",
    "test_ledger_operations",
    "test_readers",
    "test_standins",
    "test_state_machines",
)

TEMPLATE: dict[str, Any] = {
    "Parameters": {"Prefix": {"Type": "String", "Default": "heal"}},
    "Resources": {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": {"Fn::Sub": "${Prefix}-ledger"},
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "SSESpecification": {"SSEEnabled": True},
            },
        },
        "Rule": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/heal/rule", "Type": "String", "Value": "{}"}},
        "Fleet": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": "heal--web--ec2",
                "Metrics": [{"Id": "q", "Expression": "SELECT MAX(Errors) FROM X", "Period": "60"}],
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": 0,
                "EvaluationPeriods": 2,
            },
        },
        "Any": {
            "Type": "AWS::CloudWatch::CompositeAlarm",
            "Properties": {"AlarmName": "heal--web", "AlarmRule": {"Fn::Sub": "ALARM(${Fleet})"}},
        },
        "Runbook": {
            "Type": "AWS::SSM::Document",
            "Properties": {"Name": "heal--web--ec2", "DocumentType": "Automation", "Content": {"mainSteps": []}},
        },
    },
}


class LocalAws(unittest.TestCase):
    """One launcher for all tests, one stack a test."""

    launcher: Launcher

    @classmethod
    def setUpClass(cls) -> None:
        cls.launcher = Launcher()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.launcher.stop()

    def setUp(self) -> None:
        self.clients = Clients(self.launcher.endpoint, REGION)
        self.create("web", TEMPLATE)

    def tearDown(self) -> None:
        cloudformation = self.clients["cloudformation"]
        for stack in cloudformation.describe_stacks()["Stacks"]:
            cloudformation.delete_stack(StackName=stack["StackName"])
            cloudformation.get_waiter("stack_delete_complete").wait(
                StackName=stack["StackId"], WaiterConfig={"Delay": 0.1, "MaxAttempts": 50}
            )

    def create(self, name: str, template: dict[str, Any], tags: Sequence[dict[str, str]] = ()) -> str:
        """Creates a stack and returns the status it ends in."""
        cloudformation = self.clients["cloudformation"]
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Tags=list(tags))
        while True:
            status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                return str(status)
            time.sleep(0.05)

    def problems(self) -> list[str]:
        """What verify finds."""
        findings, _used = verify.verify(self.launcher.endpoint, [REGION])
        return [f"{each.logical_id}: {problem}" for each in findings for problem in each.problems]

    def test_all_is_as_the_template_says(self) -> None:
        self.assertEqual([], self.problems())
        self.assertEqual(self.launcher.process.pid, self.launcher.health["pid"])

    def test_resource_that_is_gone(self) -> None:
        self.clients["ssm"].delete_parameter(Name="/heal/rule")
        self.assertIn("ParameterNotFound", str(self.problems()))

    def test_resource_that_differs(self) -> None:
        self.clients["ssm"].put_parameter(Name="/heal/rule", Value="{", Overwrite=True)
        self.assertEqual(2, len(self.problems()), "the value, and that it is not JSON")
        self.clients["dynamodb"].update_time_to_live(
            TableName="heal-ledger", TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"}
        )
        self.assertIn("Table: TimeToLiveSpecification.Enabled is False", str(self.problems()))
        self.clients["cloudwatch"].put_composite_alarm(AlarmName="heal--web", AlarmRule="FALSE")
        self.assertIn("Any: AlarmRule is 'FALSE'", str(self.problems()))

    def test_type_without_a_reader(self) -> None:
        template = {"Resources": {"Stream": {"Type": "AWS::Kinesis::Stream"}}}
        self.create("theirs", template)
        self.assertEqual([], self.problems(), "what a workload is made of is for its owners to know")
        self.create("ours", template, [{"Key": "healstack:environment", "Value": "test"}])
        self.assertIn("Stream: no reader for this type", str(self.problems()))

    def test_type_that_nobody_knows(self) -> None:
        with self.assertRaisesRegex(Exception, r"Unrecognized resource types: \[AWS::SSM::Nope\]"):
            self.create("nope", {"Resources": {"Nope": {"Type": "AWS::SSM::Nope"}}})

    def test_name_that_another_stack_has(self) -> None:
        for logical_id in ("Table", "Fleet", "Runbook"):
            with self.subTest(logical_id):
                second = {**TEMPLATE, "Resources": {logical_id: TEMPLATE["Resources"][logical_id]}}
                self.assertEqual("ROLLBACK_COMPLETE", self.create(f"twice-{logical_id}", second))
        # A stack that failed is a problem of its own; what the first stack has is untouched.
        self.assertEqual(["-: its status is ROLLBACK_COMPLETE"] * 3, self.problems())

    def test_change_set_tells_replacement_from_update(self) -> None:
        changed = json.loads(json.dumps(TEMPLATE))
        changed["Resources"]["Fleet"]["Properties"]["Threshold"] = 1
        changed["Resources"]["Runbook"]["Properties"]["Name"] = "heal--web--ec2-b"
        cloudformation = self.clients["cloudformation"]
        cloudformation.create_change_set(StackName="web", ChangeSetName="c", TemplateBody=json.dumps(changed))
        changes = cloudformation.describe_change_set(StackName="web", ChangeSetName="c")["Changes"]
        details = [each["ResourceChange"] for each in changes]
        replaced = {each["LogicalResourceId"]: each["Replacement"] for each in details}
        self.assertEqual({"Fleet": "False", "Runbook": "True"}, replaced)


class Values(unittest.TestCase):
    """Comparing, and the launcher's list."""

    def test_difference(self) -> None:
        same = [(1, "1"), ("true", True), (["a"], "a"), ({"a": 1}, {"a": 1.0, "b": 2}), (stack_values.UNKNOWN, 5)]
        for wanted, found in same:
            with self.subTest(f"{wanted} {found}"):
                self.assertIsNone(stack_values.difference(wanted, found))
        for wanted, found in [(1, 2), (["a"], ["b"]), (["a", "b"], ["a"]), ({"a": 1}, {}), ("a", None)]:
            with self.subTest(f"{wanted} {found}"):
                self.assertIsNotNone(stack_values.difference(wanted, found))

    def test_list_of_recorded_types(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "types.txt"
            path.write_text("# why\nA::B::C  # because\n\n", encoding="utf-8")
            self.assertEqual(["A::B::C"], read_types(path))
            path.write_text("A::B::C\nA::B::C\n", encoding="utf-8")
            with self.assertRaisesRegex(LauncherError, r"types.txt:2: `A::B::C` is not a resource type, or is listed"):
                read_types(path)


def load_tests(loader: unittest.TestLoader, own: unittest.TestSuite, _pattern: str | None) -> unittest.TestSuite:
    """unittest's hook: the tests of this module, then those of its siblings."""
    return unittest.TestSuite([own, *(loader.loadTestsFromName(name) for name in SIBLINGS)])


if __name__ == "__main__":
    unittest.main()
