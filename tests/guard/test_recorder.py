"""How healings end: runbooks, native healings, lost, late and repeated events."""

from __future__ import annotations

import json
import unittest

from core_stack import RECORDER, RESOURCE, RULE, SHIPPED, lease
from guard_case import GuardCase
from shapes import STATE, ended, event, healing, native_event, rested

KEY = f"ec2:instance/{RESOURCE}"
NATIVE = f"NATIVE#{RULE}#{KEY}|system"


def over(status: str = "completed", **more: object) -> dict[str, dict[str, object]]:
    """What a healing leaves behind."""
    return {STATE: rested(), "RATE#shop/heal": {"started": 1}, "EVENT#e1": ended("e1", status, **more)}


class Runbooks(GuardCase):
    """The final status of a runbook."""

    def setUp(self) -> None:
        super().setUp()
        self.guard(self.alarm_event("e1"))

    def test_failed_runbook_says_which_step(self) -> None:
        self.finish("Failed", failed_step="stop", failure_message="UnauthorizedOperation")
        self.assert_ledger(over("failed", reason="FAILED", error_message="step stop: UnauthorizedOperation"))

    def test_failed_runbook_says_the_step_that_mattered(self) -> None:
        self.finish("Failed", failed_step="stop", failure_message="UnauthorizedOperation", forgiven=["describe"])
        self.assertEqual("step stop: UnauthorizedOperation", self.ledger()["EVENT#e1"]["error_message"])

    def test_every_other_end_is_a_failure_with_its_reason(self) -> None:
        self.finish("TimedOut")
        self.assertEqual("TIMED_OUT", self.ledger()["EVENT#e1"]["reason"])
        self.assertEqual("failed", self.ledger()["EVENT#e1"]["status"])

    def test_event_that_comes_twice(self) -> None:
        self.finish(emit=2)
        self.assertEqual(2, len(self.executions(RECORDER)))
        self.assert_ledger(over())
        self.assertEqual(1, self.notices(), "told once")

    def test_event_that_comes_late(self) -> None:
        execution = self.finish(emit=False)
        self.age(7200)
        self.begin(RECORDER, {"source": "aws.ssm", "detail": {"ExecutionId": execution}})
        self.settle()
        found = self.ledger()
        self.assertNotIn("leaseUntil", found[STATE])
        self.assertEqual("completed", found["EVENT#e1"]["status"])
        self.assertEqual([], [key for key in found if key.startswith("SLOT#")])

    def test_late_end_of_a_healing_whose_resource_is_healed_again(self) -> None:
        execution = self.finish(emit=False)
        self.age(lease() + 700)
        self.assertEqual("STARTED", self.decision(self.alarm_event("e2")))
        self.begin(RECORDER, {"source": "aws.ssm", "detail": {"ExecutionId": execution}})
        self.settle()
        found = self.ledger()
        self.assertEqual("e2", found[STATE]["leaseOwner"], "the new lease is not given back by the old healing")
        self.assertIn("SLOT#shop/heal|e2", found)
        self.assertEqual("completed", found["EVENT#e1"]["status"])

    def test_early_event_of_a_run_that_goes_on_changes_nothing(self) -> None:
        execution = str(self.automations()[0]["AutomationExecutionId"])
        self.begin(RECORDER, {"source": "aws.ssm", "detail": {"ExecutionId": execution}})
        self.settle()
        self.assert_ledger(healing("e1"))

    def test_cooldown_begins_at_the_end_not_when_it_is_heard_of(self) -> None:
        execution = self.finish(emit=False)
        self.begin(RECORDER, {"source": "aws.ssm", "detail": {"ExecutionId": execution}})
        self.settle()
        ended_at = self.automations()[0]["ExecutionEndTime"]
        self.assertAlmostEqual(ended_at + 600 - self.start, self.ledger()[STATE]["cd#shop/heal"], delta=2)

    def test_notifications_as_the_rule_says(self) -> None:
        self.finish()
        self.assertEqual(1, self.notices())
        self.rule(RULE, notify="failures")
        for index, (status, told) in enumerate((("Success", 0), ("Failed", 1))):
            before = self.notices()
            self.guard(self.alarm_event(f"n{index}", resource=f"i-0ff0000{index}"))
            self.finish(status)
            self.assertEqual(before + told, self.notices(), status)

    def test_metric(self) -> None:
        self.finish()
        metrics = self.clients["cloudwatch"].list_metrics(Namespace="Healing")["Metrics"]
        dimensions = [{each["Name"]: each["Value"] for each in metric["Dimensions"]} for metric in metrics]
        self.assertEqual([{"Stack": "shop", "Rule": "heal", "Status": "completed"}], dimensions)


