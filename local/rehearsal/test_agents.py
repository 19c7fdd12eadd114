"""What agents report, under the identity of their rule."""

from __future__ import annotations

import unittest

from behaviour import Unknown
from world import World

HOST, OTHER = "i-0123456789abcdef0", "i-0fedcba9876543210"
IDENTITY = {"stack": "checkout", "rule": "memory-leak-healing"}


class Reports(unittest.TestCase):
    """A unit on two hosts, a breaker, a pool, and a cache."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 7, 0)
        self.addCleanup(self.world.close)
        for host in (HOST, OTHER):
            self.world.given({"agent_unit": "checkout.service", "host": host, **IDENTITY})
        self.world.given({"agent_breaker": "payments", "host": HOST, "stack": "checkout", "rule": "breakers"})
        self.world.given({"agent_pool": "orders", "host": HOST, "stack": "checkout", "rule": "pools"})
        self.world.given({"agent_cache": "checkout", "host": HOST, "stack": "checkout", "rule": "caches"})
        self.world.given({"cache_lookups": "checkout-001", "found": 950, "missed": 50})

    def minutes(self, number: int) -> None:
        self.world.advance(round(self.world.now.timestamp() * 1000) + number * 60_000)

    def values(self, name: str) -> list[float]:
        return [value for each in self.world.metrics() if each.name == name for value in each.values]

    def test_well(self) -> None:
        found = {name: self.values(name) for name in ("MemoryUsedPercent", "BreakerOpen", "PoolWaiting")}
        self.assertEqual({"MemoryUsedPercent": [60, 60], "BreakerOpen": [0], "PoolWaiting": [0]}, found)
        self.assertEqual([0] * 5, self.values("AttemptsExhausted"))
        place = {"InstanceId": HOST, "Rule": "memory-leak-healing", "Stack": "checkout", "Target": "checkout.service"}
        found = [each.dimensions for each in self.world.metrics() if each.name == "MemoryUsedPercent"]
        self.assertEqual(place, found[0])

    def test_a_leak_until_it_is_healed(self) -> None:
        self.world.ail({"ail": "unit-memory", "host": HOST, "target": "checkout.service", "percent": 93, "for": "2m"})
        self.assertEqual([93, 60], self.values("MemoryUsedPercent"))
        self.minutes(2)
        self.assertEqual([60, 60], self.values("MemoryUsedPercent"))

    def test_open_and_waiting(self) -> None:
        self.world.ail({"ail": "breaker-open", "host": HOST, "target": "payments"})
        self.world.ail({"ail": "pool-waiting", "host": HOST, "target": "orders", "clients": 12})
        self.minutes(60)
        self.assertEqual(([1], [12]), (self.values("BreakerOpen"), self.values("PoolWaiting")))

    def test_exhausted(self) -> None:
        self.world.ail({"ail": "agent-exhausted", "host": HOST, "target": "orders", "for": "1h"})
        self.assertEqual([0, 0, 0, 1, 0], self.values("AttemptsExhausted"))

    def test_a_silent_host(self) -> None:
        self.world.ail({"ail": "agent-silent", "host": HOST})
        self.assertEqual(([60], []), (self.values("MemoryUsedPercent"), self.values("BreakerOpen")))

    def test_lookups(self) -> None:
        self.world.ail({"ail": "cache-misses", "node": "checkout-001", "percent": 40, "for": "5m"})
        self.assertEqual(([400], [600]), (self.values("CacheHits"), self.values("CacheMisses")))
        self.world.ail({"ail": "cache-quiet", "node": "checkout-001", "percent": 1})
        self.assertEqual(([4], [6]), (self.values("CacheHits"), self.values("CacheMisses")))
        self.minutes(5)
        self.assertEqual(([9], [1]), (self.values("CacheHits"), self.values("CacheMisses")))

    def test_what_was_not_given(self) -> None:
        with self.assertRaises(Unknown):
            self.world.ail({"ail": "breaker-open", "host": HOST, "target": "orders"})
        with self.assertRaises(Unknown):
            self.world.ail({"ail": "breaker-open", "host": HOST, "target": "payments", "til": "2m"})


if __name__ == "__main__":
    unittest.main()
