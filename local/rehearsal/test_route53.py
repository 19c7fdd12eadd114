"""Failover records: the answer follows the health of both ends."""

from __future__ import annotations

import unittest
from typing import Any

from world import World

BALANCER, GROUP = "app/checkout/50dc", "targetgroup/checkout/73e2"
PRIMARY, SECONDARY = "checkout-1.eu-west-1.elb.amazonaws.com", "checkout-2.eu-central-1.elb.amazonaws.com"
FIRST, SECOND = ["192.0.2.10"], ["198.51.100.10"]


class Failover(unittest.TestCase):
    """A load balancer of this account, and one elsewhere."""

    region = "eu-west-1"

    def setUp(self) -> None:
        self.world = World("111122223333", self.region, 7, 0)
        self.addCleanup(self.world.close)
        zones = [f"{self.region}a", f"{self.region}b"]
        self.world.given({"load_balancer": BALANCER, "zones": zones})
        self.world.given({"target_group": GROUP, "load_balancer": BALANCER, "targets": 4, "requests": 600})
        primary = {"dns_name": PRIMARY, "load_balancer": BALANCER}
        records = {"failover_records": "checkout.example.com", "zone": "Z1", "health_check": "check"}
        ends = {"primary": primary, "secondary": {"dns_name": SECONDARY}}
        self.world.given({**records, "interval": 10, "threshold": 3, **ends})

    def seconds(self, number: int) -> None:
        self.world.advance(round(self.world.now.timestamp() * 1000) + number * 1000)

    def answer(self) -> Any:
        request = {"HostedZoneId": "Z1", "RecordName": "checkout.example.com", "RecordType": "A"}
        return self.world.call("route53", "TestDNSAnswer", request)["RecordData"]

    def status(self) -> str:
        found = self.world.call("route53", "GetHealthCheckStatus", {"HealthCheckId": "check"})
        return str(found["HealthCheckObservations"][0]["StatusReport"]["Status"]).split(":")[0]

    def metric(self) -> list[float]:
        return [value for each in self.world.metrics() if each.name == "HealthCheckStatus" for value in each.values]

    def test_healthy(self) -> None:
        self.seconds(300)
        self.assertEqual((FIRST, "Success", []), (self.answer(), self.status(), self.metric()))

    def test_over_and_back_after_three_answers(self) -> None:
        self.world.ail({"ail": "health-page", "dns_name": PRIMARY, "for": "10m"})
        self.seconds(29)
        self.assertEqual(FIRST, self.answer())
        self.seconds(1)
        self.assertEqual((SECOND, "Failure"), (self.answer(), self.status()))
        self.seconds(589)
        self.assertEqual(SECOND, self.answer())
        self.seconds(1)
        self.assertEqual(FIRST, self.answer())

    def test_a_single_answer_changes_nothing(self) -> None:
        self.world.ail({"ail": "health-page", "dns_name": PRIMARY, "for": "25s"})
        self.seconds(120)
        self.assertEqual((FIRST, "Success"), (self.answer(), self.status()))

    def test_the_load_balancers_own_word(self) -> None:
        self.world.ail({"ail": "targets", "group": GROUP, "answers": "none"})
        self.seconds(60)
        self.assertEqual(SECOND, self.answer())

    def test_with_both_unhealthy_it_is_the_primary(self) -> None:
        self.world.ail({"ail": "health-page", "dns_name": PRIMARY})
        self.world.ail({"ail": "endpoint", "dns_name": SECONDARY, "for": "1h"})
        self.seconds(60)
        self.assertEqual((FIRST, "Failure"), (self.answer(), self.status()))
        self.seconds(3600)
        self.assertEqual(SECOND, self.answer())


class Metrics(Failover):
    """In the region of Route 53's metrics."""

    region = "us-east-1"

    def test_healthy(self) -> None:
        self.assertEqual([1.0], self.metric())
        self.world.ail({"ail": "health-page", "dns_name": PRIMARY})
        self.seconds(30)
        self.assertEqual([0.0], self.metric())


if __name__ == "__main__":
    unittest.main()