class ByHand(GuardCase):
    """A runbook that a person started."""

    def test_is_recorded_and_gives_nothing_back(self) -> None:
        self.labels["91981ed1-f03c-576e-afa8-5cf6344d99ed"] = "hand"
        parameters = {"ResourceId": [RESOURCE], "HealEventId": ["91981ed1-f03c-576e-afa8-5cf6344d99ed"]}
        self.clients["ssm"].start_automation_execution(DocumentName="heal--shop--heal", Parameters=parameters)
        self.finish()
        expected = event(
            "hand",
            "completed",
            evidence="started by hand",
            end_time=1,
            attempt_count=1,
            reason="",
            error_message="",
            execution_id=True,
        )
        self.assert_ledger({"EVENT#hand": expected})

    def test_automation_of_somebody_else_is_left_alone(self) -> None:
        self.begin(RECORDER, {"source": "aws.ssm", "detail": {"ExecutionId": self.foreign()}})
        self.settle()
        self.assert_ledger({})

    def foreign(self) -> str:
        """An automation without a healing's parameters."""
        content = {
            "schemaVersion": "0.3",
            "mainSteps": [{"name": "a", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}],
        }
        properties = {"Name": "heal--backup", "DocumentType": "Automation", "Content": content}
        self.create_stack(
            "other", json.dumps({"Resources": {"D": {"Type": "AWS::SSM::Document", "Properties": properties}}})
        )
        started = self.clients["ssm"].start_automation_execution(DocumentName="heal--backup")["AutomationExecutionId"]
        self.post("automations/finish", execution_id=started, status="Success", emit=False)
        return str(started)


class NativeAlarms(GuardCase):
    """EC2's own alarm actions: begun with ALARM, ended with OK."""

    def alarm(self, label: str, state: str = "ALARM", **more: object) -> None:
        """An event of the alarm on which EC2 recovers the instance."""
        self.guard(self.alarm_event(label, signal="system", state=state, **more))
        self.settle()

    def test_alarm_opens_and_ok_completes(self) -> None:
        self.alarm("e1")
        opened = native_event("e1", "in_progress", open="open", deadline=6 * 3600)
        self.assert_ledger({"EVENT#e1": opened, NATIVE: {"event": "e1", "part": ""}})
        self.alarm("ok", "OK")
        closed = native_event("e1", "completed", end_time=1, reason="", error_message="", execution_id=False)
        self.assert_ledger({"EVENT#e1": closed})
        self.assertEqual(1, self.notices())

    def test_alarm_that_is_offered_again_stays_one_event(self) -> None:
        self.alarm("e1")
        self.alarm("e2")
        self.assertEqual({"EVENT#e1", NATIVE}, set(self.ledger()))

    def test_ok_because_the_series_vanished_is_no_healing(self) -> None:
        self.alarm("e1")
        self.alarm("ok", "OK", reason="No data was returned for this contributor")
        found = self.ledger()["EVENT#e1"]
        self.assertEqual(("failed", "NO_DATA"), (found["status"], found["reason"]))

    def test_ok_without_an_alarm_is_nothing(self) -> None:
        self.alarm("ok", "OK")
        self.assert_ledger({})

    def test_ok_twice(self) -> None:
        self.alarm("e1")
        self.alarm("ok1", "OK")
        self.alarm("ok2", "OK")
        self.assertEqual({"EVENT#e1"}, set(self.ledger()))
        self.assertEqual(1, self.notices())


