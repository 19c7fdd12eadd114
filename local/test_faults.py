"""Faults between state machines of the local AWS and the services that they call."""

from __future__ import annotations

import unittest
from typing import Any

from local_case import LocalCase


class Faults(LocalCase):
    """What meets a Task state before and after its call."""

    def faulty(self, kind: str, **more: Any) -> dict[str, Any]:
        """Runs a machine whose only call writes an item, with one fault."""
        self.clients["dynamodb"].create_table(
            TableName="table",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        arguments = {"TableName": "table", "Item": {"pk": {"S": "a"}}}
        resource = "arn:aws:states:::dynamodb:putItem"
        arn = self.machine(
            {"Put": {"Type": "Task", "Resource": resource, "Arguments": arguments, "TimeoutSeconds": 5, "End": True}}
        )
        self.post("faults", faults=[{"machine": "m", "state": "Put", "kind": kind, **more}])
        return self.run_machine(arn)

    def written(self) -> int:
        """How many items the call has written."""
        return int(self.clients["dynamodb"].scan(TableName="table")["Count"])

    def test_throttled(self) -> None:
        self.assertEqual("DynamoDB.ProvisionedThroughputExceededException", self.faulty("throttle")["error"])
        self.assertEqual(0, self.written())
        self.assertEqual(1, self.get("faults")["faults"][0]["hits"])

    def test_time_out_before_the_call(self) -> None:
        self.assertEqual("States.Timeout", self.faulty("timeout_before")["error"])
        self.assertEqual(0, self.written())

    def test_time_out_after_the_call(self) -> None:
        self.assertEqual("States.Timeout", self.faulty("timeout_after")["error"])
        self.assertEqual(1, self.written())

    def test_error_after_the_call(self) -> None:
        self.assertEqual("X.Y", self.faulty("error_after", error="X.Y")["error"])
        self.assertEqual(1, self.written())

    def test_only_so_many_and_after_some(self) -> None:
        self.assertEqual("SUCCEEDED", self.faulty("throttle", skip=1)["status"])
        arn = f"arn:aws:states:eu-west-1:{self.account}:stateMachine:m"
        self.assertEqual(["FAILED", "SUCCEEDED"], [self.run_machine(arn)["status"] for _ in range(2)])

    def test_only_one_execution(self) -> None:
        self.assertEqual("SUCCEEDED", self.faulty("throttle", execution="that")["status"])
        arn = f"arn:aws:states:eu-west-1:{self.account}:stateMachine:m"
        self.assertEqual("FAILED", self.run_machine(arn, name="that")["status"])

    def test_mistyped(self) -> None:
        fault = {"machine": "m", "state": "s", "kind": "throttle"}
        for wrong in ({"kind": "slow"}, {"state": None}, {"kind": "error"}, {"time": 1}):
            with self.subTest(str(wrong)), self.assertRaises(ValueError):
                self.post("faults", faults=[{**fault, **wrong}])

    def test_names_of_throttling(self) -> None:
        expected = {
            "aws-sdk:cloudwatch:describeAlarms": "CloudWatch.CloudWatchException",
            "aws-sdk:dynamodb:query": "DynamoDb.ProvisionedThroughputExceededException",
            "aws-sdk:ssm:startAutomationExecution": "Ssm.ThrottlingException",
            "sns:publish": "SNS.ThrottledException",
            "states:startExecution": "StepFunctions.ThrottlingException",
        }
        for number, (resource, name) in enumerate(expected.items()):
            arn = self.machine(
                {"Call": {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True}}, f"m{number}"
            )
            self.post("faults", faults=[{"machine": f"m{number}", "state": "Call", "kind": "throttle"}])
            self.assertEqual(name, self.run_machine(arn, {})["error"])


if __name__ == "__main__":
    unittest.main()
