"""What EC2's behaviours show, over time."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError, Unknown
from world import World

ID = "i-0123456789abcdef0"
BEGIN = 1_800_000_000_000


class Account(unittest.TestCase):
    """A world with one instance, a minute at a time."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 1, BEGIN)
        self.addCleanup(self.world.close)
        self.minutes = 0
        self.world.given({"instance": ID, "tags": {"app": "checkout"}})
        self.passes(1)

    def passes(self, minutes: float) -> None:
        """Time goes on."""
        self.minutes += minutes
        self.world.advance(BEGIN + round(self.minutes * 60_000))

    def call(self, api: str, **request: Any) -> Any:
        """A call of EC2."""
        return self.world.call("ec2", api, request)

    def state(self) -> str:
        """The instance's state."""
        shown = self.call("DescribeInstances", InstanceIds=[ID])["Reservations"][0]["Instances"][0]
        return str(shown["State"]["Name"])

    def checks(self) -> Any:
        """Its instance, system and attached EBS status."""
        shown = self.call("DescribeInstanceStatus", InstanceIds=[ID], IncludeAllInstances=True)["InstanceStatuses"][0]
        return tuple(shown[each]["Status"] for each in ("InstanceStatus", "SystemStatus", "AttachedEbsStatus"))

    def metric(self, name: str) -> list[float]:
        """The values of its metric in the minute that ends now."""
        found = [point for point in self.world.metrics() if point.name == name and point.dimensions["InstanceId"] == ID]
        return [value for point in found for value in point.values]


class Starting(Account):
    """Stops and starts."""

    def test_it_has_its_id_and_tags_and_is_well(self) -> None:
        shown = self.call("DescribeInstances", Filters=[{"Name": "tag:app", "Values": ["checkout"]}])
        self.assertEqual(shown["Reservations"][0]["Instances"][0]["InstanceId"], ID)
        self.assertEqual(self.checks(), ("ok", "ok", "ok"))
        point = next(each for each in self.world.metrics() if each.name == "StatusCheckFailed_Instance")
        self.assertEqual((point.namespace, point.values, point.tags), ("AWS/EC2", (0.0,), {"app": "checkout"}))

    def test_a_stop_and_a_start_take_their_time(self) -> None:
        self.call("StopInstances", InstanceIds=[ID], SkipOsShutdown=True)
        self.assertEqual(self.state(), "stopping")
        with self.assertRaises(ApiError) as raised:
            self.call("StartInstances", InstanceIds=[ID])
        self.assertEqual(raised.exception.code, "IncorrectInstanceState")
        self.passes(1)
        self.assertEqual((self.state(), self.metric("StatusCheckFailed_Instance")), ("stopped", []))
        self.assertEqual(self.checks()[0], "not-applicable")
        self.call("StartInstances", InstanceIds=[ID])
        self.assertEqual(self.state(), "pending")
        self.passes(1)
        self.assertEqual((self.state(), self.checks()[0]), ("running", "initializing"))
        self.passes(2)
        self.assertEqual(self.checks(), ("ok", "ok", "ok"))

    def test_only_a_forced_stop_ends_one_that_is_stuck(self) -> None:
        self.world.ail({"ail": "stop", "id": ID, "until": "force"})
        self.call("StopInstances", InstanceIds=[ID], SkipOsShutdown=True)
        self.passes(30)
        self.assertEqual(self.state(), "stopping")
        self.call("StopInstances", InstanceIds=[ID], SkipOsShutdown=True, Force=True)
        self.passes(3)
        self.assertEqual(self.state(), "stopped")

    def test_without_capacity_nothing_starts(self) -> None:
        self.call("StopInstances", InstanceIds=[ID])
        self.passes(5)
        self.world.ail({"ail": "capacity", "for": "10m"})
        with self.assertRaises(ApiError) as raised:
            self.call("StartInstances", InstanceIds=[ID])
        self.assertEqual((raised.exception.code, self.state()), ("InsufficientInstanceCapacity", "stopped"))
        self.passes(10)
        self.call("StartInstances", InstanceIds=[ID])
        self.passes(1)
        self.assertEqual(self.state(), "running")


