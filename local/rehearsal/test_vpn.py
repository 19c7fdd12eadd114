"""VPN tunnels: AWS replaces its endpoints, one at a time, and nobody else's."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError, Unknown
from world import World

VPN = "vpn-0123456789abcdef0"


class Tunnels(unittest.TestCase):
    """One connection."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 7, 0)
        self.addCleanup(self.world.close)
        self.world.given({"vpn_connection": VPN})

    def minutes(self, number: int) -> None:
        self.world.advance(round(self.world.now.timestamp() * 1000) + number * 60_000)

    def state(self) -> tuple[float, ...]:
        return next(each.values for each in self.world.metrics() if each.dimensions == {"VpnId": VPN})

    def telemetry(self) -> list[str]:
        found = self.world.call("ec2", "DescribeVpnConnections", {"VpnConnectionIds": [VPN]})["VpnConnections"][0]
        return [each["Status"] for each in found["VgwTelemetry"]]

    def replace(self, address: str) -> Any:
        request = {"VpnConnectionId": VPN, "VpnTunnelOutsideIpAddress": address}
        return self.world.call("ec2", "ReplaceVpnTunnel", request)

    def test_both_up(self) -> None:
        self.assertEqual(((1.0, 1.0), ["UP", "UP"]), (self.state(), self.telemetry()))

    def test_aws_replaces_an_endpoint(self) -> None:
        self.world.ail({"ail": "vpn-endpoint", "id": VPN, "tunnel": 1})
        self.minutes(19)
        self.assertEqual(((0.0, 1.0), ["DOWN", "UP"]), (self.state(), self.telemetry()))
        self.minutes(1)
        self.assertEqual((1.0, 1.0), self.state())

    def test_one_at_a_time(self) -> None:
        for tunnel in (1, 2):
            self.world.ail({"ail": "vpn-endpoint", "id": VPN, "tunnel": tunnel})
        self.minutes(20)
        self.assertEqual((1.0, 0.0), self.state())
        self.minutes(10)
        self.assertEqual((1.0, 1.0), self.state())

    def test_the_customers_device_is_nobody_elses(self) -> None:
        self.world.ail({"ail": "customer-gateway", "id": VPN, "tunnels": [1, 2]})
        self.minutes(24 * 60)
        self.assertEqual((0.0, 0.0), self.state())

    def test_tunnels_start_again_when_the_device_is_back(self) -> None:
        self.world.ail({"ail": "customer-gateway", "id": VPN, "tunnels": [2], "for": "30m"})
        self.minutes(30)
        self.assertEqual((1.0, 0.0), self.state())
        self.minutes(1)
        self.assertEqual((1.0, 1.0), self.state())

    def test_the_share_of_both(self) -> None:
        self.world.given({"vpn_connection": VPN, "reports": "share"})
        self.world.ail({"ail": "customer-gateway", "id": VPN, "tunnels": [2]})
        self.assertEqual((0.5,), self.state())

    def test_people_replace_one(self) -> None:
        self.replace("203.0.113.10")
        self.assertEqual(["DOWN", "UP"], self.telemetry())
        with self.assertRaises(ApiError):
            self.replace("203.0.113.20")
        self.minutes(10)
        self.assertEqual(["UP", "UP"], self.telemetry())

    def test_unknown(self) -> None:
        with self.assertRaises(Unknown):
            self.world.ail({"ail": "vpn-endpoint", "id": "vpn-1", "tunnel": 1})
        with self.assertRaises(ApiError):
            self.world.call("ec2", "DescribeVpnConnections", {"VpnConnectionIds": ["vpn-1"]})


if __name__ == "__main__":
    unittest.main()
