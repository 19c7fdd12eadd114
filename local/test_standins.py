"""Automation and CloudWatch as state machines of the local AWS and boto3 see them."""

from __future__ import annotations

import json
import unittest
import uuid
from typing import Any

from botocore.exceptions import ClientError

from local_case import LocalCase

CONTENT: dict[str, Any] = {
    "schemaVersion": "0.3",
    "parameters": {
        "ResourceId": {"type": "String", "allowedPattern": "^i-[0-9a-f]+$"},
        "Mode": {"type": "String", "allowedValues": ["reboot", "replace"], "default": "reboot"},
    },
    "mainSteps": [
        {"name": name, "action": "aws:sleep", "inputs": {"Duration": "PT1S"}} for name in ("look", "heal", "check")
    ],
}
RUNBOOK = {
    "Type": "AWS::SSM::Document",
    "Properties": {"Name": "heal--web--ec2", "DocumentType": "Automation", "Content": CONTENT},
}
GIVEN = {"ResourceId": ["i-0abc"]}


class AutomationExecutions(LocalCase):
    """StartAutomationExecution, GetAutomationExecution and what ends an execution."""

    def setUp(self) -> None:
        super().setUp()
        self.deploy({"Runbook": RUNBOOK})
        self.ssm = self.clients["ssm"]

    def start(self, **more: Any) -> str:
        """The id of a new execution."""
        request = {"DocumentName": "heal--web--ec2", "Parameters": GIVEN, **more}
        return str(self.ssm.start_automation_execution(**request)["AutomationExecutionId"])

    def execution(self, execution_id: str) -> dict[str, Any]:
        """GetAutomationExecution."""
        answer = self.ssm.get_automation_execution(AutomationExecutionId=execution_id)
        found: dict[str, Any] = answer["AutomationExecution"]
        return found

    def refused(self, **more: Any) -> str:
        """The error's name when a start is refused."""
        with self.assertRaises(ClientError) as caught:
            self.start(**more)
        return str(caught.exception.response["Error"]["Code"])

    def test_stays_in_progress(self) -> None:
        found = self.execution(self.start())
        self.assertEqual("InProgress", found["AutomationExecutionStatus"])
        self.assertEqual({"ResourceId": ["i-0abc"], "Mode": ["reboot"]}, found["Parameters"])
        self.assertNotIn("ExecutionEndTime", found)
        self.assertEqual(["InProgress", "Pending", "Pending"], [step["StepStatus"] for step in found["StepExecutions"]])

    def test_parameters_that_the_document_does_not_take(self) -> None:
        invalid = "InvalidAutomationExecutionParametersException"
        for parameters in (
            {},
            {"ResourceId": ["x"]},
            {**GIVEN, "Mode": ["stop"]},
            {**GIVEN, "Other": ["1"]},
            {"ResourceId": ["i-1", "i-2"]},
        ):
            with self.subTest(str(parameters)):
                self.assertEqual(invalid, self.refused(Parameters=parameters))
        self.assertEqual("ValidationException", self.refused(Parameters={"ResourceId": ["i-" + "0" * 511]}))
        self.assertEqual("AutomationDefinitionNotFoundException", self.refused(DocumentName="heal--other"))
        self.assertEqual([], self.get("automations"))

    def test_client_token(self) -> None:
        token = str(uuid.uuid4())
        self.assertEqual(self.start(ClientToken=token), self.start(ClientToken=token))
        self.assertEqual(
            "IdempotentParameterMismatch", self.refused(ClientToken=token, Parameters={"ResourceId": ["i-0"]})
        )
        self.assertEqual("ValidationException", self.refused(ClientToken="x" * 36))
        self.assertEqual(1, len(self.get("automations")))

    def test_finished(self) -> None:
        execution_id = self.start()
        self.post(
            "automations/finish",
            execution_id=execution_id,
            status="Failed",
            failed_step="heal",
            failure_message="no",
            emit=False,
        )
        found = self.execution(execution_id)
        self.assertEqual(("Failed", "no"), (found["AutomationExecutionStatus"], found["FailureMessage"]))
        self.assertIn("ExecutionEndTime", found)
        self.assertEqual(["Success", "Failed", "Pending"], [step["StepStatus"] for step in found["StepExecutions"]])
        with self.assertRaisesRegex(ValueError, "it is Failed already"):
            self.post("automations/finish", execution_id=execution_id, status="Success")
        with self.assertRaisesRegex(ClientError, "AutomationExecutionNotFoundException"):
            self.execution(str(uuid.uuid4()))

    def test_from_a_state_machine(self) -> None:
        ended = self.call(
            "aws-sdk:ssm:startAutomationExecution", {"DocumentName": "heal--web--ec2", "Parameters": GIVEN}
        )
        execution_id = ended["output"]["AutomationExecutionId"]
        self.post("automations/finish", execution_id=execution_id, status="Success", emit=False)
        got = self.call("aws-sdk:ssm:getAutomationExecution", {"AutomationExecutionId": execution_id})["output"]
        found = got["AutomationExecution"]
        self.assertEqual("Success", found["AutomationExecutionStatus"])
        self.assertRegex(found["ExecutionEndTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        errors = {
            "Ssm.AutomationDefinitionNotFoundException": {"DocumentName": "heal--other"},
            "Ssm.InvalidAutomationExecutionParametersException": {"DocumentName": "heal--web--ec2"},
            "Ssm.ValidationException": {"DocumentName": "heal--web--ec2", "ClientToken": "x"},
        }
        for name, arguments in errors.items():
            self.assertEqual(name, self.call("aws-sdk:ssm:startAutomationExecution", arguments)["error"])

    def test_event(self) -> None:
        queue = self.clients["sqs"].create_queue(QueueName="q")["QueueUrl"]
        pattern = {
            "source": ["aws.ssm"],
            "detail-type": ["EC2 Automation Execution Status-change Notification"],
            "detail": {"Status": ["Success", "Failed"], "Definition": [{"prefix": "heal--"}]},
        }
        self.clients["events"].put_rule(Name="r", EventPattern=json.dumps(pattern))
        target = {"Id": "q", "Arn": f"arn:aws:sqs:eu-west-1:{self.account}:q"}
        self.clients["events"].put_targets(Rule="r", Targets=[target])
        execution_id = self.start()
        self.post("automations/finish", execution_id=execution_id, status="Success", emit=2)
        events = [json.loads(message["Body"]) for message in self.messages(queue)]
        self.assertEqual([execution_id] * 2, [event["detail"]["ExecutionId"] for event in events])
        self.assertEqual(1.0, events[0]["detail"]["DefinitionVersion"])
        self.assertRegex(events[0]["detail"]["EndTime"], r"^[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M$")
        self.assertTrue(events[0]["resources"][0].endswith(f":automation-execution/{execution_id}"))


class Alarms(LocalCase):
    """CloudWatch, through boto3 and from a state machine."""

    def alarm(self, name: str, **more: Any) -> None:
        """A metric alarm."""
        self.clients["cloudwatch"].put_metric_alarm(
            AlarmName=name, Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=1.5, ComparisonOperator="GreaterThanThreshold", **more,
        )  # fmt: skip

    def sdk(self, operation: str, **arguments: Any) -> Any:
        """What a state machine gets from CloudWatch."""
        return self.call(f"aws-sdk:cloudwatch:{operation}", arguments)["output"]

    def test_contributors(self) -> None:
        self.alarm("fleet")
        contributors = [{"id": f"c{number}", "attributes": {"InstanceId": f"i-{number}"}} for number in range(120)]
        self.post("contributors", alarm="fleet", contributors=contributors)
        fetches: list[Any] = [
            lambda **more: self.clients["cloudwatch"].describe_alarm_contributors(AlarmName="fleet", **more),
            lambda **more: self.sdk("describeAlarmContributors", AlarmName="fleet", **more),
        ]
        for fetch in fetches:
            sizes: list[int] = []
            more: dict[str, Any] = {}
            while True:
                answer = fetch(**more)
                sizes.append(len(answer["AlarmContributors"]))
                last = answer["AlarmContributors"][-1]
                if "NextToken" not in answer:
                    break
                more = {"NextToken": answer["NextToken"]}
            self.assertEqual([50, 50, 20], sizes)
            self.assertEqual({"InstanceId": "i-119"}, last["ContributorAttributes"])
        ended = self.call("aws-sdk:cloudwatch:describeAlarmContributors", {"AlarmName": "none"})
        self.assertEqual("CloudWatch.ResourceNotFoundException", ended["error"])
        ended = self.call("aws-sdk:cloudwatch:describeAlarmContributors", {"AlarmName": "fleet", "NextToken": "?"})
        self.assertEqual("CloudWatch.InvalidNextTokenException", ended["error"])

    def test_mutes(self) -> None:
        mutes = [{"name": "a", "alarms": ["x"]}, {"name": "b", "alarms": ["x", "y"], "status": "SCHEDULED"}]
        self.post("mutes", mutes=mutes)
        listed = self.clients["cloudwatch"].list_alarm_mute_rules(AlarmName="x", Statuses=["ACTIVE"])[
            "AlarmMuteRuleSummaries"
        ]
        self.assertEqual(
            [f"arn:aws:cloudwatch:eu-west-1:{self.account}:alarm-mute-rule:a"],
            [rule["AlarmMuteRuleArn"] for rule in listed],
        )
        self.assertEqual(2, len(self.sdk("listAlarmMuteRules")["AlarmMuteRuleSummaries"]))
        self.assertEqual(
            [], self.sdk("listAlarmMuteRules", AlarmName="y", Statuses=["ACTIVE"])["AlarmMuteRuleSummaries"]
        )

    def test_describe_alarms(self) -> None:
        recover = "arn:aws:automate:eu-west-1:ec2:recover"
        for number in range(5):
            self.alarm(f"heal--{number}", **({"AlarmActions": [recover]} if number % 2 else {}))
            if number < 4:
                state = {"StateValue": "ALARM", "StateReason": "r", "StateReasonData": "{}"}
                self.clients["cloudwatch"].set_alarm_state(AlarmName=f"heal--{number}", **state)
        self.alarm("other")
        names: list[str] = []
        more: dict[str, Any] = {}
        for _page in range(2):
            answer = self.sdk("describeAlarms", AlarmNamePrefix="heal--", StateValue="ALARM", MaxRecords=3, **more)
            names += [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]
            more = {"NextToken": answer.get("NextToken")}
        self.assertEqual([f"heal--{number}" for number in range(4)], names)
        self.assertIsNone(more["NextToken"])
        alarm = answer["MetricAlarms"][0]
        self.assertEqual(
            (1.5, 60, [recover], True),
            tuple(alarm[name] for name in ("Threshold", "Period", "AlarmActions", "ActionsEnabled")),
        )
        self.assertRegex(alarm["StateUpdatedTimestamp"], r"^\d{4}-.*Z$")
        for answer in (
            self.sdk("describeAlarms", ActionPrefix="arn:aws:automate:"),
            self.clients["cloudwatch"].describe_alarms(ActionPrefix="arn:aws:automate:"),
        ):
            self.assertEqual(["heal--1", "heal--3"], [alarm["AlarmName"] for alarm in answer["MetricAlarms"]])
        self.assertEqual([], self.sdk("describeAlarms", ActionPrefix="arn:none")["MetricAlarms"])

    def test_actions_off_and_on(self) -> None:
        self.alarm("a")
        for operation, enabled in (("disableAlarmActions", False), ("enableAlarmActions", True)):
            self.sdk(operation, AlarmNames=["a"])
            found = self.clients["cloudwatch"].describe_alarms(AlarmNames=["a"])["MetricAlarms"][0]
            self.assertEqual(enabled, found["ActionsEnabled"])

    def test_metrics_can_be_read_back(self) -> None:
        dimensions = [{"Name": "Rule", "Value": "web/ec2"}]
        datum = {"MetricName": "Events", "Dimensions": dimensions, "Value": 1, "Unit": "Count"}
        self.sdk("putMetricData", Namespace="Healing", MetricData=[datum, datum])
        listed = self.clients["cloudwatch"].list_metrics(Namespace="Healing")["Metrics"]
        self.assertEqual([dimensions], [metric["Dimensions"] for metric in listed])
        answer = self.clients["cloudwatch"].get_metric_statistics(
            Namespace="Healing", MetricName="Events", Dimensions=dimensions, Period=86400, Statistics=["Sum"],
            StartTime="2020-01-01T00:00:00Z", EndTime="2100-01-01T00:00:00Z",
        )  # fmt: skip
        self.assertEqual(2, sum(point["Sum"] for point in answer["Datapoints"]))


if __name__ == "__main__":
    unittest.main()
