"""Replication groups: what does not fit is evicted until the nodes are larger, which takes its time."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError, Unknown
from behaviours.elasticache_groups import memory
from world import World


class Groups(unittest.TestCase):
    """One group of two nodes."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 7, 0)
        self.addCleanup(self.world.close)

    def given(self, **more: Any) -> None:
        nodes = ["checkout-001", "checkout-002"]
        self.world.given({"replication_group": "checkout", "nodes": nodes, "node_type": "cache.r7g.large", **more})

    def call(self, api: str, **request: Any) -> Any:
        return self.world.call("elasticache", api, request)

    def modify(self, **request: Any) -> None:
        self.call("ModifyReplicationGroup", ReplicationGroupId="checkout", ApplyImmediately=True, **request)

    def shown(self) -> Any:
        return self.call("DescribeReplicationGroups", ReplicationGroupId="checkout")["ReplicationGroups"][0]

    def state(self) -> tuple[str, str]:
        return self.shown()["Status"], self.shown()["CacheNodeType"]

    def minutes(self, number: int) -> list[float]:
        """Evictions of the nodes, at the end."""
        self.world.advance(round(self.world.now.timestamp() * 1000) + number * 60_000)
        return [each.values[0] for each in self.world.metrics()]

    def test_larger_nodes_take_what_did_not_fit(self) -> None:
        self.given()
        self.assertEqual(self.minutes(1), [0, 0])
        self.world.ail({"ail": "cache-growth", "group": "checkout", "percent": 150})
        self.assertEqual(self.minutes(60), [500, 0])
        self.modify(CacheNodeType="cache.r7g.xlarge")
        self.assertEqual(self.state(), ("modifying", "cache.r7g.large"))
        with self.assertRaises(ApiError):
            self.modify(CacheNodeType="cache.r7g.2xlarge")
        self.assertEqual(self.minutes(14), [500, 0])
        self.assertEqual(self.minutes(1), [0, 0])
        self.assertEqual(self.state(), ("modifying", "cache.r7g.xlarge"))
        self.minutes(2)
        self.assertEqual(self.state(), ("available", "cache.r7g.xlarge"))

    def test_too_much_for_them_too(self) -> None:
        self.given()
        self.world.ail({"ail": "cache-growth", "group": "checkout", "percent": 300})
        self.modify(CacheNodeType="cache.r7g.xlarge")
        self.assertEqual(self.minutes(20), [500, 0])

    def test_replicas_take_readers_and_no_data(self) -> None:
        self.given()
        self.world.ail({"ail": "cache-growth", "group": "checkout", "percent": 120, "buffers": 50})
        self.call("IncreaseReplicaCount", ReplicationGroupId="checkout", NewReplicaCount=3, ApplyImmediately=True)
        self.assertEqual(self.minutes(10), [0, 0, 0, 0])
        self.assertEqual(self.shown()["MemberClusters"][-1], "checkout-004")
        with self.assertRaises(ApiError):
            self.call("IncreaseReplicaCount", ReplicationGroupId="checkout", NewReplicaCount=3, ApplyImmediately=True)

    def test_an_upgrade_that_waits_blocks_scaling(self) -> None:
        self.given(pending={"EngineVersion": "8.1"})
        found = self.call("DescribeCacheClusters", CacheClusterId="checkout-002")["CacheClusters"][0]
        self.assertEqual(found["PendingModifiedValues"], {"EngineVersion": "8.1"})
        with self.assertRaises(ApiError):
            self.modify(CacheNodeType="cache.r7g.xlarge")

    def test_failover(self) -> None:
        self.given(failover="disabled", multi_az="disabled")
        self.modify(AutomaticFailoverEnabled=True, MultiAZEnabled=True)
        self.assertEqual(self.shown()["AutomaticFailover"], "enabling")
        self.minutes(3)
        self.assertEqual((self.shown()["AutomaticFailover"], self.shown()["MultiAZ"]), ("enabled", "enabled"))
        self.assertEqual(self.shown()["Status"], "available")

    def test_a_snapshot(self) -> None:
        self.given()
        self.call("CreateSnapshot", ReplicationGroupId="checkout", SnapshotName="nightly")
        self.assertEqual(self.state()[0], "snapshotting")
        self.minutes(10)
        self.assertEqual(self.state()[0], "available")

    def test_memory(self) -> None:
        self.assertEqual(memory("cache.m7g.2xlarge"), 4 * 6.38)
        self.assertEqual(memory("cache.t4g.small"), 1.37)
        for each in ("cache.m7g.small", "cache.x9.large", "r7g.large"):
            with self.assertRaises(Unknown):
                memory(each)


if __name__ == "__main__":
    unittest.main()
