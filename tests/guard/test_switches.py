"""What keeps a rule from acting: modes, pauses, mutes, suppressing alarms, age."""

from __future__ import annotations

import unittest

from core_stack import RULE, TABLE
from guard_case import GuardCase
from shapes import STATE, skipped

OTHER = "i-0bb00000000000002"


class Switches(GuardCase):
    """Mode, pause, mute, suppression, age."""

    def refused(self, reason: str, **seen: int) -> None:
        """The ledger holds the refusal and, where it counts as a sign, that the failure was seen."""
        expected = {"EVENT#e1": skipped("e1", reason)}
        if seen:
            expected[STATE] = {"last#shop/heal": 1}
        self.assert_ledger(expected, "CONTROL")
        self.assertEqual([], self.automations())

    def test_stale_event(self) -> None:
        self.assertEqual("STALE", self.decision(self.alarm_event("e1", age=601)))
        self.refused("STALE")

    def test_age_limit_is_900_seconds_for_longer_cooldowns(self) -> None:
        self.rule(RULE, cooldown_seconds=7200)
        self.assertEqual("STALE", self.decision(self.alarm_event("e1", age=901)))
        self.assertEqual("STARTED", self.decision(self.alarm_event("e2", age=890)))

    def test_muted_event(self) -> None:
        self.assertEqual("MUTED", self.decision(self.alarm_event("e1", detail={"muteDetail": {"mutedByArn": "arn"}})))
        self.refused("MUTED", seen=1)

    def test_suppressed(self) -> None:
        self.rule(RULE, suppress_while="database-down")
        alarm = {
            "AlarmName": "database-down",
            "MetricName": "M",
            "Namespace": "N",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "Statistic": "Sum",
        }
        self.clients["cloudwatch"].put_metric_alarm(**alarm)
        self.clients["cloudwatch"].set_alarm_state(AlarmName="database-down", StateValue="ALARM", StateReason="down")
        self.assertEqual("SUPPRESSED", self.decision(self.alarm_event("e1")))
        self.refused("SUPPRESSED", seen=1)
        self.clients["cloudwatch"].set_alarm_state(AlarmName="database-down", StateValue="OK", StateReason="up")
        self.assertEqual("STARTED", self.decision(self.alarm_event("e2")))

    def test_suppressor_that_does_not_exist_suppresses_and_is_told(self) -> None:
        self.rule(RULE, suppress_while="databse-down")
        self.assertEqual("SUPPRESSOR_MISSING", self.decision(self.alarm_event("e1")))
        self.refused("SUPPRESSOR_MISSING", seen=1)
        self.assertEqual(1, self.notices())

    def test_paused_by_each_scope(self) -> None:
        for index, scope in enumerate(("ALL", "shop", "shop/heal")):
            with self.subTest(scope):
                self.put({"pk": "CONTROL", "sk": scope, "mode": "pause", "schema_version": 1})
                self.assertEqual("PAUSED", self.decision(self.alarm_event(f"p{index}")))
                self.clients["dynamodb"].delete_item(TableName=TABLE, Key={"pk": {"S": "CONTROL"}, "sk": {"S": scope}})
        self.put({"pk": "CONTROL", "sk": "depot", "mode": "pause", "schema_version": 1})
        self.put({"pk": "CONTROL", "sk": "ALL", "mode": "pause", "until": int(self.start) - 1, "schema_version": 1})
        self.assertEqual(
            "STARTED", self.decision(self.alarm_event("e9")), "another stack's pause, and one whose time is over"
        )

    def test_paused(self) -> None:
        self.put({"pk": "CONTROL", "sk": "ALL", "mode": "pause", "until": int(self.start) + 600, "schema_version": 1})
        self.assertEqual("PAUSED", self.decision(self.alarm_event("e1")))
        self.refused("PAUSED", seen=1)

    def test_observed_by_the_rule_file_consumes_nothing(self) -> None:
        self.rule(RULE, mode="observe")
        self.assertEqual("OBSERVED", self.decision(self.alarm_event("e1")))
        self.refused("OBSERVED")

    def test_observed_by_a_switch_consumes_nothing(self) -> None:
        self.put({"pk": "CONTROL", "sk": "shop", "mode": "observe", "schema_version": 1})
        self.assertEqual("OBSERVED", self.decision(self.alarm_event("e1")))
        self.refused("OBSERVED")

    def test_rule_that_is_off(self) -> None:
        for index, figures in enumerate(({"enabled": False}, {"mode": "off"})):
            self.rule(RULE, **figures)
            self.assertEqual("RULE_OFF", self.decision(self.alarm_event(f"e{index}")))

    def test_signal_of_the_agent_is_the_agents(self) -> None:
        self.rule(RULE, signals={"usage": "agent"})
        self.assertEqual("AGENT_FIRST", self.decision(self.alarm_event("e1", signal="usage")))
        self.refused("AGENT_FIRST")

    def test_agent_that_tries_no_more_is_told_from_one_that_does(self) -> None:
        self.rule(RULE, signals={"exhausted": "agent"})
        self.assertEqual("AGENT_EXHAUSTED", self.decision(self.alarm_event("e1", signal="exhausted")))
        self.refused("AGENT_EXHAUSTED")

    def test_copy_of_the_configuration_is_used_for_a_minute(self) -> None:
        self.guard(self.alarm_event("e1"))
        parameter = self.clients["ssm"].get_parameter(Name="/heal/dev/shop/heal")["Parameter"]["Value"]
        self.clients["ssm"].put_parameter(
            Name="/heal/dev/shop/heal", Value=parameter.replace('"enforce"', '"off"'), Overwrite=True
        )
        self.assertEqual("BUDGET_RULE", self.decision(self.alarm_event("e2", resource=OTHER)))
        self.age(61)
        self.assertEqual("RULE_OFF", self.decision(self.alarm_event("e3", resource=OTHER)))


if __name__ == "__main__":
    unittest.main()
