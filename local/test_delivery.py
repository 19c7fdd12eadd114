"""What starts executions on the local AWS: rules, schedules and pipes, through an alias; and topics to queues."""

from __future__ import annotations

import json
import time
import unittest
from typing import Any

from local_case import LocalCase, machine_resource

ROLE = "arn:aws:iam::100000000001:role/r"

MACHINE: dict[str, Any] = {
    "Machine": machine_resource({"Only": {"Type": "Succeed"}}, StateMachineName="m"),
    "Version": {
        "Type": "AWS::StepFunctions::StateMachineVersion",
        "Properties": {"StateMachineArn": {"Ref": "Machine"}},
    },
    "Live": {
        "Type": "AWS::StepFunctions::StateMachineAlias",
        "Properties": {
            "Name": "live",
            "RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "Version"}, "Weight": 100}],
        },
    },
}


def queue(**more: Any) -> dict[str, Any]:
    """An AWS::SQS::Queue."""
    return {"Type": "AWS::SQS::Queue", "Properties": more}


def arn_of(logical_id: str) -> dict[str, Any]:
    """`!GetAtt <logical id>.Arn`."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


class Rules(LocalCase):
    """AWS::Events::Rule with a state-machine alias as target."""

    def setUp(self) -> None:
        super().setUp()
        transformer = {
            "InputPathsMap": {"id": "$.id", "alarm": "$.detail.alarmName", "first": "$.resources[0]", "event": "$"},
            "InputTemplate": '{"heal": {"id": <id>, "alarm": <alarm>, "first": <first>, "rule": "web/ec2"}, "event": <event>}',
        }
        pattern = {
            "source": ["aws.cloudwatch"],
            "detail": {"alarmName": [{"prefix": "heal--"}], "state": {"value": ["ALARM"]}},
        }
        target = {
            "Id": "guard",
            "Arn": {"Ref": "Live"},
            "RoleArn": ROLE,
            "DeadLetterConfig": {"Arn": arn_of("Dead")},
            "RetryPolicy": {"MaximumEventAgeInSeconds": 900, "MaximumRetryAttempts": 3},
            "InputTransformer": transformer,
        }
        rule = {
            "Type": "AWS::Events::Rule",
            "Properties": {"Name": "alarms", "EventPattern": pattern, "Targets": [target]},
        }
        policy = {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Dead"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": arn_of("Dead"),
                        }
                    ],
                },
            },
        }
        outputs = {"Dead": {"Ref": "Dead"}, "Rule": arn_of("Rule"), "Live": {"Ref": "Live"}}
        self.outputs = self.deploy({**MACHINE, "Dead": queue(), "Rule": rule, "Policy": policy}, outputs=outputs)

    def put(self, name: str, state: str = "ALARM", **more: Any) -> str:
        """Puts an alarm's state change; returns its id."""
        detail = {"alarmName": name, "state": {"value": state}}
        event = {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "detail": detail, **more}
        return str(self.post("events", events=[event])["ids"][0])

    def test_matched_event_starts_the_alias(self) -> None:
        self.put("other")
        self.put("heal--web", "OK")
        event_id = self.put("heal--web", time="2026-11-24T01:02:03Z", resources=["arn:1", "arn:2"])
        ended = self.eventually(lambda: self.get("executions", machine="m"))[0]
        wanted = {"id": event_id, "alarm": "heal--web", "first": "arn:1", "rule": "web/ec2"}
        self.assertEqual(wanted, ended["input"]["heal"])
        self.assertEqual("2026-11-24T01:02:03Z", ended["input"]["event"]["time"])
        self.assertEqual(self.outputs["Live"], ended["stateMachineAliasArn"])
        self.assertEqual(1, len(self.get("executions", machine="m")))

    def test_same_event_twice(self) -> None:
        for _ in range(2):
            self.put("heal--web", id="11111111-2222-3333-4444-555555555555")
        self.eventually(lambda: len(self.get("executions", machine="m")) == 2)

    def test_undeliverable_event_goes_to_the_dead_letter_queue(self) -> None:
        self.clients["stepfunctions"].delete_state_machine_alias(stateMachineAliasArn=self.outputs["Live"])
        event_id = self.put("heal--web")
        message = self.messages(self.outputs["Dead"])[0]
        self.assertEqual(event_id, json.loads(message["Body"])["heal"]["id"])
        told = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        self.assertEqual("StateMachineDoesNotExist", told["ERROR_CODE"])
        self.assertEqual((self.outputs["Rule"], self.outputs["Live"]), (told["RULE_ARN"], told["TARGET_ARN"]))

    def test_mistyped_event(self) -> None:
        for wrong in ({"source": None}, {"detail": "x"}, {"detailType": "x"}):
            with self.subTest(str(wrong)), self.assertRaises(ValueError):
                self.post("events", events=[{"source": "aws.x", "detail-type": "x", "detail": {}, **wrong}])


