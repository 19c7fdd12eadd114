"""What agents on hosts report of units, breakers, pools and caches. The agents themselves are not rehearsed, nor is
what they heal.

Given, with the rule whose identity the metrics carry: `{agent_unit: checkout.service, host: i-0123456789abcdef0,
stack: checkout, rule: …}`, and the same with `agent_breaker`, `agent_pool` or `agent_cache`. A cache's own metrics
are `agent_cache.py`'s.

Ailments of a `target` on a `host`; `for: 10m` is the time until it ends, by the agent's healing or by itself, else
it stays:
- `{ail: unit-memory, host: i-…, target: checkout.service, percent: 93}`
- `{ail: breaker-open, host: i-…, target: payments}`
- `{ail: pool-waiting, host: i-…, target: orders, clients: 12}`
- `{ail: agent-exhausted, host: i-…, target: …}`: the agent has spent its attempts.
- `{ail: agent-silent, host: i-…}`: nothing comes from the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from behaviour import Behaviour, Datapoint, Thing, Unknown
from durations import seconds
from things import only
from world import World

NAMESPACE = "Healing/Agent"
# Each kind's metric and its value while nothing is wrong: percent of the memory limit, 1 for open, clients that wait.
USUAL = {
    "unit": ("MemoryUsedPercent", 60.0),
    "breaker": ("BreakerOpen", 0.0),
    "pool": ("PoolWaiting", 0.0),
    "cache": (None, 0.0),
}


@dataclass
class Watched:
    """Something that an agent looks after."""

    kind: str
    host: str
    target: str
    stack: str
    rule: str
    value: float
    exhausted: bool = False


class Agents(Behaviour):
    """The metrics of namespace Healing/Agent that have a target."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.watched: list[Watched] = []
        self.silent: set[str] = set()
        self.givens = {f"agent_{kind}": lambda thing, kind=kind: self.given(kind, thing) for kind in USUAL}
        self.ailments = {
            "unit-memory": lambda thing: self.ail("unit", thing, "percent"),
            "breaker-open": lambda thing: self.ail("breaker", thing, None),
            "pool-waiting": lambda thing: self.ail("pool", thing, "clients"),
            "agent-exhausted": self.ail_exhausted,
            "agent-silent": self.ail_silent,
        }

    def given(self, kind: str, thing: Thing) -> None:
        """It is well."""
        only(thing, f"agent_{kind}", "host", "stack", "rule")
        value = USUAL[kind][1]
        made = Watched(kind, thing["host"], thing[f"agent_{kind}"], thing["stack"], thing["rule"], value)
        self.watched.append(made)

    def find(self, thing: Thing, *kinds: str) -> list[Watched]:
        """What is meant by host and target, of whichever rules."""
        found = [each for each in self.watched if (each.host, each.target) == (thing["host"], thing["target"])]
        found = [each for each in found if each.kind in (kinds or USUAL)]
        if not found:
            raise Unknown(f"`{thing['target']}` on {thing['host']}; it must be given first")
        return found

    def ail(self, kind: str, thing: Thing, member: str | None) -> None:
        """A value that is not usual; a breaker is open."""
        only(thing, "ail", "host", "target", "for", *([member] if member else []))
        for each in self.find(thing, kind):
            each.value = float(thing[member]) if member else 1.0
            self.passes(thing, lambda each=each: setattr(each, "value", USUAL[kind][1]))

    def ail_exhausted(self, thing: Thing) -> None:
        """It tries no more."""
        only(thing, "ail", "host", "target", "for")
        for each in self.find(thing):
            each.exhausted = True
            self.passes(thing, lambda each=each: setattr(each, "exhausted", False))

    def ail_silent(self, thing: Thing) -> None:
        """The host, its agent or its network is gone."""
        only(thing, "ail", "host", "for")
        self.silent.add(thing["host"])
        self.passes(thing, lambda: self.silent.discard(thing["host"]))

    def passes(self, thing: Thing, what: Callable[[], Any]) -> None:
        """What ends."""
        if "for" in thing:
            self.world.after(seconds(thing["for"]), what)

    def metrics(self) -> Iterator[Datapoint]:
        """One sample a minute."""
        for each in self.watched:
            if each.host not in self.silent:
                place = {"InstanceId": each.host, "Rule": each.rule, "Stack": each.stack, "Target": each.target}
                name = USUAL[each.kind][0]
                if name:
                    yield Datapoint(NAMESPACE, name, place, (each.value,))
                yield Datapoint(NAMESPACE, "AttemptsExhausted", place, (float(each.exhausted),))
