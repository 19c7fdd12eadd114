"""A fault in every Task state of every machine, enumerated from the definitions: a new state is covered by existing.

Three faults that pass (a throttle, a time-out before the effect, a time-out after it) must leave no trace. The same
faults for ever must leave no lease, no slot and no second healing behind, once leases have ended and a sweep has run.
"""

from __future__ import annotations

import functools
import itertools
import unittest
from collections.abc import Callable
from typing import Any

from core_stack import GUARD, RECORDER, SWEEPER, lease, machine
from guard_case import TIMES, GuardCase
from scenarios import STORIES, outcome
from shapes import STATE

KINDS = ("throttle", "timeout_before", "timeout_after")

# Which story leads through which states. A state that is in none fails test_every_task_state_is_in_a_story.
LEADS: dict[str, dict[str, tuple[str, ...]]] = {
    "healed": {
        GUARD: (
            "ReadSwitches",
            "ReadRule",
            "KeepRule",
            "ReadResource",
            "Claim",
            "TakeLease",
            "TakePlace",
            "TakeHour",
            "Confirm",
            "Note",
            "Start",
            "RecordStart",
        ),
        RECORDER: (
            "AskAutomation",
            "ReadEvent",
            "Finish",
            "ReleaseLease",
            "ReleasePlace",
            "Metric",
            "CountNotice",
            "Publish",
        ),
    },
    "in_flight": {GUARD: ("Seen", "Record", "Metric")},
    "over_budget": {GUARD: ("ReadPlaces", "UndoLease", "CountNotice", "Publish")},
    "over_rate": {GUARD: ("UndoPlace",)},
    "decided_before": {GUARD: ("ReadClaim",)},
    "throttled_for_ever": {GUARD: ("ReadSwitchesAgain", "UndoHour", "EndLease")},
    "offered_over_budget": {GUARD: ("Unclaim",)},
    "escalated": {GUARD: ("Escalate", "RememberTold")},
    "suppressed": {GUARD: ("ReadSuppressor",)},
    "failed_over": {RECORDER: ("ReadLease",)},
    "native": {GUARD: ("HandOver",), RECORDER: ("Open", "WriteOpen", "ReadOpen", "CloseNative")},
    "by_hand": {RECORDER: ("ReadRule",)},
    "agent_escalates": {RECORDER: ("RecordAgent", "ReadSource", "ReadTarget", "ReadProof", "StartGuard")},
    "agent_is_refused": {RECORDER: ("RefuseEscalation",)},
    "swept": {
        GUARD: ("ReadMutes",),
        SWEEPER: (
            "ListNative",
            "ListAlarms",
            "Contributors",
            "OfferContributor",
            "OfferAlarm",
            "ListUnfinished",
            "ListNotices",
        ),
    },
    "swept_in_pages": {SWEEPER: ("NextPage",)},
    "closed": {SWEEPER: ("CloseOne",), RECORDER: ("AskStatus",)},
    "extended": {RECORDER: ("ExtendLease", "ExtendPlace", "ExtendEvent")},
    "held": {SWEEPER: ("ReadSwitches", "ReadDisabled", "RememberDisabled", "DisableActions")},
    "lifted": {SWEEPER: ("EnableActions", "ForgetDisabled")},
    "summarised": {SWEEPER: ("PublishSummary", "RememberSummary")},
}
PLACES = [
    (story, name, state) for story, machines in LEADS.items() for name, states in machines.items() for state in states
]

_CALM: dict[str, dict[str, Any]] = {}


