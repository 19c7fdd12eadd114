"""Lookups of cache nodes, which the agent's healing of a cache is about.

Given: `{cache_lookups: checkout-001, found: 5700, missed: 300}`, in a minute.

Ailments; `for: 10m` ends the cause by itself, else it stays:
- `{ail: cache-misses, node: checkout-001, percent: 40}`: so many of the lookups find their key.
- `{ail: cache-quiet, node: checkout-001, percent: 1}`: so many of the usual lookups come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from behaviour import Behaviour, Datapoint, Thing, Unknown
from durations import seconds
from things import only
from world import World


@dataclass
class Lookups:
    """Of one node in a minute."""

    usual: int
    # Percent that find their key, usually and now; percent of the usual lookups that come.
    usually_found: int
    found: int
    come: int = 100


class CacheLookups(Behaviour):
    """CacheHits and CacheMisses of nodes that were given."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.nodes: dict[str, Lookups] = {}
        self.givens = {"cache_lookups": self.given}
        self.ailments = {"cache-misses": self.ail_misses, "cache-quiet": self.ail_quiet}

    def given(self, thing: Thing) -> None:
        """As many as usual."""
        only(thing, "cache_lookups", "found", "missed")
        usual = thing["found"] + thing["missed"]
        share = 100 * thing["found"] // usual
        self.nodes[thing["cache_lookups"]] = Lookups(usual, share, share)

    def node(self, thing: Thing) -> Lookups:
        """By its name."""
        if thing["node"] not in self.nodes:
            raise Unknown(f"the lookups of `{thing['node']}`; they must be given first")
        return self.nodes[thing["node"]]

    def ail_misses(self, thing: Thing) -> None:
        """Entries are stale or gone."""
        only(thing, "ail", "node", "percent", "for")
        node = self.node(thing)
        node.found = thing["percent"]
        if "for" in thing:
            self.world.after(seconds(thing["for"]), lambda: setattr(node, "found", node.usually_found))

    def ail_quiet(self, thing: Thing) -> None:
        """Nobody asks."""
        only(thing, "ail", "node", "percent", "for")
        node = self.node(thing)
        node.come = thing["percent"]
        if "for" in thing:
            self.world.after(seconds(thing["for"]), lambda: setattr(node, "come", 100))

    def metrics(self) -> Iterator[Datapoint]:
        """ElastiCache user guide, "Metrics for Valkey and Redis OSS": counts, by cluster and node."""
        for name, node in self.nodes.items():
            lookups = node.usual * node.come // 100
            found = lookups * node.found // 100
            place = {"CacheClusterId": name, "CacheNodeId": "0001"}
            yield Datapoint("AWS/ElastiCache", "CacheHits", place, (float(found),))
            yield Datapoint("AWS/ElastiCache", "CacheMisses", place, (float(lookups - found),))
