"""Sequences in which a guard could be wrong: faults in a row, executions that die, people who act meanwhile."""

from __future__ import annotations

import unittest

from core_stack import GUARD, RECORDER, RESOURCE, RULE, TABLE, lease
from guard_case import GuardCase
from shapes import STATE, event, native_event, rested

OTHER = "i-0bb00000000000002"


def at(state: str, kind: str, times: int = 1, name: str = GUARD) -> dict[str, object]:
    """A fault in a state of the guard."""
    return {"machine": name, "state": state, "kind": kind, "times": times}


class Starts(GuardCase):
    """The start and what happens around it."""

    def test_a_lost_answer_among_throttles_is_not_forgotten(self) -> None:
        self.faults(at("Start", "timeout_after"), at("Start", "throttle", times=99))
        self.assertEqual("Heal.StartUnknown", self.decision(self.alarm_event("e1")))
        self.assertEqual(1, len(self.automations()))
        self.faults()
        self.rule("shop/other")
        self.assertEqual("IN_FLIGHT", self.decision(self.alarm_event("e2", identity="shop/other")))
        self.finish()
        self.assertEqual("completed", self.ledger()["EVENT#e1"]["status"])

    def test_a_throttled_start_is_tried_again(self) -> None:
        self.faults(at("Start", "throttle", times=7))
        self.assertEqual("STARTED", self.decision(self.alarm_event("e1")))
        self.assertEqual(1, len(self.automations()))

    def test_a_start_that_is_throttled_for_ever_is_undone(self) -> None:
        self.faults(at("Start", "throttle", times=999))
        self.assertEqual("Heal.StartFailed", self.decision(self.alarm_event("e1")))
        found = self.ledger()
        self.assertEqual({STATE, f"RATE#{RULE}", "EVENT#e1"}, set(found))
        self.assertEqual(rested().keys(), found[STATE].keys())

    def test_a_general_error_that_refuses_is_no_unknown_start(self) -> None:
        refusal = {**at("Start", "error", times=999), "error": "Ssm.SsmException"}
        self.faults(refusal)
        self.assertEqual("Heal.StartUnknown", self.decision(self.alarm_event("e1")), "without a cause nobody knows")

    def test_pause_while_the_start_is_tried(self) -> None:
        self.faults(at("Start", "throttle", times=99), at("ReadSwitchesAgain", "hang"))
        arn = self.begin(GUARD, self.alarm_event("e1"))
        self.eventually(lambda: self.get("faults")["hanging"] == 1)
        self.pause("shop")
        self.post("faults/release")
        self.assertEqual("PAUSED", self.ended(arn)["output"]["decision"])
        self.assertEqual([], self.automations())
        self.assertEqual(0, self.ledger("CONTROL")[STATE]["att#shop/heal"])

    def test_lease_that_is_gone_when_the_start_comes(self) -> None:
        for step in ("Confirm", "Note"):
            with self.subTest(step):
                case = Starts("test_lease_that_is_gone_when_the_start_comes")
                case.launcher = self.launcher
                case.setUp()
                case.faults(at(step, "hang"))
                arn = case.begin(GUARD, case.alarm_event("e1"))
                case.eventually(lambda case=case: case.get("faults")["hanging"] == 1)
                if step == "Confirm":
                    case.age(lease() + 700)
                else:
                    item = {"pk": {"S": f"EVENT#{case.event_id('e1')}"}, "sk": {"S": "EVENT"}}
                    case.clients["dynamodb"].update_item(
                        TableName=TABLE,
                        Key=item,
                        UpdateExpression="SET #s = :f",
                        ExpressionAttributeNames={"#s": "status"},
                        ExpressionAttributeValues={":f": {"S": "failed"}},
                    )
                case.post("faults/release")
                self.assertIn(case.ended(arn)["output"]["decision"], ("RACE_LOST", "DUPLICATE"))
                self.assertEqual([], case.automations())
                self.assertNotIn("leaseUntil", case.ledger()[STATE])