def task_states(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every Task state, those inside Map states too."""
    found: dict[str, dict[str, Any]] = {}
    for name, state in definition["States"].items():
        if state["Type"] == "Task":
            found[name] = state
        if state["Type"] == "Map":
            found.update(task_states(state["ItemProcessor"]))
    return found


class Definitions(unittest.TestCase):
    """What must be true of every state."""

    def test_every_task_state_is_in_a_story(self) -> None:
        told = {(name, state) for _story, name, state in PLACES}
        existing = {(name, state) for name in (GUARD, RECORDER, SWEEPER) for state in task_states(machine(name))}
        self.assertEqual(existing, told)

    def test_every_task_state_has_a_time_limit_retries_and_a_catch(self) -> None:
        for name in (GUARD, RECORDER, SWEEPER):
            for state, task in task_states(machine(name)).items():
                with self.subTest(f"{name} {state}"):
                    self.assertIn("TimeoutSeconds", task)
                    self.assertEqual(["States.ALL"], task["Retry"][-1]["ErrorEquals"])
                    # The start's repetition is a loop of states, because between two tries it must look again.
                    self.assertGreater(task["Retry"][-1]["MaxAttempts"], -1 if state == "Start" else 0)
                    self.assertEqual(["States.ALL"], task["Catch"][-1]["ErrorEquals"])
        for name in (GUARD, RECORDER, SWEEPER):
            for state, definition in machine(name)["States"].items():
                if definition["Type"] == "Map":
                    with self.subTest(f"{name} {state}"):
                        self.assertEqual(["States.ALL"], definition["Catch"][-1]["ErrorEquals"])


class Faults(GuardCase):
    """The stories with faults in them."""

    def calm(self, story: str) -> dict[str, Any]:
        """What the story ends in when nothing happens to it, told once in an account of its own."""
        if story not in _CALM:
            undisturbed = Faults("run")
            undisturbed.launcher = self.launcher
            GuardCase.setUp(undisturbed)
            STORIES[story](undisturbed)
            _CALM[story] = outcome(undisturbed)
        return _CALM[story]

    def same(self, wanted: dict[str, Any], found: dict[str, Any]) -> None:
        """Both ended alike; times may differ by what the machines take."""
        for key in wanted["ledger"].keys() & found["ledger"].keys():
            for name, value in found["ledger"][key].items():
                other = wanted["ledger"][key].get(name)
                if (
                    isinstance(other, int)
                    and (TIMES.match(name) or name.endswith("_time"))
                    and abs(value - other) <= 40
                ):
                    found["ledger"][key][name] = other
        self.assertEqual(wanted, found)

    def passing(self, story: str, name: str, state: str, kind: str) -> None:
        """A fault that passes: the retry makes up for it."""
        wanted = self.calm(story)
        self.faults({"machine": name, "state": state, "kind": kind})
        STORIES[story](self)
        found = outcome(self)
        self.assertEqual(1, self.get("faults")["faults"][0]["hits"], "the story must lead there")
        self.same(wanted, found)

    def staying(self, story: str, name: str, state: str, kind: str) -> None:
        """A fault that stays while the story is told."""
        self.faults({"machine": name, "state": state, "kind": kind, "times": 10_000})
        STORIES[story](self)
        self.settle()
        hits = self.get("faults")["faults"][0]["hits"]
        self.assertGreater(hits, 0, "the story must lead there")
        self.once_each()
        self.faults()
        for alarm in self.acting():
            self.set_state(alarm, "OK")
        # Whatever was started ends, the events about it are lost, and every lease ends.
        for index, automation in enumerate(self.automations()):
            if automation["AutomationExecutionStatus"] == "InProgress":
                self.finish(index=index, emit=False)
        self.age(max(lease(), 6 * 3600) + 700)
        self.sweep()
        self.sweep()
        found = self.ledger("CONTROL", "AGENT#")
        self.assertEqual([], [key for key, item in found.items() if item.get("leaseUntil", 0) > 0], "a lease is left")
        self.assertEqual(
            [], [key for key, item in found.items() if "open" in item or key.startswith("NATIVE#")], "an event is open"
        )
        for key, item in found.items():
            if key.startswith("EVENT#"):
                self.assertIn(item["status"], ("completed", "failed", "skipped"), key)
        if STATE in found:
            self.age(2 * 86_400)
            self.rule("shop/heal")
            for item in self.scan():
                if item["pk"]["S"].startswith("SLOT#") and item.get("leaseOwner", {}).get("S") == "x":
                    self.clients["dynamodb"].delete_item(
                        TableName="heal--core--ledger", Key={"pk": item["pk"], "sk": item["sk"]}
                    )
            self.assertEqual("STARTED", self.decision(self.alarm_event("after")), "the resource can be healed again")

    def once_each(self) -> None:
        """No resource has two automations at once."""
        running = [
            each["Parameters"]["ResourceId"][0]
            for each in self.automations()
            if each["AutomationExecutionStatus"] == "InProgress"
        ]
        self.assertEqual(sorted(set(running)), sorted(running))


def add(method: Callable[..., None], word: str, story: str, name: str, state: str, kind: str) -> None:
    """One test method a fault."""
    short = name.rsplit("--", 1)[-1]
    setattr(Faults, f"test_{word}_{short}_{state}_{kind}", functools.partialmethod(method, story, name, state, kind))


for (_story, _name, _state), _kind in itertools.product(PLACES, KINDS):
    add(Faults.passing, "passing", _story, _name, _state, _kind)
for (_story, _name, _state), _kind in itertools.product(PLACES, ("throttle", "timeout_after")):
    add(Faults.staying, "staying", _story, _name, _state, _kind)


if __name__ == "__main__":
    unittest.main()
