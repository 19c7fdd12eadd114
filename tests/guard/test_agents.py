"""Agents' events: from the topic over queue and pipe to the ledger; escalations."""

from __future__ import annotations

import unittest

from core_stack import RECORDER, RESOURCE
from guard_case import GuardCase
from shapes import STATE

OTHER = "i-0bb00000000000002"


def recorded(label: str, status: str, **more: object) -> dict[str, object]:
    """An agent's event in the ledger."""
    base = {
        "event_id": label,
        "stack": "shop",
        "rule_name": "leak",
        "layer": "application",
        "action": "restart",
        "status": status,
        "resource_id": "web.service",
        "resource_key": f"agent:unit/{RESOURCE}/web.service",
        "source": "agent",
        "evidence": "91 %",
        "start_time": 1,
        "attempt_count": 1,
        "reason": "",
        "error_message": "",
    }
    return {**base, **more}


class Events(GuardCase):
    """What agents report."""

    def test_completed(self) -> None:
        self.publish(self.agent_event("a1"))
        self.assert_ledger({"EVENT#a1": recorded("a1", "completed", end_time=1)})
        self.assertEqual(1, self.notices())

    def test_what_is_healed_may_be_more_than_a_unit(self) -> None:
        self.publish(
            self.agent_event("a1", resource_id="payments", resource_type="breaker"),
            self.agent_event("a2", resource_type="../x"),
            self.agent_event("a3", resource_type="cache", resource_id="orders", layer="data"),
        )
        keys = {label: self.ledger()[f"EVENT#{label}"]["resource_key"] for label in ("a1", "a2", "a3")}
        wanted = {
            "a1": f"agent:breaker/{RESOURCE}/payments",
            "a2": f"agent:unit/{RESOURCE}/web.service",
            "a3": "elasticache:replicationgroup/orders",
        }
        self.assertEqual(wanted, keys)

    def test_begin_and_end_are_one_event(self) -> None:
        self.publish(self.agent_event("a1", "in_progress"))
        self.assert_ledger({"EVENT#a1": recorded("a1", "in_progress", open="open", deadline=3600)})
        self.publish(self.agent_event("a1"))
        self.assert_ledger({"EVENT#a1": recorded("a1", "completed", end_time=1)})

    def test_twice(self) -> None:
        event = self.agent_event("a1")
        self.publish(event, event)
        self.assert_ledger({"EVENT#a1": recorded("a1", "completed", end_time=1)})
        self.assertEqual(1, self.notices())

    def test_begin_that_comes_after_the_end(self) -> None:
        self.publish(self.agent_event("a1"))
        self.publish(self.agent_event("a1", "in_progress"))
        self.assert_ledger({"EVENT#a1": recorded("a1", "completed", end_time=1)})

    def test_end_that_never_comes(self) -> None:
        self.publish(self.agent_event("a1", "in_progress"))
        self.age(3601)
        self.sweep()
        found = self.ledger()["EVENT#a1"]
        self.assertEqual(("failed", "UNFINISHED"), (found["status"], found["reason"]))

    def test_may_not_touch_an_event_of_the_guard(self) -> None:
        self.guard(self.alarm_event("e1"))
        before = self.ledger()
        event_id = next(key for key, label in self.labels.items() if label == "e1")
        self.publish({**self.agent_event("a1"), "event_id": event_id})
        self.assertEqual(before, self.ledger())

    def test_what_is_no_event_fails_and_writes_nothing(self) -> None:
        good = self.agent_event("a1")
        broken = (
            {**good, "status": "great"},
            {**good, "stack": "../x"},
            {**good, "resource_id": ""},
            {**good, "instance_id": "*"},
            {key: value for key, value in good.items() if key != "event_id"},
            [1],
            {**good, "layer": "infrastructure"},
        )
        self.publish(*broken, "not json")
        self.assert_ledger({})
        errors = {each["error"] for each in self.executions(RECORDER)}
        self.assertEqual({"Heal.BadAgentEvent", "States.QueryEvaluationError"}, errors)


class Escalations(GuardCase):
    """An agent that has spent its attempts asks for the next rule."""

    def setUp(self) -> None:
        super().setUp()
        self.rule("shop/leak", layer="application", escalate_to="heal", signals={})

    def escalate(self, prove: bool = True, **more: object) -> None:
        """Publishes a failed event that asks for an escalation."""
        message = self.agent_event("a1", "failed", escalate=True, **more)
        if prove:
            self.prove("a1")
        self.publish(message)

    def refused(self) -> None:
        """Nothing was started, and the ledger says so."""
        self.assertEqual([], self.automations())
        self.assertEqual("ESCALATION_REFUSED", self.ledger()["EVENT#a1"]["reason"])

    def test_starts_the_rule_that_the_source_rule_names_on_the_own_instance(self) -> None:
        self.escalate()
        [automation] = self.automations()
        self.assertEqual(
            ("heal--shop--heal", [RESOURCE]), (automation["DocumentName"], automation["Parameters"]["ResourceId"])
        )
        self.assertIn("leaseUntil", self.ledger()[STATE])

    def test_twice_starts_once(self) -> None:
        self.escalate()
        self.escalate()
        self.assertEqual(1, len(self.automations()))

    def test_message_cannot_name_the_rule(self) -> None:
        self.rule("shop/leak", layer="application", escalate_to=None, signals={})
        self.escalate(escalate_to="heal")
        self.refused()

    def test_without_the_instances_own_proof(self) -> None:
        self.escalate(prove=False)
        self.refused()

    def test_with_the_proof_of_another_instance(self) -> None:
        self.agent_event("a1")
        self.prove("a1", instance=OTHER)
        self.escalate(prove=False)
        self.refused()

    def test_proof_for_another_rule(self) -> None:
        self.agent_event("a1")
        self.prove("a1", rule="shop/other")
        self.escalate(prove=False)
        self.refused()

    def test_never_the_data_layer(self) -> None:
        self.rule("shop/heal", layer="data")
        self.escalate()
        self.refused()

    def test_rule_that_is_not_deployed(self) -> None:
        self.rule("shop/leak", layer="application", escalate_to="gone", signals={})
        self.escalate()
        self.refused()


if __name__ == "__main__":
    unittest.main()
