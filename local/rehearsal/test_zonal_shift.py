"""Zonal shifts: one in force at a time, with an end, and what they do to a load balancer's zones."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError
from world import World

BALANCER, GROUP = "app/checkout/50dc", "targetgroup/checkout/73e2"
ARN = f"arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/{BALANCER}"
ZONES = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
A, B = "euw1-az3", "euw1-az1"


class Shifting(unittest.TestCase):
    """A load balancer in three zones, each with 300 requests a minute."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 7, 0)
        self.addCleanup(self.world.close)
        attributes = {"zonal_shift.config.enabled": "true"}
        self.world.given({"load_balancer": BALANCER, "zones": ZONES, "attributes": attributes})
        self.world.given({"target_group": GROUP, "load_balancer": BALANCER, "targets": 6, "requests": 900})

    def call(self, api: str, **request: Any) -> Any:
        return self.world.call("arc-zonal-shift", api, request)

    def start(self, zone: str = A, expires: str = "60m") -> Any:
        request = {"awayFrom": zone, "expiresIn": expires, "comment": "Healstack: checkout/zonal-shift-healing"}
        return self.call("StartZonalShift", resourceIdentifier=ARN, **request)

    def minutes(self, number: int) -> None:
        self.world.advance(round(self.world.now.timestamp() * 1000) + number * 60_000)

    def seen(self) -> dict[str, tuple[float, float]]:
        """Requests and errors by zone, as CloudWatch hears of them."""
        found = dict.fromkeys(ZONES, (0.0, 0.0))
        for each in self.world.metrics():
            if set(each.dimensions) == {"LoadBalancer", "AvailabilityZone"}:
                requests, errors = found[each.dimensions["AvailabilityZone"]]
                value = each.values[0]
                if each.name == "RequestCount":
                    found[each.dimensions["AvailabilityZone"]] = (value, errors)
                elif each.name == "HTTPCode_ELB_5XX_Count":
                    found[each.dimensions["AvailabilityZone"]] = (requests, value)
        return found

    def weights(self) -> dict[str, float]:
        return dict(self.call("GetManagedResource", resourceIdentifier=ARN)["appliedWeights"])

    def events(self) -> list[tuple[str, list[str]]]:
        return [(each["detail-type"], each["resources"]) for each in self.world.events]

    def test_a_shift_takes_the_errors_away(self) -> None:
        self.world.ail({"ail": "zone", "zone": "eu-west-1a", "percent": 60})
        self.assertEqual((300, 180), self.seen()["eu-west-1a"])
        shift = self.start()
        self.assertEqual("ACTIVE", shift["status"])
        self.minutes(2)
        self.assertEqual({"eu-west-1a": (0, 0), "eu-west-1b": (450, 0), "eu-west-1c": (450, 0)}, self.seen())
        self.assertEqual({A: 0.0, B: 1.0, "euw1-az2": 1.0}, self.weights())
        self.assertEqual([("Manual Shift Started", ["checkout"])], self.events())

    def test_it_ends_by_itself(self) -> None:
        self.start(expires="30m")
        self.minutes(29)
        self.assertEqual(0.0, self.weights()[A])
        self.minutes(1)
        self.assertEqual(1.0, self.weights()[A])
        self.assertEqual((300, 0), self.seen()["eu-west-1a"])
        self.assertEqual("EXPIRED", self.call("ListZonalShifts", status="EXPIRED")["items"][0]["status"])
        self.assertEqual([], self.call("ListZonalShifts")["items"])

    def test_cancelled(self) -> None:
        shift = self.start()
        self.assertEqual("CANCELED", self.call("CancelZonalShift", zonalShiftId=shift["zonalShiftId"])["status"])
        self.minutes(2)
        self.assertEqual((300, 0), self.seen()["eu-west-1a"])
        with self.assertRaises(ApiError) as caught:
            self.call("CancelZonalShift", zonalShiftId=shift["zonalShiftId"])
        self.assertEqual("ConflictException", caught.exception.code)

    def test_one_at_a_time(self) -> None:
        self.start(A)
        with self.assertRaises(ApiError) as caught:
            self.start(B)
        self.assertEqual("ConflictException", caught.exception.code)

    def test_what_arc_refuses(self) -> None:
        for zone, expires in (("euw1-az9", "60m"), (A, "73h"), (A, "1d")):
            with self.assertRaises(ApiError) as caught:
                self.start(zone, expires)
            self.assertEqual("ValidationException", caught.exception.code)
        off = [{"Key": "zonal_shift.config.enabled", "Value": "false"}]
        self.world.call("elbv2", "ModifyLoadBalancerAttributes", {"LoadBalancerArn": ARN, "Attributes": off})
        with self.assertRaises(ApiError) as caught:
            self.start()
        self.assertEqual("ResourceNotFoundException", caught.exception.code)

    def test_aws_shifts_too_and_ends_it_after_the_zone_recovers(self) -> None:
        self.world.given({"zonal_autoshift": BALANCER})
        self.world.ail({"ail": "zone", "zone": "eu-west-1a", "percent": 60, "noticed": "4m", "for": "1h"})
        self.minutes(5)
        found = self.call("GetManagedResource", resourceIdentifier=ARN)
        self.assertEqual("ENABLED", found["zonalAutoshiftStatus"])
        self.assertEqual("APPLIED", found["autoshifts"][0]["appliedStatus"])
        self.assertEqual(0.0, found["appliedWeights"][A])
        self.minutes(56)
        self.assertEqual(0.0, self.weights()[A])
        self.minutes(15)
        self.assertEqual(1.0, self.weights()[A])
        self.assertEqual([("Autoshift In Progress", ["checkout"]), ("Autoshift Completed", ["checkout"])], self.events())

    def test_without_autoshift_aws_leaves_it(self) -> None:
        self.world.ail({"ail": "zone", "zone": "eu-west-1a", "percent": 60, "noticed": "4m"})
        self.minutes(10)
        self.assertEqual(1.0, self.weights()[A])
        self.assertEqual((300, 180), self.seen()["eu-west-1a"])

    def test_a_customers_shift_goes_before_an_autoshift(self) -> None:
        self.world.given({"zonal_autoshift": BALANCER})
        self.world.ail({"ail": "zone", "zone": "eu-west-1a", "percent": 60, "noticed": "1m"})
        self.minutes(2)
        self.start(B, "30m")
        self.assertEqual({A: 1.0, B: 0.0, "euw1-az2": 1.0}, self.weights())
        self.minutes(30)
        self.assertEqual({A: 0.0, B: 1.0, "euw1-az2": 1.0}, self.weights())

    def test_a_practice_run_gives_way(self) -> None:
        self.world.ail({"ail": "practice-run", "load_balancer": BALANCER, "zone": "eu-west-1a"})
        self.assertEqual(0.0, self.weights()[A])
        self.start(B)
        self.assertEqual({A: 1.0, B: 0.0, "euw1-az2": 1.0}, self.weights())
        self.assertEqual("Practice Run Interrupted", self.events()[1][0])

    def test_a_practice_run_ends_after_half_an_hour(self) -> None:
        self.world.ail({"ail": "practice-run", "load_balancer": BALANCER, "zone": "eu-west-1a"})
        self.minutes(30)
        self.assertEqual(1.0, self.weights()[A])
        self.assertEqual(["Practice Run Started", "Practice Run Succeeded"], [what for what, _ in self.events()])

    def test_zones_without_reserve_answer_errors_when_they_get_more(self) -> None:
        self.world.ail({"ail": "zones-without-reserve", "load_balancer": BALANCER, "percent": 20})
        self.assertEqual((300, 0), self.seen()["eu-west-1b"])
        shift = self.start()
        self.minutes(2)
        self.assertEqual((450, 90), self.seen()["eu-west-1b"])
        self.call("CancelZonalShift", zonalShiftId=shift["zonalShiftId"])
        self.assertEqual((300, 0), self.seen()["eu-west-1b"])

    def test_clients_that_keep_connections_stay_in_the_zone(self) -> None:
        self.world.ail({"ail": "zone", "zone": "eu-west-1a", "percent": 60})
        self.world.ail({"ail": "kept-connections", "load_balancer": BALANCER})
        self.start(expires="2h")
        self.minutes(30)
        self.assertEqual((300, 180), self.seen()["eu-west-1a"])
        self.minutes(40)
        self.assertEqual((0, 0), self.seen()["eu-west-1a"])


if __name__ == "__main__":
    unittest.main()