class Deaths(GuardCase):
    """Executions that end between two states: stopped by a person, or by a time limit."""

    STATES = ("TakeLease", "TakePlace", "TakeHour", "Confirm", "Note", "Start", "RecordStart")

    def test_whatever_a_dead_guard_held_is_found(self) -> None:
        for state in self.STATES:
            with self.subTest(state):
                case = Deaths("test_whatever_a_dead_guard_held_is_found")
                case.launcher = self.launcher
                case.setUp()
                case.faults(at(state, "hang"))
                arn = case.begin(GUARD, case.alarm_event("e1"))
                case.eventually(lambda case=case: case.get("faults")["hanging"] == 1)
                case.clients["stepfunctions"].stop_execution(executionArn=arn)
                case.post("faults/release")
                case.settle()
                started = len(case.automations())
                for _ in range(started):
                    case.finish(emit=False)
                case.age(lease() + 10)
                case.sweep()
                found = case.ledger()
                # Stopping an execution does not stop the call that it is in.
                self.assertEqual("completed" if state == "RecordStart" else "failed", found["EVENT#e1"]["status"])
                self.assertEqual(
                    [], [key for key, item in found.items() if item.get("leaseUntil", 0) > 0 or "open" in item]
                )
                case.age(700)
                self.assertEqual("STARTED", case.decision(case.alarm_event("e2")))
                self.assertEqual(started + 1, len(case.automations()))

    def test_release_that_failed_is_done_by_the_sweeper(self) -> None:
        for state in ("ReleaseLease", "ReleasePlace"):
            with self.subTest(state):
                case = Deaths("test_release_that_failed_is_done_by_the_sweeper")
                case.launcher = self.launcher
                case.setUp()
                case.guard(case.alarm_event("e1"))
                case.faults(at(state, "throttle", times=999, name=RECORDER))
                case.finish()
                case.faults()
                self.assertEqual("in_progress", case.ledger()["EVENT#e1"]["status"])
                case.age(lease() - 800)
                case.sweep()
                found = case.ledger()
                self.assertEqual("completed", found["EVENT#e1"]["status"])
                self.assertEqual([], [key for key, item in found.items() if "leaseUntil" in item])