class Failing(Account):
    """What mends what."""

    def fail(self, **thing: Any) -> None:
        """Its check fails from now on."""
        self.world.ail({"ail": "instance", "id": ID, **thing})

    def test_a_reboot_mends_a_guest_that_hangs(self) -> None:
        self.fail(check="instance", until="reboot")
        self.passes(3)
        self.assertEqual((self.checks()[0], self.metric("StatusCheckFailed_Instance")), ("impaired", [1.0]))
        self.world.act("ec2:reboot", {"InstanceId": ID})
        self.passes(4)
        self.assertEqual(self.checks()[0], "impaired")
        self.passes(2)
        self.assertEqual((self.checks()[0], self.state()), ("ok", "running"))

    def test_another_host_mends_what_no_reboot_does(self) -> None:
        self.fail(check="instance", until="start")
        self.world.act("ec2:reboot", {"InstanceId": ID})
        self.passes(15)
        self.assertEqual(self.checks()[0], "impaired")
        self.call("StopInstances", InstanceIds=[ID], SkipOsShutdown=True)
        self.passes(1)
        self.call("StartInstances", InstanceIds=[ID])
        self.passes(3)
        self.assertEqual(self.checks()[0], "ok")

    def test_a_recovery_moves_it_off_a_failed_host(self) -> None:
        self.fail(check="system", until="recover")
        self.passes(2)
        self.assertEqual(self.checks()[:2], ("impaired", "impaired"))
        self.world.act("ec2:recover", {"InstanceId": ID})
        self.passes(2)
        self.assertEqual(self.checks()[1], "impaired")
        self.passes(2)
        self.assertEqual(self.checks()[:2], ("ok", "ok"))

    def test_a_recovery_needs_capacity_and_no_group(self) -> None:
        self.fail(check="system", until="recover")
        self.world.ail({"ail": "capacity", "for": "5m"})
        self.world.act("ec2:recover", {"InstanceId": ID})
        self.passes(10)
        self.assertEqual(self.checks()[1], "impaired")

    def test_some_come_back_by_themselves_and_some_never(self) -> None:
        self.fail(check="instance", **{"for": "4m"})
        self.passes(3)
        self.assertEqual(self.checks()[0], "impaired")
        self.passes(2)
        self.assertEqual(self.checks()[0], "ok")
        self.fail(check="instance", until="never")
        self.call("StopInstances", InstanceIds=[ID], SkipOsShutdown=True)
        self.passes(1)
        self.call("StartInstances", InstanceIds=[ID])
        self.passes(10)
        self.assertEqual(self.checks()[:2], ("impaired", "ok"))

    def test_somebody_may_stop_and_start_it(self) -> None:
        self.world.ail({"ail": "by-hand", "id": ID, "after": "1m30s", "starts": True})
        self.passes(1)
        self.assertEqual(self.state(), "running")
        self.passes(0.6)
        self.assertEqual(self.state(), "stopping")
        self.passes(1)
        self.assertEqual((self.state(), self.checks()[0]), ("running", "initializing"))

    def test_another_root_volume_mends_a_broken_one(self) -> None:
        self.fail(check="instance", until="root")
        made = self.call("CreateReplaceRootVolumeTask", InstanceId=ID, DeleteReplacedRootVolume=False, ClientToken="a")
        again = self.call("CreateReplaceRootVolumeTask", InstanceId=ID, DeleteReplacedRootVolume=False, ClientToken="a")
        self.assertEqual(made, again)
        task = made["ReplaceRootVolumeTask"]["ReplaceRootVolumeTaskId"]
        self.passes(2)
        shown = self.call("DescribeReplaceRootVolumeTasks", ReplaceRootVolumeTaskIds=[task])["ReplaceRootVolumeTasks"]
        self.assertEqual((shown[0]["TaskState"], self.checks()[0]), ("in-progress", "impaired"))
        self.passes(3)
        shown = self.call("DescribeReplaceRootVolumeTasks", ReplaceRootVolumeTaskIds=[task])["ReplaceRootVolumeTasks"]
        self.assertEqual((shown[0]["TaskState"], self.checks()[0]), ("succeeded", "ok"))

    def test_what_is_not_understood_is_an_error(self) -> None:
        for thing in ({"check": "disk"}, {"until": "tomorrow"}, {"cheek": "instance"}, {"for": "soon"}):
            with self.assertRaises(Unknown):
                self.fail(**thing)
        with self.assertRaises(Unknown):
            self.call("DescribeInstanceStatus", Filters=[{"Name": "event.code", "Values": ["x"]}])


class Settings(Account):
    """What settings are kept."""

    def test_automatic_recovery_is_turned_on_again(self) -> None:
        other = "i-0fedcba9876543210"
        self.world.given({"instance": other, "autoRecovery": "disabled"})
        request = {
            "Filters": [
                {"Name": "instance-id", "Values": [other]},
                {"Name": "instance-state-name", "Values": ["running"]},
            ]
        }

        def option() -> str:
            found = self.call("DescribeInstances", **request)["Reservations"][0]["Instances"][0]
            return str(found["MaintenanceOptions"]["AutoRecovery"])

        self.assertEqual(option(), "disabled")
        self.call("ModifyInstanceMaintenanceOptions", InstanceId=other, AutoRecovery="default")
        self.assertEqual(option(), "default")

    def test_types_with_instance_store_are_told_apart(self) -> None:
        for kind, found in (("m7i.large", 1), ("m5d.large", 0)):
            wanted = {"instance-type": [kind], "instance-storage-supported": ["false"]}
            filters = [{"Name": name, "Values": values} for name, values in wanted.items()]
            self.assertEqual(len(self.call("DescribeInstanceTypes", Filters=filters)["InstanceTypes"]), found)


if __name__ == "__main__":
    unittest.main()
