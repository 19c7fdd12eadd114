"""500 failures at once: the budget holds, every one is recorded, and people are not buried.

`python test_storm.py EVENTS` prints how long a storm of that size takes and what one event of each kind costs.
"""

from __future__ import annotations

import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from core_stack import GUARD, RECORDER, RULE
from guard_case import GuardCase

EVENTS = 500
# US dollars for 1,000 state transitions of a standard workflow (Step Functions pricing, eu-west-1, 2026-11).
TRANSITIONS_PRICE = 0.025


class Storm(GuardCase):
    """A zone of hosts fails."""

    def storm(self, events: int) -> float:
        """Sends that many events of as many resources at once; returns the seconds until all are decided."""
        self.rule(RULE, budget={"concurrent": 5, "per_hour": 6})
        prepared = [self.alarm_event(f"s{index}", resource=f"i-0{index:08x}") for index in range(events)]
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            arns = list(pool.map(lambda event: self.begin(GUARD, event), prepared))
        for arn in arns:
            self.eventually(
                lambda arn=arn: (
                    self.clients["stepfunctions"].describe_execution(executionArn=arn)["status"] != "RUNNING"
                ),
                300,
            )
        return time.monotonic() - started

    def test_budget_holds_and_every_event_is_recorded(self) -> None:
        url = self.listen()
        self.storm(EVENTS)
        self.assertEqual(5, len(self.automations()))
        found = self.ledger()
        statuses = [item["status"] for key, item in found.items() if key.startswith("EVENT#")]
        self.assertEqual(
            {"in_progress": 5, "skipped": EVENTS - 5}, {status: statuses.count(status) for status in set(statuses)}
        )
        self.assertEqual(5, len([key for key in found if key.startswith(f"SLOT#{RULE}")]))
        self.assertEqual(5, len([key for key in found if key.startswith("SLOT#ALL")]))
        self.assertEqual({"started": 5}, found[f"RATE#{RULE}"])
        leased = [key for key, item in found.items() if key.startswith("RES#") and "leaseUntil" in item]
        self.assertEqual(5, len(leased))
        self.assertEqual({"SUCCEEDED"}, {each["status"] for each in self.get("executions")})
        self.assertEqual(EVENTS - 5, self.notices())
        heard = sum(1 for _ in range(20) for _message in self.messages(url))
        self.assertLessEqual(heard, 20, "ten a window, and the storm may cross into a second one")


def cost(what: str, execution: dict[str, Any]) -> None:
    """Prints what an execution took."""
    transitions = execution["transitions"]
    print(f"{what}: {transitions} transitions, ${transitions * TRANSITIONS_PRICE / 1000:.6f}")


def figures(events: int) -> None:
    """Prints what was measured."""
    case = Storm("storm")
    Storm.setUpClass()
    case.setUp()
    event = case.alarm_event("e1")
    cost("guard, healing", case.guard(event))
    cost("guard, duplicate", case.guard(event))
    cost("guard, refusal for a resource in flight", case.guard(case.alarm_event("e2")))
    cost("guard, refusal for the budget", case.guard(case.alarm_event("e3", resource="i-0bb00000000000002")))
    case.finish()
    cost("recorder, end of a healing", case.executions(RECORDER)[-1])
    cost("sweeper, nothing in ALARM", case.sweep())
    case = Storm("storm")
    case.setUp()
    seconds = case.storm(events)
    print(f"storm of {events} events: {seconds:.1f} s on the local AWS, {len(case.automations())} runbooks started")


if __name__ == "__main__":
    figures(int(sys.argv[1])) if len(sys.argv) > 1 else unittest.main()
