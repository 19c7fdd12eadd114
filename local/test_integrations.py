"""Results and error names of the services that state machines of the local AWS call."""

from __future__ import annotations

import json
import re
import unittest

from local_case import LocalCase


class Integrations(LocalCase):
    """Parameter Store, Step Functions and SNS; DynamoDB is in test_ledger_operations.py."""

    def test_parameter_store(self) -> None:
        self.assertEqual(
            "Ssm.ParameterNotFoundException", self.call("aws-sdk:ssm:getParameter", {"Name": "/x"})["error"]
        )
        self.clients["ssm"].put_parameter(Name="/x", Type="String", Value='{"a": 1}')
        found = self.call(
            "aws-sdk:ssm:getParameter", {"Name": "/x"}, Output="{% $parse($states.result.Parameter.Value).a %}"
        )
        self.assertEqual(1, found["output"])

    def test_start_of_another_machine(self) -> None:
        child = self.machine(
            {"Wait": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter", "End": True}}, "child"
        )
        self.post("faults", faults=[{"machine": "child", "state": "Wait", "kind": "hang"}])
        start = {"StateMachineArn": child, "Name": "one", "Input": {"a": 1}}
        first = self.call("states:startExecution", start)["output"]
        self.assertEqual(child.replace(":stateMachine:", ":execution:") + ":one", first["ExecutionArn"])
        again = self.call("states:startExecution", start)
        self.assertEqual(
            first["ExecutionArn"], again["output"]["ExecutionArn"], "the same name and input, and it still runs"
        )
        taken = "StepFunctions.ExecutionAlreadyExistsException"
        self.assertEqual(taken, self.call("states:startExecution", {**start, "Input": {}})["error"])
        self.post("faults/release")
        self.ended(first["ExecutionArn"])
        self.assertEqual(taken, self.call("states:startExecution", start)["error"])
        gone = self.call("states:startExecution", {**start, "StateMachineArn": f"{child}:live"})
        self.assertEqual("StepFunctions.StateMachineDoesNotExistException", gone["error"])
        self.assertEqual(
            "Sfn.ExecutionAlreadyExistsException",
            self.call("aws-sdk:sfn:startExecution", {**start, "Input": "{}"})["error"],
        )

    def test_notification(self) -> None:
        queue = self.clients["sqs"].create_queue(QueueName="q")["QueueUrl"]
        topic = self.clients["sns"].create_topic(Name="t")["TopicArn"]
        arn = f"arn:aws:sqs:eu-west-1:{self.account}:q"
        self.clients["sns"].subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
        )
        attributes = {"rule": {"DataType": "String", "StringValue": "web/ec2"}}
        arguments = {
            "TopicArn": topic,
            "Subject": "s",
            "Message": {"status": "completed"},
            "MessageAttributes": attributes,
        }
        ended = self.call("sns:publish", arguments)
        self.assertTrue(re.fullmatch(r"[0-9a-f-]{36}", ended["output"]["MessageId"]))
        message = self.messages(queue)[0]
        self.assertEqual({"status": "completed"}, json.loads(message["Body"]))
        self.assertEqual("web/ec2", message["MessageAttributes"]["rule"]["StringValue"])
        self.assertEqual(
            "SNS.NotFoundException", self.call("sns:publish", {**arguments, "TopicArn": f"{topic}x"})["error"]
        )


if __name__ == "__main__":
    unittest.main()