class Reruns(GuardCase):
    """A person runs an automation again with the parameters of the first."""

    def rerun(self) -> str:
        """Another automation of the same healing."""
        parameters = {"ResourceId": [RESOURCE], "HealEventId": [self.event_id("e1")]}
        return str(
            self.clients["ssm"].start_automation_execution(DocumentName="heal--shop--heal", Parameters=parameters)[
                "AutomationExecutionId"
            ]
        )

    def test_while_the_first_runs(self) -> None:
        self.guard(self.alarm_event("e1"))
        copy = self.rerun()
        self.labels[copy] = "copy"
        self.finish(index=1)
        found = self.ledger()
        self.assertEqual("e1", found[STATE]["leaseOwner"], "the first still holds its lease")
        self.assertEqual("in_progress", found["EVENT#e1"]["status"])
        self.assertEqual("started by hand", found["EVENT#copy"]["evidence"])
        self.finish(index=0)
        self.assertEqual("completed", self.ledger()["EVENT#e1"]["status"])

    def test_after_the_first(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.finish("Failed")
        self.labels[self.rerun()] = "copy"
        self.finish()
        self.assertEqual(
            ("failed", "completed"), (self.ledger()["EVENT#e1"]["status"], self.ledger()["EVENT#copy"]["status"])
        )


class Escalations(GuardCase):
    """Spent attempts, and a next rule that cannot at once."""

    def test_next_rule_that_was_refused_is_offered_again(self) -> None:
        self.rule(RULE, max_attempts=1, escalate_to="second")
        self.rule("shop/second")
        self.guard(self.alarm_event("e1"))
        self.finish("Failed")
        self.age(601)
        self.pause("shop/second")
        self.fleet_alarm()
        for _ in range(2):
            self.sweep()
        self.assertEqual(1, len(self.automations()))
        before = self.notices()
        self.resume("shop/second")
        self.sweep()
        self.assertEqual("heal--shop--second", self.automations()[-1]["DocumentName"])
        self.assertEqual(before, self.notices(), "told once")

    def test_two_events_at_once_tell_once(self) -> None:
        self.rule(RULE, max_attempts=1)
        self.guard(self.alarm_event("e1"))
        self.finish("Failed")
        self.age(601)
        before = self.notices()
        self.faults(at("RememberTold", "hang", times=2))
        arns = [self.begin(GUARD, self.alarm_event(label)) for label in ("e2", "e3")]
        self.eventually(lambda: self.get("faults")["hanging"] == 2)
        self.post("faults/release")
        for arn in arns:
            self.assertEqual("MAX_ATTEMPTS", self.ended(arn)["output"]["decision"])
        self.assertEqual(before + 1, self.notices())


class Signals(GuardCase):
    """What alarms say besides."""

    def test_a_fleet_alarm_speaks_once_more_for_itself(self) -> None:
        for label, state in (("e1", "ALARM"), ("e2", "OK")):
            summary = self.alarm_event(label, state=state)
            del summary["detail"]["alarmContributor"]
            summary["detail"]["configuration"] = {
                "metrics": [
                    {"id": "fleet", "expression": "SELECT MAX(X) FROM Y GROUP BY InstanceId", "returnData": True}
                ]
            }
            self.assertEqual("IGNORED", self.decision(summary))
        self.assert_ledger({})

    def test_native_action_that_was_held_back_is_no_healing(self) -> None:
        self.pause("shop")
        self.assertEqual("PAUSED", self.decision(self.alarm_event("e1", signal="system")))
        self.assertEqual("RECORDED", self.decision(self.alarm_event("ok", signal="system", state="OK")))
        self.settle()
        self.assertEqual(
            ["skipped"], [item["status"] for key, item in self.ledger().items() if key.startswith("EVENT#")]
        )

    def test_native_healing_ends_while_its_alarm_is_muted(self) -> None:
        self.send(self.alarm_event("e1", signal="system"))
        self.send(self.alarm_event("ok", signal="system", state="OK", detail={"muteDetail": {"mutedByArn": "arn"}}))
        self.assert_ledger(
            {"EVENT#e1": native_event("e1", "completed", end_time=1, reason="", error_message="", execution_id=False)}
        )

    def test_further_resource_that_the_event_does_not_name(self) -> None:
        also = {"also": [{"service": "ec2", "type": "instance", "dimension": "InstanceId"}]}
        self.rule("shop/volume", resource={"service": "ec2", "type": "volume", "dimensions": ["VolumeId"], **also})
        injected = self.alarm_event(
            "e1", heal={"stack": "shop", "rule": "volume", "signal": "unrecovered", "resource": "vol-1"}
        )
        injected["detail"] = {}
        self.assertEqual("Heal.Unroutable", self.decision(injected))
        self.assert_ledger({})

    def test_agents_pending_after_in_progress(self) -> None:
        self.publish(self.agent_event("a1", "in_progress"))
        self.publish(self.agent_event("a1", "pending"))
        self.assertEqual("in_progress", self.ledger()["EVENT#a1"]["status"])

    def test_a_second_event_while_the_first_decides(self) -> None:
        self.faults(at("TakeHour", "hang"))
        arn = self.begin(GUARD, self.alarm_event("e1"))
        self.eventually(lambda: self.get("faults")["hanging"] == 1)
        self.assertEqual("IN_FLIGHT", self.decision(self.alarm_event("e2")))
        self.assertEqual("BUDGET_RULE", self.decision(self.alarm_event("e3", resource=OTHER)))
        self.post("faults/release")
        self.assertEqual("STARTED", self.ended(arn)["output"]["decision"])
        self.assertEqual("skipped", self.ledger()["EVENT#e2"]["status"])
        self.assertEqual(event("e2", "skipped")["stack"], self.ledger()["EVENT#e2"]["stack"])


if __name__ == "__main__":
    unittest.main()
