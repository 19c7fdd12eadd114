"""Load balancers: requests go by weights and health, and health follows its causes only."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError, Unknown
from behaviours.load_balancers import LoadBalancers
from world import World

ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:"
BALANCER, PRIMARY, STANDBY = "app/checkout/50dc", "targetgroup/checkout/73e2", "targetgroup/standby/0996"
RULE = f"{BALANCER}/0467/9683"
ZONES = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]


class Balancing(unittest.TestCase):
    """One load balancer with a primary and a standby."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 7, 0)
        self.addCleanup(self.world.close)
        self.world.given({"load_balancer": BALANCER, "zones": ZONES})
        self.world.given({"target_group": PRIMARY, "load_balancer": BALANCER, "targets": 4})
        self.world.given({"target_group": STANDBY, "load_balancer": BALANCER, "targets": 2})
        self.world.given({"listener_rule": RULE, "forward": {PRIMARY: 100, STANDBY: 0}, "requests": 600})

    def call(self, api: str, **request: Any) -> Any:
        return self.world.call("elbv2", api, request)

    def minutes(self, number: int) -> None:
        self.world.advance(round(self.world.now.timestamp() * 1000) + number * 60_000)

    def metric(self, name: str, group: str | None = None, zone: str | None = None) -> tuple[float, ...] | None:
        wanted = {"LoadBalancer": BALANCER}
        if group:
            wanted["TargetGroup"] = group
        if zone:
            wanted["AvailabilityZone"] = zone
        found = [each.values for each in self.world.metrics() if (each.name, each.dimensions) == (name, wanted)]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    def reroute(self) -> None:
        weights = [{"TargetGroupArn": ARN + PRIMARY, "Weight": 0}, {"TargetGroupArn": ARN + STANDBY, "Weight": 100}]
        config = {"TargetGroups": weights, "TargetGroupStickinessConfig": {"Enabled": False}}
        actions = [{"Type": "forward", "ForwardConfig": config}]
        self.call("ModifyRule", RuleArn=f"{ARN}listener-rule/{RULE}", Actions=actions)

    def states(self, group: str) -> list[str]:
        found = self.call("DescribeTargetHealth", TargetGroupArn=ARN + group)["TargetHealthDescriptions"]
        return [each["TargetHealth"]["State"] for each in found]

    def test_healthy(self) -> None:
        self.assertEqual(self.metric("RequestCount", PRIMARY), (600,))
        self.assertEqual(self.metric("RequestCount", STANDBY), (0,))
        self.assertEqual(self.metric("RequestCount", zone="eu-west-1b"), (200,))
        self.assertEqual(self.metric("HealthyHostCount", STANDBY), (2, 2, 2))
        self.assertIsNone(self.metric("HTTPCode_ELB_5XX_Count"))
        rule = self.call("DescribeRules", RuleArns=[f"{ARN}listener-rule/{RULE}"])["Rules"][0]
        self.assertEqual(rule["Actions"][0]["ForwardConfig"]["TargetGroups"][1]["Weight"], 0)
        self.assertIs(rule["IsDefault"], False)

    def test_unhealthy_targets_get_requests_until_the_rule_sends_them_elsewhere(self) -> None:
        self.world.ail({"ail": "targets", "group": PRIMARY})
        self.assertEqual(self.states(PRIMARY), ["healthy"] * 4)
        self.minutes(1)
        self.assertEqual(self.states(PRIMARY), ["unhealthy"] * 4)
        self.assertEqual(self.metric("HealthyHostCount", PRIMARY), (0, 0, 0))
        self.assertEqual(self.metric("RequestCount", PRIMARY), (600,))
        self.assertEqual(self.metric("HTTPCode_ELB_502_Count"), (600,))
        self.reroute()
        self.assertEqual(self.metric("RequestCount", PRIMARY), (0,))
        self.assertEqual(self.metric("HTTPCode_Target_2XX_Count", STANDBY), (600,))
        self.assertIsNone(self.metric("HTTPCode_ELB_5XX_Count"))

    def test_no_targets(self) -> None:
        for each in self.call("DescribeTargetHealth", TargetGroupArn=ARN + PRIMARY)["TargetHealthDescriptions"]:
            self.call("DeregisterTargets", TargetGroupArn=ARN + PRIMARY, Targets=[{"Id": each["Target"]["Id"]}])
        self.assertEqual(self.metric("HTTPCode_ELB_503_Count"), (600,))
        self.assertIsNone(self.metric("HealthyHostCount", PRIMARY))
        self.minutes(5)
        self.assertEqual(self.states(PRIMARY), [])
        self.call("RegisterTargets", TargetGroupArn=ARN + PRIMARY, Targets=[{"Id": "10.0.9.9"}])
        self.assertEqual(self.states(PRIMARY), ["initial"])
        self.minutes(1)
        self.assertEqual(self.metric("HTTPCode_Target_2XX_Count", PRIMARY), (600,))

    def test_a_cause_that_passes(self) -> None:
        self.world.ail({"ail": "targets", "group": PRIMARY, "answers": "errors", "for": "10m"})
        self.minutes(10)
        self.assertEqual(self.states(PRIMARY), ["unhealthy"] * 4)
        self.minutes(3)
        self.assertEqual(self.states(PRIMARY), ["healthy"] * 4)

    def test_errors_that_health_checks_do_not_see(self) -> None:
        self.world.ail({"ail": "target-answers", "group": PRIMARY, "percent": 50})
        self.minutes(5)
        self.assertEqual(self.states(PRIMARY), ["healthy"] * 4)
        self.assertEqual(self.metric("HTTPCode_Target_5XX_Count", PRIMARY), (300,))
        self.assertEqual(self.metric("HTTPCode_Target_2XX_Count", PRIMARY), (300,))

    def test_nobody_asks(self) -> None:
        self.world.ail({"ail": "load-balancer-traffic", "load_balancer": BALANCER, "percent": 0})
        self.assertEqual(self.world.metrics(), [])

    def test_zones(self) -> None:
        known = self.world.behaviour(LoadBalancers)
        self.world.ail({"ail": "load-balancer-zone", "load_balancer": BALANCER, "zone": "eu-west-1a", "percent": 50})
        self.assertEqual(known.zone_requests(BALANCER)["eu-west-1a"], (200, 100))
        known.shift(BALANCER, "eu-west-1a")
        self.assertEqual(known.zone_requests(BALANCER)["eu-west-1a"][0], 200)
        self.minutes(1)
        shifted = {"eu-west-1a": (0, 0), "eu-west-1b": (300, 0), "eu-west-1c": (300, 0)}
        self.assertEqual(known.zone_requests(BALANCER), shifted)
        self.assertEqual(self.metric("HTTPCode_ELB_5XX_Count", zone="eu-west-1a"), None)
        known.unshift(BALANCER, "eu-west-1a")
        self.assertEqual(known.zone_requests(BALANCER)["eu-west-1a"], (200, 100))

    def test_dns(self) -> None:
        known = self.world.behaviour(LoadBalancers)
        self.assertTrue(known.dns_healthy(BALANCER))
        self.world.ail({"ail": "targets", "group": PRIMARY, "count": 3})
        self.minutes(1)
        self.assertTrue(known.dns_healthy(BALANCER))
        key = "target_group_health.dns_failover.minimum_healthy_targets.percentage"
        self.call("ModifyTargetGroupAttributes", TargetGroupArn=ARN + PRIMARY, Attributes=[{"Key": key, "Value": "50"}])
        self.assertFalse(known.dns_healthy(BALANCER))
        self.assertEqual(self.metric("HealthyStateDNS", PRIMARY), (0,))

    def test_attributes(self) -> None:
        routing = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"
        dns = "target_group_health.dns_failover.minimum_healthy_targets.percentage"
        both = [{"Key": routing, "Value": "50"}, {"Key": dns, "Value": "25"}]
        with self.assertRaises(ApiError):
            self.call("ModifyTargetGroupAttributes", TargetGroupArn=ARN + PRIMARY, Attributes=both)
        found = self.call("DescribeTargetGroupAttributes", TargetGroupArn=ARN + PRIMARY)["Attributes"]
        self.assertIn({"Key": routing, "Value": "off"}, found)

    def test_refused(self) -> None:
        with self.assertRaises(ApiError):
            self.call("DescribeRules", RuleArns=[f"{ARN}listener-rule/{BALANCER}/0/0"])
        with self.assertRaises(Unknown):
            self.world.ail({"ail": "targets", "group": "targetgroup/other/1"})
        with self.assertRaises(Unknown):
            self.world.ail({"ail": "targets", "group": PRIMARY, "until": "never"})


if __name__ == "__main__":
    unittest.main()
