"""What EBS's behaviours show, over time."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError
from world import World

INSTANCE, VOLUME = "i-0123456789abcdef0", "vol-0123456789abcdef0"
BEGIN = 1_800_000_000_000


class Account(unittest.TestCase):
    """A world with one instance and its data volume, a minute at a time."""

    volume: dict[str, Any] = {}

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 1, BEGIN)
        self.addCleanup(self.world.close)
        self.minutes = 0.0
        self.world.given({"instance": INSTANCE, "tags": {"app": "checkout"}})
        attached = {"instance": INSTANCE, "device": "/dev/sdf"}
        self.world.given({"volume": VOLUME, "attached": attached, "tags": {"app": "checkout"}, **self.volume})
        self.passes(10)

    def passes(self, minutes: float) -> None:
        """Time goes on."""
        self.minutes += minutes
        self.world.advance(BEGIN + round(self.minutes * 60_000))

    def call(self, api: str, **request: Any) -> Any:
        """A call of EC2."""
        return self.world.call("ec2", api, request)

    def refused(self, api: str, **request: Any) -> str:
        """The code of the error of a call."""
        with self.assertRaises(ApiError) as raised:
            self.call(api, **request)
        return raised.exception.code

    def shown(self, volume: str = VOLUME) -> Any:
        """A volume as the API has it."""
        return self.call("DescribeVolumes", VolumeIds=[volume])["Volumes"][0]

    def status(self, volume: str = VOLUME) -> str:
        """Its status."""
        return str(self.call("DescribeVolumeStatus", VolumeIds=[volume])["VolumeStatuses"][0]["VolumeStatus"]["Status"])

    def metric(self, name: str) -> list[float]:
        """The values of its metric in the minute that ends now."""
        points = [
            each for each in self.world.metrics() if each.name == name and each.dimensions.get("VolumeId") == VOLUME
        ]
        for point in points:
            self.assertEqual((point.dimensions["InstanceId"], point.tags), (INSTANCE, {"app": "checkout"}))
        return [value for point in points for value in point.values]

    def off(self) -> None:
        """The instance is stopped."""
        self.call("StopInstances", InstanceIds=[INSTANCE])
        self.passes(5)

    def snapshot(self) -> str:
        """One more snapshot."""
        made = self.call("CreateSnapshot", VolumeId=VOLUME, Description="x")
        self.assertEqual(made["State"], "pending")
        return str(made["SnapshotId"])


class Begun(unittest.TestCase):
    """A world that begins with a volume."""

    def test_the_instance_of_a_volume_is_made_with_it(self) -> None:
        world = World("111122223333", "eu-west-1", 1, BEGIN)
        self.addCleanup(world.close)
        for name in (VOLUME, "vol-0fedcba9876543210"):
            world.given({"volume": name, "attached": {"instance": INSTANCE, "tags": {"app": "checkout"}}})
        shown = world.call("ec2", "DescribeVolumes", {"VolumeIds": [VOLUME, "vol-0fedcba9876543210"]})["Volumes"]
        places = [(each["Attachments"][0]["InstanceId"], each["Attachments"][0]["Device"]) for each in shown]
        self.assertEqual(places, [(INSTANCE, "/dev/sdf"), (INSTANCE, "/dev/sdg")])


class Limits(Account):
    """More limits, while the volume is in use."""

    def test_a_volume_is_driven_beyond_what_it_has(self) -> None:
        self.world.ail({"ail": "volume-load", "id": VOLUME, "throughput": 200})
        self.assertEqual(self.metric("VolumeThroughputExceededCheck"), [1.0])
        self.assertEqual(self.metric("VolumeIOPSExceededCheck"), [0.0])
        self.call("ModifyVolume", VolumeId=VOLUME, Throughput=250)
        self.assertEqual(self.modification()["ModificationState"], "modifying")
        self.passes(1)
        self.assertEqual(self.modification()["ModificationState"], "optimizing")
        self.assertEqual((self.shown()["Throughput"], self.shown()["Iops"]), (250, 3000))
        # In between the two for as long as EBS optimizes.
        self.assertEqual(self.metric("VolumeThroughputExceededCheck"), [1.0])
        self.passes(60)
        self.assertEqual(self.modification()["ModificationState"], "completed")
        self.assertEqual(self.metric("VolumeThroughputExceededCheck"), [0.0])

    def modification(self) -> Any:
        """The latest modification."""
        return self.call("DescribeVolumesModifications", VolumeIds=[VOLUME])["VolumesModifications"][0]

    def test_modifications_wait_for_one_another_and_are_four_a_day(self) -> None:
        self.assertEqual(
            self.refused("DescribeVolumesModifications", VolumeIds=[VOLUME]), "InvalidVolumeModification.NotFound"
        )
        for iops in (4000, 5000, 6000, 7000):
            self.call("ModifyVolume", VolumeId=VOLUME, Iops=iops)
            self.assertEqual(self.refused("ModifyVolume", VolumeId=VOLUME, Iops=9000), "IncorrectModificationState")
            self.passes(60)
        self.assertEqual(self.modification()["TargetIops"], 7000)
        self.assertEqual(self.refused("ModifyVolume", VolumeId=VOLUME, Iops=8000), "VolumeModificationRateExceeded")

    def test_some_modifications_begin_late_or_fail(self) -> None:
        self.world.ail({"ail": "modification", "id": VOLUME, "begins": "10m"})
        self.call("ModifyVolume", VolumeId=VOLUME, Iops=4000)
        self.passes(9)
        self.assertEqual((self.modification()["ModificationState"], self.shown()["Iops"]), ("modifying", 3000))
        self.passes(60)
        self.world.ail({"ail": "modification", "id": VOLUME, "state": "failed"})
        self.call("ModifyVolume", VolumeId=VOLUME, Iops=5000)
        self.passes(1)
        self.assertEqual((self.modification()["ModificationState"], self.shown()["Iops"]), ("failed", 4000))

    def test_what_gp3_cannot_have_is_refused(self) -> None:
        self.assertEqual(self.refused("ModifyVolume", VolumeId=VOLUME, Throughput=1000), "InvalidParameterValue")


class Gp2(Account):
    """A volume of the older type."""

    volume = {"type": "gp2", "size": 200}

    def test_it_has_iops_by_its_size_and_becomes_gp3(self) -> None:
        self.assertEqual((self.shown()["Iops"], "Throughput" in self.shown()), (600, False))
        self.call("ModifyVolume", VolumeId=VOLUME, VolumeType="gp3", Iops=3000, Throughput=250)
        self.passes(1)
        self.assertEqual((self.shown()["VolumeType"], self.shown()["Iops"]), ("gp3", 3000))


class Stalled(Account):
    """A volume that completes no I/O, and its replacement."""

    def test_it_is_seen_after_a_while(self) -> None:
        self.world.ail({"ail": "volume", "id": VOLUME})
        self.assertEqual((self.metric("VolumeStalledIOCheck"), self.status()), ([0.0], "ok"))
        self.passes(2)
        self.assertEqual((self.metric("VolumeStalledIOCheck"), self.status()), ([1.0], "impaired"))
        checks = self.call("DescribeInstanceStatus", InstanceIds=[INSTANCE])["InstanceStatuses"][0]
        self.assertEqual(checks["AttachedEbsStatus"]["Status"], "impaired")

    def test_some_are_mended_by_time_another_host_or_a_person(self) -> None:
        self.world.ail({"ail": "volume", "id": VOLUME, "for": "4m"})
        self.passes(3)
        self.assertEqual(self.status(), "impaired")
        self.passes(2)
        self.assertEqual(self.status(), "ok")
        self.world.ail({"ail": "volume", "id": VOLUME, "for": "1m", "leaves": "warning"})
        self.passes(2)
        self.assertEqual(self.status(), "warning")
        self.world.ail({"ail": "volume", "id": VOLUME, "for": "1m"})
        self.passes(2)
        self.world.ail({"ail": "volume", "id": VOLUME, "until": "start"})
        self.off()
        self.assertEqual(self.status(), "impaired")
        self.call("StartInstances", InstanceIds=[INSTANCE])
        self.passes(1)
        self.assertEqual(self.status(), "ok")
        self.world.ail({"ail": "volume", "id": VOLUME, "io": "disabled", "until": "enable-io"})
        self.passes(3)
        request = {"VolumeIds": [VOLUME], "Filters": [{"Name": "action.code", "Values": ["enable-volume-io"]}]}
        self.assertEqual(self.call("DescribeVolumeStatus", **request)["VolumeStatuses"][0]["VolumeId"], VOLUME)
        self.call("EnableVolumeIO", VolumeId=VOLUME)
        self.assertEqual((self.status(), self.call("DescribeVolumeStatus", **request)["VolumeStatuses"]), ("ok", []))

    def test_a_snapshot_becomes_a_volume_that_takes_its_place(self) -> None:
        self.off()
        name = self.snapshot()
        wanted = {
            "SnapshotId": name,
            "AvailabilityZone": "eu-west-1a",
            "VolumeType": "gp3",
            "Iops": 3000,
            "Throughput": 125,
        }
        tags = [{"Key": "healstack:event", "Value": "e"}]
        wanted |= {"ClientToken": "t", "TagSpecifications": [{"ResourceType": "volume", "Tags": tags}]}
        self.assertEqual(self.refused("CreateVolume", **wanted), "IncorrectState")
        self.passes(9)
        self.assertEqual(self.call("DescribeSnapshots", SnapshotIds=[name])["Snapshots"][0]["State"], "completed")
        new = self.call("CreateVolume", **wanted)["VolumeId"]
        self.assertEqual(self.call("CreateVolume", **wanted)["VolumeId"], new)
        place = {"VolumeId": new, "InstanceId": INSTANCE, "Device": "/dev/sdf"}
        self.assertEqual(
            (self.shown(new)["State"], self.refused("AttachVolume", **place)), ("creating", "IncorrectState")
        )
        self.passes(1)
        filters = [{"Name": "tag:healstack:event", "Values": ["e"]}]
        found = self.call("DescribeVolumes", Filters=filters)["Volumes"]
        self.assertEqual([(each["VolumeId"], each["State"], each["Size"]) for each in found], [(new, "available", 100)])
        self.assertEqual(self.refused("AttachVolume", **place), "InvalidParameterValue")
        self.call("DetachVolume", VolumeId=VOLUME, InstanceId=INSTANCE)
        self.assertEqual(self.shown()["Attachments"][0]["State"], "detaching")
        self.passes(0.5)
        self.assertEqual((self.shown()["State"], self.shown()["Attachments"]), ("available", []))
        self.call("AttachVolume", **place)
        self.assertEqual(self.shown(new)["Attachments"][0]["State"], "attaching")
        self.assertEqual(self.status(new), "insufficient-data")
        self.passes(3)
        self.assertEqual((self.shown(new)["Attachments"][0]["State"], self.status(new)), ("attached", "ok"))

    def test_what_is_mounted_is_not_detached(self) -> None:
        self.call("DetachVolume", VolumeId=VOLUME, InstanceId=INSTANCE)
        self.passes(20)
        self.assertEqual(self.shown()["Attachments"][0]["State"], "busy")
        self.off()
        self.assertEqual(self.shown()["State"], "available")
        self.assertEqual(self.refused("DetachVolume", VolumeId=VOLUME), "IncorrectState")

    def test_what_must_not_be_replaced_is_told_apart(self) -> None:
        def found(**filters: str) -> int:
            asked = [
                {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
                for name, value in filters.items()
            ]
            return len(self.call("DescribeVolumes", VolumeIds=[VOLUME], Filters=asked)["Volumes"])

        self.assertEqual(found(volume_type="gp3", multi_attach_enabled="false", attachment__status="attached"), 1)
        self.assertEqual((found(volume_type="gp2"), found(attachment__status="detached")), (0, 0))
        asked = [{"Name": "instance-id", "Values": [INSTANCE]}, {"Name": "root-device-name", "Values": ["/dev/xvda"]}]
        self.assertEqual(len(self.call("DescribeInstances", Filters=asked)["Reservations"]), 1)
        asked[1]["Values"] = ["/dev/sdf"]
        self.assertEqual(self.call("DescribeInstances", Filters=asked)["Reservations"], [])

    def test_what_is_not_there_is_an_answer(self) -> None:
        other = "vol-00000000000000000"
        self.assertEqual(self.refused("DescribeVolumeStatus", VolumeIds=[other]), "InvalidVolume.NotFound")
        self.assertEqual(self.refused("DetachVolume", VolumeId=other), "InvalidVolume.NotFound")
        self.assertEqual(self.refused("StartInstances", InstanceIds=["i-0"]), "InvalidInstanceID.NotFound")

    def test_snapshots_and_new_volumes_can_be_ill_too(self) -> None:
        self.world.ail({"ail": "snapshot", "of": VOLUME, "skip": 1, "until": "error"})
        self.world.ail({"ail": "volume-made", "from": VOLUME, "status": "impaired"})
        name, bad = self.snapshot(), self.snapshot()
        self.passes(10)
        states = [each["State"] for each in self.call("DescribeSnapshots", SnapshotIds=[name, bad])["Snapshots"]]
        self.assertEqual(states, ["completed", "error"])
        new = self.call("CreateVolume", SnapshotId=name, AvailabilityZone="eu-west-1a", VolumeType="gp3")["VolumeId"]
        self.passes(3)
        self.assertEqual(self.status(new), "impaired")

    def test_what_is_there_may_be_of_another_kind(self) -> None:
        self.world.given({"volume-is": VOLUME, "type": "gp2", "size": 2000, "device": "/dev/sdh", "root": True})
        self.world.given({"instance-is": INSTANCE, "type": "m5d.large"})
        self.world.given({"member": INSTANCE, "group": "others"})
        self.assertEqual((self.shown()["Iops"], self.shown()["Attachments"][0]["Device"]), (6000, "/dev/sdh"))
        asked = [{"Name": "root-device-name", "Values": ["/dev/sdh"]}]
        found = self.call("DescribeInstances", Filters=asked)["Reservations"][0]["Instances"][0]
        self.assertEqual((found["InstanceId"], found["InstanceType"]), (INSTANCE, "m5d.large"))
        members = self.world.call("autoscaling", "DescribeAutoScalingInstances", {"InstanceIds": [INSTANCE]})
        self.assertEqual(members["AutoScalingInstances"][0]["AutoScalingGroupName"], "others")
        self.passes(30)
        self.assertEqual(self.status(), "ok")

    def test_an_instance_may_need_the_volume_that_it_had(self) -> None:
        self.world.ail({"ail": "boot", "id": INSTANCE, "needs": VOLUME})
        self.off()
        self.call("DetachVolume", VolumeId=VOLUME, InstanceId=INSTANCE)
        self.passes(1)
        self.call("StartInstances", InstanceIds=[INSTANCE])
        self.passes(5)
        checks = self.call("DescribeInstanceStatus", InstanceIds=[INSTANCE])["InstanceStatuses"][0]
        self.assertEqual(checks["InstanceStatus"]["Status"], "impaired")


if __name__ == "__main__":
    unittest.main()
