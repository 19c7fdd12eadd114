"""The guard's decisions, one scenario each, the ledger compared whole after it."""

from __future__ import annotations

import unittest

from core_stack import GUARD, RECORDER, RESOURCE, RULE, lease
from guard_case import GuardCase
from shapes import STATE, ended, event, healing, leased, pending, rested, skipped

OTHER = "i-0bb00000000000002"
DAY = 86_400


class Starts(GuardCase):
    """What starts a runbook, and what it takes."""

    def test_first_event_is_started(self) -> None:
        self.assertEqual("STARTED", self.decision(self.alarm_event("e1")))
        self.assert_ledger(healing("e1"))
        [automation] = self.automations()
        self.assertEqual("heal--shop--heal", automation["DocumentName"])
        self.assertEqual([RESOURCE], automation["Parameters"]["ResourceId"])
        self.assertEqual([RULE], automation["Parameters"]["RuleName"])

    def test_end_gives_everything_back_and_starts_the_cooldown(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.finish()
        self.assert_ledger({STATE: rested(), "RATE#shop/heal": {"started": 1}, "EVENT#e1": ended("e1")})

    def test_alarm_event_goes_its_way_through_eventbridge(self) -> None:
        self.send(self.alarm_event("e1"))
        self.assert_ledger(healing("e1"))

    def test_muted_alarm_event_does_not_come(self) -> None:
        muted = {"muteDetail": {"mutedByArn": "arn:aws:cloudwatch:eu-west-1:1:alarm-mute-rule:night"}}
        self.send(self.alarm_event("e1", detail=muted))
        self.assertEqual([], self.executions(GUARD))

    def test_resource_from_the_dimensions_of_metric_math(self) -> None:
        dimensions = {"metricStat": {"metric": {"dimensions": {"InstanceId": RESOURCE}}}}
        event = self.alarm_event(
            "e1", detail={"alarmContributor": None, "configuration": {"metrics": [{"expression": "a-b"}, dimensions]}}
        )
        del event["detail"]["alarmContributor"]
        self.assertEqual("STARTED", self.decision(event))
        self.assert_ledger(healing("e1"))

    def test_rule_and_resource_that_the_rules_own_event_rule_injects(self) -> None:
        for label, resource in (("e1", f"arn:aws:ec2:eu-west-1:{self.account}:instance/{RESOURCE}"), ("e2", RESOURCE)):
            event = self.alarm_event(
                label, heal={"stack": "shop", "rule": "heal", "signal": "unrecovered", "resource": resource}
            )
            event["detail"] = {"eventName": "SOMETHING"}
            self.assertEqual(
                "STARTED" if label == "e1" else "IN_FLIGHT", self.decision(event), "both names are one resource"
            )
        self.assertEqual(1, len(self.automations()))

    def test_the_one_resource_that_the_rule_names(self) -> None:
        key = f"elasticloadbalancing:loadbalancer/app/web/{RESOURCE}"
        named = {"service": "elasticloadbalancing", "type": "loadbalancer", "key": key}
        self.rule("shop/shift", resource=named)
        # Whatever the alarm is about: a zone of the load balancer here.
        zone = {"alarmContributor": {"id": "c", "attributes": {"AvailabilityZone": "eu-west-1a"}}}
        self.assertEqual("STARTED", self.decision(self.alarm_event("e1", identity="shop/shift", detail=zone)))
        self.assertEqual([RESOURCE], self.automations()[-1]["Parameters"]["ResourceId"])
        self.assertEqual("e1", self.ledger()[f"RES#{key}|STATE"]["leaseOwner"])
        zone["alarmContributor"]["attributes"]["AvailabilityZone"] = "eu-west-1b"
        self.assertEqual("IN_FLIGHT", self.decision(self.alarm_event("e2", identity="shop/shift", detail=zone)))

    def test_a_services_event_is_evidence_and_keeps_its_alarms_mutes(self) -> None:
        heal = {
            "stack": "shop",
            "rule": "heal",
            "signal": "unrecovered",
            "resource": RESOURCE,
            "alarm": "heal--shop--heal--unrecovered",
        }
        plain = {"source": "aws.backup", "detail-type": "Backup Job State Change"}
        event = {**self.alarm_event("e1"), **plain, "detail": {"state": "FAILED", "statusMessage": "The job failed."}, "heal": heal}
        self.post("mutes", mutes=[{"name": "window", "alarms": ["heal--shop--heal--unrecovered"]}])
        self.assertEqual("MUTED", self.decision(event))
        self.post("mutes", mutes=[{"name": "window", "alarms": ["heal--shop--other--unrecovered"]}])
        again = {**event, "id": self.alarm_event("e2")["id"]}
        self.assertEqual("STARTED", self.decision(again))
        self.assertEqual("The job failed.", self.ledger()["EVENT#e2"]["evidence"])

    def test_a_healing_that_touches_two_resources_leases_both(self) -> None:
        resource = {"service": "ec2", "type": "volume", "dimensions": ["VolumeId"]}
        also = {"also": [{"service": "ec2", "type": "instance", "dimension": "InstanceId"}]}
        self.rule("shop/volume", resource={**resource, **also})
        both = {"alarmContributor": {"id": "c", "attributes": {"VolumeId": RESOURCE, "InstanceId": OTHER}}}
        self.assertEqual("STARTED", self.decision(self.alarm_event("e1", identity="shop/volume", detail=both)))
        self.assertEqual("IN_FLIGHT", self.decision(self.alarm_event("e2", resource=OTHER)))
        self.assertEqual("e1", self.ledger()[f"RES#ec2:instance/{OTHER}|STATE"]["leaseOwner"])
        self.finish()
        self.assertEqual("STARTED", self.decision(self.alarm_event("e3", resource=OTHER)))
        taken = self.decision(
            self.alarm_event(
                "e4",
                identity="shop/volume",
                detail={
                    "alarmContributor": {"id": "c", "attributes": {"VolumeId": "i-0dd0000000", "InstanceId": OTHER}}
                },
            )
        )
        self.assertEqual("IN_FLIGHT", taken, "the second lease is taken, so the first is given back")
        self.assertNotIn("leaseUntil", self.ledger()["RES#ec2:volume/i-0dd0000000|STATE"])


class Refusals(GuardCase):
    """What the guard does not start."""

    def test_same_event_twice(self) -> None:
        event = self.alarm_event("e1")
        self.assertEqual("STARTED", self.decision(event))
        self.assertEqual("DUPLICATE", self.decision(event))
        self.assert_ledger(healing("e1"))
        self.finish()
        self.assertEqual(
            "DUPLICATE", self.decision(event), "refused for the cooldown, and the ledger has decided it already"
        )
        self.assert_ledger({STATE: rested(), "RATE#shop/heal": {"started": 1}, "EVENT#e1": ended("e1")})
        self.age(700)
        self.assertEqual("DUPLICATE", self.decision(event), "the ledger has decided it")
        self.assert_ledger(
            {STATE: rested(end=-699, begin=-699), "RATE#shop/heal": {"started": 1}, "EVENT#e1": ended("e1")}
        )

    def test_second_event_in_flight(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.assertEqual("IN_FLIGHT", self.decision(self.alarm_event("e2")))
        self.assert_ledger({**healing("e1"), "EVENT#e2": skipped("e2", "IN_FLIGHT")})

    def test_cooldown_counts_from_the_end(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.age(1000)
        self.finish()
        self.assertEqual("COOLDOWN", self.decision(self.alarm_event("e2")))
        self.age(590)
        self.assertEqual("COOLDOWN", self.decision(self.alarm_event("e3")))
        self.age(20)
        self.assertEqual("STARTED", self.decision(self.alarm_event("e4")))
        self.assertEqual(2, self.ledger()[STATE]["att#shop/heal"])

    def test_attempts_are_spent_and_told_once(self) -> None:
        for attempt in (1, 2, 3):
            self.assertEqual("STARTED", self.decision(self.alarm_event(f"e{attempt}")))
            self.finish("Failed")
            self.age(601)
        before = self.notices()
        for label in ("e4", "e5"):
            self.assertEqual("MAX_ATTEMPTS", self.decision(self.alarm_event(label)))
        self.assertEqual(before + 1, self.notices(), "people hear of it once")
        state = self.ledger()[STATE]
        self.assertEqual((3, state["win#shop/heal"]), (state["att#shop/heal"], state["told#shop/heal"]))

    def test_attempts_renew_only_after_stable_for(self) -> None:
        for attempt in (1, 2, 3):
            self.guard(self.alarm_event(f"e{attempt}"))
            self.finish()
            self.age(601)
        # A refused offer every half hour: the failure is still there, so nothing renews.
        for index in range(4):
            self.age(1800)
            self.assertEqual("MAX_ATTEMPTS", self.decision(self.alarm_event(f"o{index}")))
        # Less than the hour by what a busy machine may take for the decision.
        self.age(3540)
        self.assertEqual("MAX_ATTEMPTS", self.decision(self.alarm_event("early")))
        self.age(3601)
        self.assertEqual("STARTED", self.decision(self.alarm_event("late")))
        self.assertEqual(1, self.ledger()[STATE]["att#shop/heal"])

    def test_attempts_renew_when_the_window_ends(self) -> None:
        self.rule(RULE, stable_for_seconds=30 * DAY)
        for attempt in (1, 2, 3):
            self.guard(self.alarm_event(f"e{attempt}"))
            self.finish()
            self.age(601)
        self.age(DAY - 3 * 601 - 100)
        self.assertEqual("MAX_ATTEMPTS", self.decision(self.alarm_event("e4")))
        self.age(200)
        self.assertEqual("STARTED", self.decision(self.alarm_event("e5")))

    def test_relapse_after_an_ok_spends_attempts_all_the_same(self) -> None:
        for attempt in (1, 2, 3):
            self.assertEqual("STARTED", self.decision(self.alarm_event(f"e{attempt}")))
            self.finish()
            self.assertEqual("IGNORED", self.decision(self.alarm_event(f"ok{attempt}", state="OK")))
            self.age(601)
        self.assertEqual("MAX_ATTEMPTS", self.decision(self.alarm_event("e4")))

    def test_ok_during_a_healing_changes_nothing(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.assertEqual("IGNORED", self.decision(self.alarm_event("ok", state="OK")))
        self.assert_ledger(healing("e1"))

    def test_another_rule_on_the_same_resource(self) -> None:
        self.rule("shop/other")
        self.guard(self.alarm_event("e1"))
        self.assertEqual("IN_FLIGHT", self.decision(self.alarm_event("e2", identity="shop/other")))
        seen = {"last#shop/other": 1}
        self.assert_ledger(
            {
                **healing("e1"),
                STATE: {**leased("e1"), **seen},
                "EVENT#e2": skipped("e2", "IN_FLIGHT", identity="shop/other"),
            }
        )

    def test_the_same_rule_name_in_two_stacks_shares_nothing_but_the_resource(self) -> None:
        self.rule("depot/heal")
        self.guard(self.alarm_event("e1"))
        self.assertEqual("IN_FLIGHT", self.decision(self.alarm_event("e2", identity="depot/heal")))
        self.assertEqual("STARTED", self.decision(self.alarm_event("e3", identity="depot/heal", resource=OTHER)))
        other = healing("e3", identity="depot/heal", resource=OTHER)
        expected = {**healing("e1"), **other, "EVENT#e2": skipped("e2", "IN_FLIGHT", identity="depot/heal")}
        expected[STATE] = {**leased("e1"), "last#depot/heal": 1}
        self.assert_ledger(expected)

    def test_lost_end_frees_the_resource_after_lease_and_cooldown(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.age(lease() + 300)
        self.assertEqual("COOLDOWN", self.decision(self.alarm_event("e2")))
        self.age(400)
        self.assertEqual("STARTED", self.decision(self.alarm_event("e3")))
        self.assertEqual("e3", self.ledger()[STATE]["leaseOwner"])


class Budgets(GuardCase):
    """How many at once, and how many an hour."""

    def test_slot_of_the_rule(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.assertEqual("BUDGET_RULE", self.decision(self.alarm_event("e2", resource=OTHER)))
        untouched = rested(end=-600, attempts=0, begin=0, **{"cd#shop/heal": 0, "last#shop/heal": 1})
        refused = {
            f"RES#ec2:instance/{OTHER}|STATE": untouched,
            "EVENT#e2": skipped("e2", "BUDGET_RULE", resource=OTHER),
        }
        self.assert_ledger({**healing("e1"), **refused})

    def test_two_slots_take_two(self) -> None:
        self.rule(RULE, budget={"concurrent": 2, "per_hour": 6})
        self.assertEqual("STARTED", self.decision(self.alarm_event("e1")))
        self.assertEqual("STARTED", self.decision(self.alarm_event("e2", resource=OTHER)))
        self.assertEqual("BUDGET_RULE", self.decision(self.alarm_event("e3", resource="i-0cc00000000000003")))

    def test_the_last_free_slot_is_found(self) -> None:
        for index in range(9):
            self.occupy("SLOT#ALL", index)
        for attempt in range(3):
            self.assertEqual("STARTED", self.decision(self.alarm_event(f"e{attempt}", resource=f"i-0aa0000{attempt}")))
            self.finish()

    def test_slot_over_all_rules(self) -> None:
        for index in range(10):
            self.occupy("SLOT#ALL", index)
        self.assertEqual("BUDGET_ALL", self.decision(self.alarm_event("e1")))
        untouched = rested(end=-600, attempts=0, begin=0, **{"cd#shop/heal": 0, "last#shop/heal": 1})
        self.assert_ledger({STATE: untouched, "EVENT#e1": skipped("e1", "BUDGET_ALL")}, "SLOT#ALL")
        self.assertNotIn("SLOT#shop/heal|e1", self.ledger())

    def test_rate_of_the_hour(self) -> None:
        self.rule(RULE, budget={"concurrent": 1, "per_hour": 2})
        for index in (1, 2):
            self.guard(self.alarm_event(f"e{index}", resource=f"i-0ee0000000000000{index}"))
            self.finish()
        self.assertEqual("BUDGET_RATE", self.decision(self.alarm_event("e3")))
        untouched = rested(end=-600, attempts=0, begin=0, **{"cd#shop/heal": 0, "last#shop/heal": 1})
        found = self.ledger()
        self.assertEqual({"started": 2}, found["RATE#shop/heal"])
        self.assertEqual([], [key for key in found if key.startswith("SLOT#")])
        self.assertEqual(untouched.keys(), found[STATE].keys())
        self.age(3600)
        self.assertEqual("STARTED", self.decision(self.alarm_event("e4")))

    def test_people_hear_of_a_spent_budget_as_the_rule_says(self) -> None:
        for notify, told in (("all", 1), ("failures", 1), ("none", 0)):
            with self.subTest(notify):
                self.rule(RULE, notify=notify)
                before = self.notices()
                self.assertEqual(
                    "STARTED", self.decision(self.alarm_event(f"{notify}1", resource=f"i-0aa0000{told}{len(notify)}"))
                )
                self.assertEqual("BUDGET_RULE", self.decision(self.alarm_event(f"{notify}2", resource=OTHER)))
                self.assertEqual(before + told, self.notices())
                self.finish()


class Failures(GuardCase):
    """What the guard cannot decide, and starts that fail."""

    def test_unknown_rule(self) -> None:
        self.assertEqual("Heal.UnknownRule", self.decision(self.alarm_event("e1", identity="shop/nothing")))
        self.assert_ledger({})

    def test_events_that_name_no_rule_signal_or_resource(self) -> None:
        nameless = self.alarm_event("e1", detail={"alarmName": "heal--shop"})
        other_dimension = self.alarm_event(
            "e2", detail={"alarmContributor": {"id": "c", "attributes": {"VolumeId": "vol-1"}}}
        )
        for broken in (nameless, other_dimension, self.alarm_event("e3", signal="unknown")):
            self.assertEqual("Heal.Unroutable", self.decision(broken))
        self.assert_ledger({})

    def test_parameter_that_is_no_json_fails_before_anything_is_taken(self) -> None:
        self.clients["ssm"].put_parameter(Name="/heal/dev/shop/heal", Value="{", Overwrite=True)
        self.assertEqual("States.QueryEvaluationError", self.decision(self.alarm_event("e1")))
        self.assert_ledger({})

    def test_start_failure_is_undone_but_for_attempt_and_cooldown(self) -> None:
        self.delete_runbook()
        self.assertEqual("Heal.StartFailed", self.decision(self.alarm_event("e1")))
        failed = event("e1", "failed", reason="START_FAILED", attempt_count=1, end_time=1)
        found = self.ledger()
        self.assertIn("AutomationDefinitionNotFound", found["EVENT#e1"].pop("error_message"))
        self.assertEqual(failed.keys(), found["EVENT#e1"].keys())
        self.assertEqual("START_FAILED", found["EVENT#e1"]["reason"])
        self.assertEqual({STATE, "RATE#shop/heal", "EVENT#e1"}, set(found))
        self.assertEqual({}, found["RATE#shop/heal"])
        self.assertEqual(rested().keys(), found[STATE].keys())
        self.assertEqual(1, found[STATE]["att#shop/heal"])
        self.assertAlmostEqual(600, found[STATE]["cd#shop/heal"], delta=40)
        self.assertEqual("COOLDOWN", self.decision(self.alarm_event("e2")), "a broken runbook does not spin")
        self.assertEqual(1, self.notices())

    def test_start_of_which_nobody_knows_keeps_its_lease(self) -> None:
        fault = {"machine": GUARD, "state": "Start", "kind": "timeout_after", "times": 99}
        self.faults(fault)
        self.assertEqual("Heal.StartUnknown", self.decision(self.alarm_event("e1")))
        self.assertEqual(1, len(self.automations()), "the client token makes repetitions one start")
        self.assert_ledger({**healing("e1"), "EVENT#e1": pending("e1")})
        self.finish()
        self.assert_ledger({STATE: rested(), "RATE#shop/heal": {"started": 1}, "EVENT#e1": ended("e1")})


class Escalations(GuardCase):
    """What happens when attempts are spent."""

    def test_spent_attempts_start_the_next_rule_once(self) -> None:
        self.rule(RULE, max_attempts=1, escalate_to="second")
        self.rule("shop/second", cooldown_seconds=600)
        self.guard(self.alarm_event("e1"))
        self.finish("Failed")
        self.age(601)
        self.assertEqual("MAX_ATTEMPTS", self.decision(self.alarm_event("e2")))
        self.settle()
        started = [automation["DocumentName"] for automation in self.automations()]
        self.assertEqual(["heal--shop--heal", "heal--shop--second"], started)
        self.assertEqual("shop/second", self.ledger()[STATE]["leaseRule"])
        self.assertEqual("IN_FLIGHT", self.decision(self.alarm_event("e3")))
        self.finish("Failed")
        self.assertEqual("MAX_ATTEMPTS", self.decision(self.alarm_event("e4")))
        self.settle()
        self.assertEqual(2, len(self.automations()), "one escalation a spent window")

    def test_escalation_that_cannot_be_started_is_tried_again(self) -> None:
        self.rule(RULE, max_attempts=1, escalate_to="second")
        self.rule("shop/second")
        self.guard(self.alarm_event("e1"))
        self.finish("Failed")
        self.age(601)
        self.faults({"machine": GUARD, "state": "Escalate", "kind": "throttle", "times": 6})
        self.assertEqual("Heal.GuardFailed", self.decision(self.alarm_event("e2")))
        self.assertEqual(1, len(self.automations()))
        self.assertEqual("MAX_ATTEMPTS", self.decision(self.alarm_event("e3")))
        self.settle()
        self.assertEqual(2, len(self.automations()))


class Natives(GuardCase):
    """What AWS heals itself is handed to the recorder."""

    def test_native_signal_is_recorded_and_takes_nothing(self) -> None:
        self.assertEqual("RECORDED", self.decision(self.alarm_event("e1", signal="system")))
        self.assertEqual(1, len(self.executions(RECORDER)))
        self.assertEqual([], self.automations())
        self.assertEqual({"EVENT#e1", f"NATIVE#{RULE}#ec2:instance/{RESOURCE}|system"}, set(self.ledger()))


if __name__ == "__main__":
    unittest.main()
