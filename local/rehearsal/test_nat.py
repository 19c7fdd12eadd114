"""NAT gateways: hosts reach the internet where their table leads, and only there."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError
from world import World

TABLE, PRIMARY, STANDBY = "rtb-0123456789abcdef0", "nat-0123456789abcdef0", "nat-0fedcba9876543210"


class Paths(unittest.TestCase):
    """Two gateways, and a table that leads to the first."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 7, 0)
        self.addCleanup(self.world.close)
        self.world.given({"nat_gateway": PRIMARY, "zone": "eu-west-1a"})
        self.world.given({"nat_gateway": STANDBY, "zone": "eu-west-1b"})
        self.world.given({"route_table": TABLE, "nat_gateway": PRIMARY})
        self.world.given({"egress_probes": TABLE, "stack": "checkout", "rule": "nat-path-healing", "hosts": 2})

    def call(self, api: str, **request: Any) -> Any:
        return self.world.call("ec2", api, request)

    def lead_to(self, gateway: str) -> None:
        self.call("ReplaceRoute", RouteTableId=TABLE, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)

    def minutes(self, number: int) -> None:
        self.world.advance(round(self.world.now.timestamp() * 1000) + number * 60_000)

    def probes(self) -> tuple[float, ...] | None:
        place = {"Stack": "checkout", "Rule": "nat-path-healing"}
        found = [each for each in self.world.metrics() if each.name == "EgressProbeFailed"]
        self.assertEqual([place] * len(found), [each.dimensions for each in found])
        return found[0].values if found else None

    def refused(self) -> dict[str, bool]:
        found = [each for each in self.world.metrics() if each.name == "ErrorPortAllocation"]
        return {each.dimensions["NatGatewayId"]: each.values[0] > 0 for each in found}

    def on(self, gateway: str) -> list[str]:
        """What a runbook asks: tables whose default route leads to the gateway."""
        wanted = {"route-table-id": TABLE, "route.destination-cidr-block": "0.0.0.0/0", "route.nat-gateway-id": gateway}
        filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
        return [each["RouteTableId"] for each in self.call("DescribeRouteTables", Filters=filters)["RouteTables"]]

    def test_well(self) -> None:
        self.assertEqual((0.0,) * 12, self.probes())
        self.assertEqual(([TABLE], []), (self.on(PRIMARY), self.on(STANDBY)))
        self.assertEqual({PRIMARY: False, STANDBY: False}, self.refused())

    def test_another_route_mends_a_failed_path(self) -> None:
        self.world.ail({"ail": "nat-path", "gateway": PRIMARY})
        self.assertEqual((1.0,) * 12, self.probes())
        found = self.call("DescribeNatGateways", NatGatewayIds=[PRIMARY])["NatGateways"]
        self.assertEqual("available", found[0]["State"])
        self.minutes(600)
        self.assertEqual((1.0,) * 12, self.probes())
        self.lead_to(STANDBY)
        self.assertEqual((0.0,) * 12, self.probes())
        self.assertEqual(([], [TABLE]), (self.on(PRIMARY), self.on(STANDBY)))

    def test_a_path_that_recovers(self) -> None:
        self.world.ail({"ail": "nat-path", "gateway": PRIMARY, "for": "10m"})
        self.minutes(10)
        self.assertEqual((0.0,) * 12, self.probes())

    def test_no_route_mends_the_destinations(self) -> None:
        self.world.ail({"ail": "destinations"})
        self.lead_to(STANDBY)
        self.assertEqual((1.0,) * 12, self.probes())

    def test_one_host_leaves_the_minimum(self) -> None:
        self.world.ail({"ail": "host-egress", "route_table": TABLE})
        self.assertEqual({0.0, 1.0}, set(self.probes() or ()))

    def test_silent(self) -> None:
        self.world.ail({"ail": "probes-silent", "route_table": TABLE, "for": "5m"})
        self.assertIsNone(self.probes())
        self.minutes(5)
        self.assertIsNotNone(self.probes())

    def test_want_of_ports_goes_along_and_ends_with_an_address(self) -> None:
        self.world.ail({"ail": "nat-ports", "route_table": TABLE, "addresses": 2})
        self.assertEqual({PRIMARY: True, STANDBY: False}, self.refused())
        self.lead_to(STANDBY)
        self.assertEqual({PRIMARY: False, STANDBY: True}, self.refused())
        self.call("AssociateNatGatewayAddress", NatGatewayId=STANDBY, AllocationIds=["eipalloc-0123456789abcdef0"])
        self.assertEqual({PRIMARY: False, STANDBY: False}, self.refused())

    def test_a_deleted_gateway_is_no_way(self) -> None:
        self.call("DeleteNatGateway", NatGatewayId=STANDBY)
        with self.assertRaises(ApiError) as caught:
            self.lead_to(STANDBY)
        self.assertEqual("InvalidNatGatewayID.NotFound", caught.exception.code)
        self.call("DeleteNatGateway", NatGatewayId=PRIMARY)
        self.assertEqual((1.0,) * 12, self.probes())


if __name__ == "__main__":
    unittest.main()
