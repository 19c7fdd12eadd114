"""What Patch Manager's behaviour shows, over time."""

from __future__ import annotations

import unittest
from typing import Any

from world import World

ID, BASELINE = "i-0123456789abcdef0", "heal--checkout--patch-compliance-healing"
BEGIN = 1_800_000_000_000


class Host(unittest.TestCase):
    """A world with one managed host, a minute at a time."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 1, BEGIN)
        self.addCleanup(self.world.close)
        self.minutes = 0.0
        self.world.given({"managed-instance": ID, "baseline": BASELINE})
        self.passes(1)

    def passes(self, minutes: float) -> None:
        """Time goes on."""
        self.minutes += minutes
        self.world.advance(BEGIN + round(self.minutes * 60_000))

    def lacks(self, **thing: Any) -> None:
        """It lacks patches, and a scan has found that."""
        self.world.ail({"ail": "patches", "id": ID, **thing})
        self.passes(1)

    def runs(self, operation: str, option: str = "RebootIfNeeded") -> str:
        """An operation, and how it ends."""
        takes, status = self.world.command(
            "AWS-RunPatchBaseline", ID, {"Operation": [operation], "RebootOption": [option]}
        )
        self.passes(takes / 60)
        return status

    def found(self) -> Any:
        """Missing, failed and pending, as the API says."""
        shown = self.world.call("ssm", "DescribeInstancePatchStates", {"InstanceIds": [ID]})["InstancePatchStates"][0]
        self.assertEqual(shown["BaselineId"], BASELINE)
        return tuple(shown[f"{each}Count"] for each in ("Missing", "Failed", "InstalledPendingReboot"))

    def said(self) -> list[str]:
        """What Compliance has said since the last look."""
        found = [each["detail"] for each in self.world.events if each["source"] == "aws.ssm"]
        self.world.events.clear()
        return [
            each["compliance-status"]
            for each in found
            if each["resource-id"] == ID and each["compliance-type"] == "Patch"
        ]

    def test_an_installation_mends_what_a_scan_has_found(self) -> None:
        self.assertEqual((self.found(), self.said()), ((0, 0, 0), []))
        self.lacks(missing=2)
        self.assertEqual((self.found(), self.said()), ((2, 0, 0), ["non_compliant"]))
        self.assertEqual((self.runs("Install"), self.found(), self.said()), ("Success", (0, 0, 0), ["compliant"]))
        self.assertEqual((self.runs("Scan"), self.found(), self.said()), ("Success", (0, 0, 0), []))

    def test_without_a_reboot_patches_wait_for_one(self) -> None:
        self.lacks(missing=2)
        self.runs("Install", "NoReboot")
        self.assertEqual((self.found(), self.said()), ((0, 0, 2), ["non_compliant"]))
        self.runs("Install")
        self.assertEqual(self.found(), (0, 0, 0))

    def test_only_a_scan_says_what_an_installation_has_left_out(self) -> None:
        self.lacks(missing=3, held=1)
        self.runs("Install")
        self.assertEqual((self.found(), self.said()), ((0, 0, 0), ["non_compliant", "compliant"]))
        self.runs("Scan")
        self.assertEqual((self.found(), self.said()), ((1, 0, 0), ["non_compliant"]))

    def test_what_fails_is_said_by_the_installation(self) -> None:
        self.lacks(missing=1, broken=1)
        self.runs("Install")
        self.assertEqual(self.found(), (0, 1, 0))
        self.lacks(missing=1, command="Failed")
        self.assertEqual(self.runs("Install"), "Failed")

    def test_somebody_may_be_faster(self) -> None:
        self.lacks(missing=2, **{"for": "2m"})
        self.passes(1)
        self.assertEqual((self.found(), self.said()), ((0, 0, 0), ["non_compliant", "compliant"]))

    def test_a_silent_agent_gets_no_command(self) -> None:
        request = {"Filters": [{"Key": "InstanceIds", "Values": [ID]}]}

        def ping() -> str:
            return str(
                self.world.call("ssm", "DescribeInstanceInformation", request)["InstanceInformationList"][0][
                    "PingStatus"
                ]
            )

        self.assertEqual(ping(), "Online")
        self.world.ail({"ail": "ssm-agent", "id": ID})
        self.assertEqual((ping(), self.runs("Scan")), ("ConnectionLost", "Undeliverable"))

    def test_hosts_are_found_by_their_tags(self) -> None:
        other = "i-0fedcba9876543210"
        self.world.given({"managed-instance": other, "baseline": BASELINE, "tags": {"healstack": "db-verifier"}})

        def found(value: str) -> list[str]:
            request = {"Filters": [{"Key": "tag:healstack", "Values": [value]}]}
            shown = self.world.call("ssm", "DescribeInstanceInformation", request)["InstanceInformationList"]
            return [each["InstanceId"] for each in shown]

        self.assertEqual((found("db-verifier"), found("nobody")), ([other], []))


if __name__ == "__main__":
    unittest.main()