class LeftAlone(GuardCase):
    """A runbook that looked and left its resource alone."""

    LOOKED = ("describe", "status", "stillImpaired", "leaveAlone")

    def test_it_healed_nothing_and_spent_no_attempt(self) -> None:
        people = self.notices()
        for index in range(4):
            self.assertEqual("STARTED", self.decision(self.alarm_event(f"e{index}")))
            self.finish(ran=self.LOOKED)
            found = self.ledger()
            self.assertEqual(("skipped", "RECOVERED"), (found[f"EVENT#e{index}"]["status"], found[f"EVENT#e{index}"]["reason"]))
            self.assertEqual((0, 0), (found[STATE]["att#shop/heal"], found[STATE]["win#shop/heal"]))
            self.assertNotIn("leaseUntil", found[STATE])
            self.assertAlmostEqual(600, found[STATE]["cd#shop/heal"], delta=40)
            self.assertEqual("COOLDOWN", self.decision(self.alarm_event(f"c{index}")))
            self.age(700)
        self.assertEqual(people, self.notices(), "nobody hears of it")

    def test_attempts_of_before_stay_spent(self) -> None:
        for attempt in (1, 2):
            self.guard(self.alarm_event(f"e{attempt}"))
            self.finish("Failed")
            self.age(601)
        self.guard(self.alarm_event("idle"))
        self.finish(ran=self.LOOKED)
        self.age(601)
        self.assertEqual(2, self.ledger()[STATE]["att#shop/heal"])
        self.assertEqual("STARTED", self.decision(self.alarm_event("e3")))
        self.finish("Failed")
        self.age(601)
        self.assertEqual("MAX_ATTEMPTS", self.decision(self.alarm_event("e4")))

    def test_it_begins_no_longer_cooldown_than_an_event_may_be_old(self) -> None:
        self.rule(RULE, cooldown_seconds=6 * 3600)
        self.guard(self.alarm_event("e1"))
        self.finish(ran=self.LOOKED)
        self.assertAlmostEqual(900, self.ledger()[STATE]["cd#shop/heal"], delta=40)
        self.assertEqual("COOLDOWN", self.decision(self.alarm_event("e2")))
        self.age(950)
        self.assertEqual("STARTED", self.decision(self.alarm_event("e3")))
        self.finish()
        self.assertAlmostEqual(6 * 3600, self.ledger()[STATE]["cd#shop/heal"], delta=40)

    def test_a_repeated_end_changes_nothing(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.finish(ran=self.LOOKED, emit=3)
        found = self.ledger()
        self.assertEqual(("skipped", 0), (found["EVENT#e1"]["status"], found[STATE]["att#shop/heal"]))


class ServiceEvents(GuardCase):
    """What services say of their own healing."""

    CASES = (
        (
            "aws.autoscaling",
            "EC2 Instance Terminate Successful",
            {"Cause": "taken out of service in response to an ELB system health check failure"},
            "in_progress",
        ),
        ("aws.autoscaling", "EC2 Instance Terminate Successful", {"Cause": "a user request"}, None),
        ("aws.autoscaling", "EC2 Instance Launch Successful", {"StatusCode": "InProgress"}, None),
        ("aws.autoscaling", "EC2 Instance Launch Unsuccessful", {"StatusMessage": "no capacity"}, "failed"),
        (
            "aws.ecs",
            "ECS Deployment State Change",
            {"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS", "reason": "rolling back to x"},
            "in_progress",
        ),
        (
            "aws.ecs",
            "ECS Deployment State Change",
            {"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS", "reason": "in progress"},
            None,
        ),
        ("aws.ecs", "ECS Deployment State Change", {"eventName": "SERVICE_DEPLOYMENT_COMPLETED"}, None),
        ("aws.ecs", "ECS Deployment State Change", {"eventName": "SERVICE_DEPLOYMENT_FAILED"}, "failed"),
        ("aws.ecs", "ECS Service Action", {"eventName": "SERVICE_TASK_START_IMPAIRED"}, "failed"),
        ("aws.rds", "RDS DB Instance Event", {"EventID": "RDS-EVENT-0013"}, "in_progress"),
        ("aws.rds", "RDS DB Instance Event", {"EventID": "RDS-EVENT-0050"}, "in_progress"),
        ("aws.rds", "RDS DB Instance Event", {"EventID": "RDS-EVENT-0051"}, "completed"),
        ("aws.rds", "RDS DB Instance Event", {"EventID": "RDS-EVENT-0020"}, "in_progress"),
        ("aws.rds", "RDS DB Instance Event", {"EventID": "RDS-EVENT-0021"}, "completed"),
        (
            "aws.rds",
            "RDS DB Instance Event",
            {"EventID": "RDS-EVENT-0049", "Message": "failover completed"},
            "completed",
        ),
        ("aws.rds", "RDS DB Cluster Event", {"EventID": "RDS-EVENT-0069"}, "failed"),
        ("aws.arc-zonal-shift", "Autoshift In Progress", {"metadata": {"awayFrom": "use1-az2"}}, "in_progress"),
        ("aws.arc-zonal-shift", "Autoshift Completed", {}, "completed"),
        ("aws.arc-zonal-shift", "Practice Run Started", {}, None),
        ("aws.backup", "Backup Job State Change", {"state": "RUNNING"}, None),
        ("aws.backup", "Backup Job State Change", {"state": "COMPLETED"}, None),
        ("aws.backup", "Backup Job State Change", {"state": "EXPIRED", "statusMessage": "window missed"}, "failed"),
        ("aws.backup", "Restore Job State Change", {"status": "RUNNING"}, "in_progress"),
        ("aws.backup", "Restore Job State Change", {"status": "COMPLETED"}, "completed"),
    )

    def send(
        self, label: str, source: str, kind: str, detail: dict[str, object], resource: str = "ecs:{}:service/prod/web"
    ) -> None:
        """The event as a rule's own event rule hands it to the recorder."""
        event_id = f"00000000-0000-4000-8000-{len(self.labels):012}"
        self.labels[event_id] = label
        heal = {
            "stack": "shop",
            "rule": "web",
            "layer": "platform",
            "action": "restart",
            "notify": "all",
            "resource": "arn:aws:" + resource.format(f"eu-west-1:{self.account}"),
        }
        self.begin(RECORDER, {"id": event_id, "source": source, "detail-type": kind, "heal": heal, "detail": detail})
        self.settle()

    def test_an_auto_scaling_groups_arn_has_more_in_it_than_its_name(self) -> None:
        group = "autoscaling:{}:autoScalingGroup:930d940e-891e-4781-a11a-7b0acd480f03:autoScalingGroupName/web"
        self.send("s1", "aws.autoscaling", "EC2 Instance Launch Unsuccessful", {"StatusMessage": "none"}, group)
        found = self.ledger()["EVENT#s1"]
        self.assertEqual(("autoscaling:autoScalingGroup/web", "web"), (found["resource_key"], found["resource_id"]))

    def test_each_service_says_beginning_and_end_in_its_own_words(self) -> None:
        for index, (source, kind, detail, status) in enumerate(self.CASES):
            with self.subTest(f"{source} {kind} {detail}"):
                self.send(f"s{index}", source, kind, detail)
                found = self.ledger()
                events = [value["status"] for key, value in found.items() if key.startswith("EVENT#")]
                self.assertEqual([status] if status else [], events)
                self.assertEqual(status == "in_progress", any(key.startswith("NATIVE#") for key in found))
                for item in self.scan():
                    self.clients["dynamodb"].delete_item(
                        TableName="heal--core--ledger", Key={"pk": item["pk"], "sk": item["sk"]}
                    )

    def test_beginning_and_end_are_one_event(self) -> None:
        self.send("begin", "aws.rds", "RDS DB Instance Event", {"EventID": "RDS-EVENT-0013"})
        self.send("end", "aws.rds", "RDS DB Instance Event", {"EventID": "RDS-EVENT-0049"})
        self.assertEqual({"EVENT#begin"}, set(self.ledger()))
        found = self.ledger()["EVENT#begin"]
        self.assertEqual(
            ("completed", "ecs:service/prod/web", "prod/web"),
            (found["status"], found["resource_key"], found["resource_id"]),
        )

    def test_a_rollback_that_ends_well(self) -> None:
        kind = "ECS Deployment State Change"
        self.send(
            "begin",
            "aws.ecs",
            kind,
            {"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS", "reason": "rolling back to deployment 1"},
        )
        self.send("end", "aws.ecs", kind, {"eventName": "SERVICE_DEPLOYMENT_COMPLETED"})
        self.assertEqual(["completed"], [item["status"] for item in self.ledger().values()])

    def rollback(self, label: str, what: str, deployment: str, reason: str = "tasks failed to start") -> None:
        """What ECS says of a deployment."""
        detail = {"eventName": f"SERVICE_DEPLOYMENT_{what}", "deploymentId": deployment, "reason": reason}
        self.send(label, "aws.ecs", "ECS Deployment State Change", detail)

    def test_a_failure_that_is_told_after_its_rollback_began_does_not_end_it(self) -> None:
        self.rollback("begin", "IN_PROGRESS", "ecs-svc/2", "rolling back to deploymentId ecs-svc/2")
        self.rollback("late", "FAILED", "ecs-svc/1")
        self.send("tasks", "aws.ecs", "ECS Service Action", {"eventName": "SERVICE_TASK_START_IMPAIRED"})
        self.assertEqual("in_progress", self.ledger()["EVENT#begin"]["status"])
        self.rollback("end", "COMPLETED", "ecs-svc/2")
        self.assertEqual(["completed"], [item["status"] for item in self.ledger().values()])

    def test_a_rollback_that_fails_itself(self) -> None:
        self.rollback("begin", "IN_PROGRESS", "ecs-svc/2", "rolling back to deploymentId ecs-svc/2")
        self.rollback("end", "FAILED", "ecs-svc/2")
        self.assertEqual(["failed"], [item["status"] for item in self.ledger().values()])

    def failover(self, label: str, number: str) -> None:
        """What RDS says of a failover."""
        self.send(label, "aws.rds", "RDS DB Instance Event", {"EventID": f"RDS-EVENT-{number}"}, "rds:{}:db:orders")

    def leased(self, until: float) -> None:
        """A healing has the database, for so many seconds."""
        item = {"pk": "RES#rds:db/orders", "sk": "STATE", "leaseUntil": int(self.start + until), "schema_version": 1}
        self.put({**item, "leaseOwner": "x", "leaseHolder": "y", "leaseRule": "shop/db", "ttl": int(self.start) + 9000})

    def test_a_failover_that_a_runbook_asked_for_is_not_written_twice(self) -> None:
        self.leased(3600)
        self.failover("begin", "0013")
        self.failover("end", "0049")
        self.assertEqual(set(), {key for key in self.ledger() if key.startswith(("EVENT#", "NATIVE#"))})

    def test_a_failover_that_began_before_the_runbook_ends(self) -> None:
        self.failover("begin", "0013")
        self.leased(3600)
        self.failover("end", "0049")
        self.assertEqual("completed", self.ledger()["EVENT#begin"]["status"])

    def test_a_failover_after_the_lease_is_awss_own(self) -> None:
        self.leased(-60)
        self.failover("begin", "0013")
        self.assertEqual("in_progress", self.ledger()["EVENT#begin"]["status"])

    def test_event_of_ecs_comes_over_the_shipped_rules_own_event_rule(self) -> None:
        shipped = dict(SHIPPED["EcsServiceHealingDeployment"])
        self.create_stack("ecs", json.dumps({"Resources": {"Deployment": shipped}}))
        resource = f"arn:aws:ecs:eu-west-1:{self.account}:service/checkout/web"
        event = {
            "source": "aws.ecs",
            "detail-type": "ECS Deployment State Change",
            "resources": [resource],
            "detail": {"eventName": "SERVICE_DEPLOYMENT_FAILED", "reason": "tasks failed to start"},
        }
        self.post("events", events=[event])
        self.settle()
        [found] = self.ledger().values()
        self.assertEqual(
            ("checkout", "ecs-service-healing", "failed", "checkout/web"),
            (found["stack"], found["rule_name"], found["status"], found["resource_id"]),
        )

    def test_other_events_are_no_healing(self) -> None:
        self.send("s", "aws.rds", "RDS DB Instance Event", {"EventID": "RDS-EVENT-0003"})
        self.assert_ledger({})


class Inputs(GuardCase):
    """What the recorder does not understand."""

    def test_fails(self) -> None:
        execution = self.ended(self.begin(RECORDER, {"hello": 1}))
        self.assertEqual("Heal.NotUnderstood", execution["error"])
        self.assert_ledger({})


if __name__ == "__main__":
    unittest.main()
