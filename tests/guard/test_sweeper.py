"""What the sweeper finds: failures that go on, ends that got lost, switches, summaries."""

from __future__ import annotations

import json
import time
import unittest

from core_stack import GUARD, RESOURCE, RULE, SWEEPER, lease
from guard_case import GuardCase
from shapes import STATE, ended, healing, rested

OTHER = "i-0bb00000000000002"
NATIVE = "arn:aws:automate:eu-west-1:ec2:recover"


class Offers(GuardCase):
    """Alarms still in ALARM are offered again."""

    def test_contributor_of_a_fleet_alarm(self) -> None:
        self.fleet_alarm()
        self.assertEqual("SUCCEEDED", self.sweep()["status"])
        [automation] = self.automations()
        self.assertEqual([RESOURCE], automation["Parameters"]["ResourceId"])
        self.assertEqual("e", self.ledger()[STATE]["leaseOwner"] and "e")

    def test_alarm_for_one_resource_and_metric_math(self) -> None:
        self.single_alarm("heal--shop--heal--unrecovered--web")
        self.sweep()
        self.assertEqual(1, len(self.automations()))

    def test_alarms_that_are_ok_or_not_healstacks_are_not_offered(self) -> None:
        self.single_alarm("heal--shop--heal--unrecovered--web", state="OK")
        self.single_alarm("heal-core--guard-failed")
        self.single_alarm("somebody-elses")
        self.sweep()
        self.assertEqual([], self.executions(GUARD))

    def test_a_refused_offer_leaves_only_that_the_failure_was_seen(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.finish()
        self.fleet_alarm()
        self.sweep()
        self.sweep()
        self.assert_ledger({STATE: rested(), "RATE#shop/heal": {"started": 1}, "EVENT#e1": ended("e1")})
        self.age(601)
        self.sweep()
        self.assertEqual(2, len(self.automations()), "after the cooldown the offer is taken")

    def test_spent_attempts_are_told_by_a_sweep_too_and_once(self) -> None:
        self.rule(RULE, max_attempts=1)
        self.guard(self.alarm_event("e1"))
        self.finish()
        self.age(601)
        self.fleet_alarm()
        before = self.notices()
        for _ in range(3):
            self.sweep()
        self.assertEqual(before + 1, self.notices())
        reasons = [
            value["reason"]
            for key, value in self.ledger().items()
            if key.startswith("EVENT#") and value["status"] == "skipped"
        ]
        self.assertEqual(["MAX_ATTEMPTS"], reasons)

    def test_mute_rules_and_suppressors_hold_for_offers(self) -> None:
        name = self.fleet_alarm()
        self.post("mutes", mutes=[{"name": "night", "alarms": [name], "status": "ACTIVE"}])
        self.sweep()
        self.assert_ledger({STATE: {"last#shop/heal": 1}})
        self.post("mutes", mutes=[{"name": "night", "alarms": [name], "status": "EXPIRED"}])
        self.rule(RULE, suppress_while="down")
        self.single_alarm("down")
        self.sweep()
        self.assertEqual([], self.automations())
        self.set_state("down", "OK")
        self.sweep()
        self.assertEqual(1, len(self.automations()))

    def test_pages_through_any_number_of_alarms(self) -> None:
        self.rule(RULE, mode="off")
        for index in range(45):
            self.single_alarm(f"heal--shop--heal--unrecovered--n{index:03}", resource=f"i-0{index:08}")
        self.sweep()
        self.assertEqual(3, len(self.executions(SWEEPER)), "20 a page")
        offered = {each["input"]["detail"]["alarmName"] for each in self.executions(GUARD)}
        self.assertEqual(45, len(offered))

    def test_pages_through_contributors(self) -> None:
        self.rule(RULE, mode="off")
        self.fleet_alarm(resources=tuple(f"i-0{index:08}" for index in range(73)))
        self.sweep()
        self.assertEqual(73, len(self.executions(GUARD)))

    def test_native_alarm_is_not_offered(self) -> None:
        self.fleet_alarm("system")
        self.sweep()
        self.assert_ledger({})

    def test_orphan_alarm_does_not_fail_the_guard_every_five_minutes(self) -> None:
        self.single_alarm("heal--gone--rule--signal")
        self.single_alarm("heal--nonsense")
        self.sweep()
        self.assertEqual({"IGNORED"}, {each["output"]["decision"] for each in self.executions(GUARD)})


class Unfinished(GuardCase):
    """Healings whose end was not heard of."""

    def test_lost_end_of_a_runbook_is_found(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.finish("Failed", emit=False, failure_message="no capacity")
        self.sweep()
        self.assert_ledger(healing("e1"))
        self.age(lease() + 10)
        self.sweep()
        found = self.ledger()
        self.assertEqual(("failed", "no capacity"), (found["EVENT#e1"]["status"], found["EVENT#e1"]["error_message"]))
        self.assertNotIn("leaseUntil", found[STATE])
        self.assertEqual([], [key for key in found if key.startswith("SLOT#")])
        self.assertAlmostEqual(600, found[STATE]["cd#shop/heal"], delta=40)

    def test_runbook_that_goes_on_keeps_its_lease_and_slots(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.age(lease() + 10)
        self.sweep()
        found = self.ledger()
        for key in (STATE, "SLOT#shop/heal|e1", "SLOT#ALL|e1"):
            self.assertAlmostEqual(1800, found[key]["leaseUntil"], delta=40, msg=key)
        self.assertAlmostEqual(2400, found[STATE]["cd#shop/heal"], delta=40)
        self.assertAlmostEqual(900, found["EVENT#e1"]["deadline"], delta=40)
        self.assertEqual("IN_FLIGHT", self.decision(self.alarm_event("e2")))
        self.finish()
        self.assertEqual("completed", self.ledger()["EVENT#e1"]["status"])

    def test_overdue_runbook_is_told_once(self) -> None:
        self.guard(self.alarm_event("e1"))
        for _ in range(3):
            self.age(lease() - 890)
            self.sweep()
        self.assertEqual(1, self.notices())
        self.finish()
        self.assertEqual(2, self.notices())

    def test_runbook_that_goes_on_is_extended_before_its_resource_is_offered(self) -> None:
        self.rule("shop/other")
        self.guard(self.alarm_event("e1"))
        self.fleet_alarm(identity="shop/other")
        self.fleet_alarm()
        for _ in range(8):
            self.age(800)
            self.sweep()
            self.assertEqual(1, len(self.automations()), "it runs, so nothing else does")
            self.assertEqual("BUDGET_RULE", self.decision(self.alarm_event(f"b{_}", resource=OTHER)))

    def test_claim_without_a_start_is_closed_as_not_started(self) -> None:
        self.faults({"machine": GUARD, "state": "Start", "kind": "timeout_before", "times": 99})
        self.assertEqual("Heal.StartUnknown", self.decision(self.alarm_event("e1")))
        self.age(lease() + 10)
        self.sweep()
        found = self.ledger()
        self.assertEqual(("failed", "NOT_STARTED"), (found["EVENT#e1"]["status"], found["EVENT#e1"]["reason"]))
        self.assertEqual({STATE, "RATE#shop/heal", "EVENT#e1"}, set(found))
        self.assertEqual(1, self.notices(), "it is told")

    def test_native_healing_without_an_end(self) -> None:
        self.guard(self.alarm_event("e1", signal="system"))
        self.settle()
        self.age(6 * 3600 + 10)
        self.sweep()
        self.assertEqual({"EVENT#e1"}, set(self.ledger()))
        self.assertEqual("UNFINISHED", self.ledger()["EVENT#e1"]["reason"])

    def test_event_that_ended_meanwhile_is_left_alone(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.finish()
        before = self.ledger()
        self.begin("heal--core--recorder", {"close": next(key for key, label in self.labels.items() if label == "e1")})
        self.settle()
        self.assertEqual(before, self.ledger())


class SwitchesOfAlarms(GuardCase):
    """Actions that EC2 carries out itself are disabled by pauses, and enabled again."""

    def setUp(self) -> None:
        super().setUp()
        self.native = self.single_alarm("heal--shop--heal--system", state="OK", AlarmActions=[NATIVE])
        self.plain = self.single_alarm(
            "heal--shop--heal--unrecovered", state="OK", AlarmActions=["arn:aws:sns:eu-west-1:1:t"]
        )
        self.foreign = self.single_alarm("heal--depot--heal--system", state="OK", AlarmActions=[NATIVE])

    def test_pause_disables_native_actions_of_its_scope_and_no_others(self) -> None:
        for scope, disabled in (
            ("shop/heal", [self.native]),
            ("shop", [self.native]),
            ("ALL", [self.native, self.foreign]),
        ):
            with self.subTest(scope):
                self.pause(scope)
                self.sweep()
                self.assertEqual(sorted(disabled), sorted(name for name, acting in self.acting().items() if not acting))
                self.resume(scope)
                self.sweep()
                self.assertTrue(all(self.acting().values()))
                self.assertEqual({}, self.ledger())

    def test_observe_disables_them_too(self) -> None:
        self.pause("shop/heal", "observe")
        self.sweep()
        self.assertFalse(self.acting()[self.native])

    def test_an_update_that_enables_them_is_undone(self) -> None:
        self.pause("shop")
        self.sweep()
        self.clients["cloudwatch"].enable_alarm_actions(AlarmNames=[self.native])
        self.sweep()
        self.assertFalse(self.acting()[self.native])

    def test_pause_whose_time_is_over_is_lifted(self) -> None:
        self.pause("shop", until=int(self.start) + 600)
        self.sweep()
        self.assertFalse(self.acting()[self.native])
        self.age(601)
        self.sweep()
        self.assertTrue(self.acting()[self.native])

    def test_alarm_that_a_person_disabled_stays_disabled(self) -> None:
        self.clients["cloudwatch"].disable_alarm_actions(AlarmNames=[self.native])
        self.pause("shop")
        self.sweep()
        self.resume("shop")
        self.sweep()
        self.assertFalse(self.acting()[self.native])

    def test_unreadable_switches_change_nothing(self) -> None:
        self.pause("shop")
        self.sweep()
        self.faults({"machine": SWEEPER, "state": "ReadSwitches", "kind": "throttle", "times": 99})
        self.assertEqual("FAILED", self.sweep()["status"])
        self.assertFalse(self.acting()[self.native])

    def test_a_stack_update_is_followed_by_a_sweep(self) -> None:
        self.pause("shop")
        arn = f"arn:aws:cloudformation:eu-west-1:{self.account}:stack/heal--shop/1"
        detail = {"stack-id": arn, "status-details": {"status": "UPDATE_COMPLETE", "status-reason": ""}}
        self.send(
            {"source": "aws.cloudformation", "detail-type": "CloudFormation Stack Status Change", "detail": detail}
        )
        self.assertFalse(self.acting()[self.native])


class Summaries(GuardCase):
    """Notifications of a storm."""

    def test_after_ten_in_a_window_people_get_one_summary(self) -> None:
        window = int(self.start) // 300 - 1
        self.put({"pk": "NOTICE", "sk": str(window), "count": 12, "failed": 2, "skipped": 10, "schema_version": 1})
        self.put({"pk": "NOTICE", "sk": str(window - 1), "count": 10, "failed": 10, "schema_version": 1})
        url = self.listen()
        self.sweep()
        self.sweep()
        [message] = self.messages(url)
        text = json.loads(message["Body"])
        self.assertEqual("2 more healing events were not told one by one", text["Subject"])
        self.assertEqual(
            {"events": 12, "failed": 2, "skipped": 10},
            {key: json.loads(text["Message"])[key] for key in ("events", "failed", "skipped")},
        )

    def test_eleventh_notification_is_held_back(self) -> None:
        url = self.listen()
        # Both decisions are to fall into one window.
        left = 300 - time.time() % 300
        if left < 60:
            time.sleep(left)
        self.put({"pk": "NOTICE", "sk": str(int(self.start) // 300), "count": 9, "schema_version": 1})
        self.put({"pk": "NOTICE", "sk": str(int(self.start) // 300 + 1), "count": 9, "schema_version": 1})
        self.delete_runbook()
        for index in (1, 2):
            self.guard(self.alarm_event(f"e{index}", resource=f"i-0aa0000{index}"))
        self.assertEqual(1, len(self.messages(url)))


if __name__ == "__main__":
    unittest.main()