class Schedules(LocalCase):
    """AWS::Scheduler::Schedule with a state-machine alias as target."""

    def test_fires_when_asked(self) -> None:
        text = '{"at": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"}'
        schedule = {
            "Name": "sweep",
            "ScheduleExpression": "rate(5 minutes)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": {"Ref": "Live"},
                "RoleArn": ROLE,
                "Input": text,
                "DeadLetterConfig": {"Arn": arn_of("Dead")},
            },
        }
        resources = {**MACHINE, "Dead": queue(), "Sweep": {"Type": "AWS::Scheduler::Schedule", "Properties": schedule}}
        outputs = self.deploy(resources, outputs={"Dead": {"Ref": "Dead"}, "Live": {"Ref": "Live"}})
        time.sleep(0.3)
        self.assertEqual([], self.get("executions"), "not before its five minutes are over")
        self.post("schedules/fire", name="sweep")
        ended = self.eventually(lambda: self.get("executions"))[0]
        self.assertRegex(ended["input"]["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(36, len(ended["input"]["id"]))
        self.clients["stepfunctions"].delete_state_machine_alias(stateMachineAliasArn=outputs["Live"])
        self.post("schedules/fire", name="sweep")
        self.assertEqual(1, len(self.messages(outputs["Dead"])))
        with self.assertRaisesRegex(ValueError, "there is no schedule default/other"):
            self.post("schedules/fire", name="other")


class Pipes(LocalCase):
    """AWS::Pipes::Pipe from a queue to a state-machine alias."""

    def resources(self, **more: Any) -> dict[str, Any]:
        """A topic, its queue with a dead-letter queue, and the pipe."""
        redrive = {"deadLetterTargetArn": arn_of("Dead"), "maxReceiveCount": 2}
        subscription = {
            "TopicArn": {"Ref": "Topic"},
            "Protocol": "sqs",
            "Endpoint": arn_of("Queue"),
            "RawMessageDelivery": True,
        }
        pipe = {
            "Name": "p",
            "RoleArn": ROLE,
            "Source": arn_of("Queue"),
            "SourceParameters": {"SqsQueueParameters": {"BatchSize": 1}},
            "Target": {"Ref": "Live"},
            "TargetParameters": {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}},
        }
        return {
            **MACHINE,
            "Dead": queue(),
            "Queue": queue(RedrivePolicy=redrive, VisibilityTimeout=0),
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": subscription},
            "Pipe": {"Type": "AWS::Pipes::Pipe", "Properties": {**pipe, **more}},
        }

    def test_relays_from_topic_to_machine(self) -> None:
        outputs = {"Queue": {"Ref": "Queue"}, "Topic": {"Ref": "Topic"}, "QueueArn": arn_of("Queue")}
        made = self.deploy(self.resources(), outputs=outputs)
        for number in range(3):
            self.clients["sns"].publish(TopicArn=made["Topic"], Message=json.dumps({"n": number}))
        ended = self.eventually(lambda: len(found := self.get("executions")) == 3 and found)
        records = [each["input"][0] for each in ended]
        self.assertEqual([0, 1, 2], sorted(json.loads(record["body"])["n"] for record in records))
        self.assertEqual([1, 1, 1], [len(each["input"]) for each in ended])
        record = records[0]
        self.assertEqual(
            ("aws:sqs", "eu-west-1", made["QueueArn"]),
            tuple(record[name] for name in ("eventSource", "awsRegion", "eventSourceARN")),
        )
        members = {"messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody"}
        self.assertLessEqual(members, record.keys())
        self.assertEqual("1", record["attributes"]["ApproximateReceiveCount"])
        counted = self.clients["sqs"].get_queue_attributes(QueueUrl=made["Queue"], AttributeNames=["All"])["Attributes"]
        self.assertEqual("0", counted["ApproximateNumberOfMessages"])

    def test_what_does_not_start_goes_to_the_dead_letter_queue(self) -> None:
        made = self.deploy(
            self.resources(), outputs={"Queue": {"Ref": "Queue"}, "Dead": {"Ref": "Dead"}, "Live": {"Ref": "Live"}}
        )
        self.clients["stepfunctions"].delete_state_machine_alias(stateMachineAliasArn=made["Live"])
        self.clients["sqs"].send_message(QueueUrl=made["Queue"], MessageBody="lost")
        self.assertEqual("lost", self.eventually(lambda: self.messages(made["Dead"]))[0]["Body"])

    def test_stopped_pipe(self) -> None:
        made = self.deploy(self.resources(DesiredState="STOPPED"), outputs={"Queue": {"Ref": "Queue"}})
        self.clients["sqs"].send_message(QueueUrl=made["Queue"], MessageBody="{}")
        time.sleep(0.2)
        self.assertEqual([], self.get("executions"))

    def test_what_it_cannot_do(self) -> None:
        for name, value in {"Enrichment": "arn:x", "TargetParameters": {}, "SourceParameters": {}}.items():
            with self.subTest(name), self.assertRaisesRegex(AssertionError, "Enrichment|FIRE_AND_FORGET|BatchSize"):
                self.deploy(self.resources(**{name: value}), name)


if __name__ == "__main__":
    unittest.main()
