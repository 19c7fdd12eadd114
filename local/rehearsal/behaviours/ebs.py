"""EBS volumes: making, attaching and detaching take their time, and refuse what EBS refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from behaviour import Answer, ApiError, Behaviour, Request, Thing, Unknown
from world import World

from behaviours.ec2 import Instances
from behaviours.ec2_things import as_answered, ec2, one_of, only, passes, seconds, tags_of

# No page of AWS says how long these take ("Amazon EBS volume lifecycle" names the states). The figures are plausible
# ones.
CREATION = 45
ATTACHMENT = 10
DETACHMENT = 15
# How often a detachment that waits for its instance looks again.
LOOKS = 15


@dataclass
class Disk:
    """What moto's volume does not know of itself."""

    # `creating`, or nothing: then moto's state is right.
    state: str = ""
    # `attaching`, `detaching`, `busy`, or nothing.
    attachment: str = ""
    # How its detachment ends: nothing, or `never`.
    detaching: str = ""
    # How its attachment ends: nothing, or `never`.
    attaching: str = ""
    # What DescribeVolumeStatus says beyond its ills: `warning`, `impaired`.
    status: str = ""


class Volumes(Behaviour):
    """Volumes with exactly given ids, and what happens to them over time."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.disks: dict[str, Disk] = {}
        self.tokens: dict[str, str] = {}
        # What becomes of volumes that are made from a snapshot of this one.
        self.successors: dict[str, Thing] = {}
        self.ailments = {"volume-made": self.ail_made, "detachment": self.ail_detachment}
        self.apis = {
            "ec2:DescribeVolumes": self.describe,
            "ec2:CreateVolume": self.create,
            "ec2:AttachVolume": self.attach,
            "ec2:DetachVolume": self.detach,
        }

    # Ailing

    def ail_made(self, thing: Thing) -> None:
        """What is made `from` a volume's snapshots: `creating: never`, `attaching: never`, `detaching: never`, `status:
        warning | impaired`.
        """
        only(thing, "ail", "from", "creating", "attaching", "detaching", "status")
        for key in ("creating", "attaching", "detaching"):
            one_of(thing.get(key, "never"), key, "never")
        one_of(thing.get("status", "impaired"), "status", "warning", "impaired")
        self.successors[thing["from"]] = thing

    def ail_detachment(self, thing: Thing) -> None:
        """`id` stays `detaching`, `for` a while or `until: never`."""
        only(thing, "ail", "id", "until", "for")
        one_of(thing.get("until", "never"), "until", "never")
        disk = self.disk(thing["id"])
        disk.detaching = "never"
        if "for" in thing:
            self.world.after(seconds(thing["for"], "for"), lambda: setattr(disk, "detaching", ""))

    # For other behaviours

    def volume(self, name: str) -> Any:
        """moto's volume."""
        with as_answered():
            return ec2(self.world).get_volume(name)

    def disk(self, name: str) -> Disk:
        """What this behaviour knows of it."""
        self.volume(name)
        return self.disks.setdefault(name, Disk())

    def attached(self, instance: str) -> list[Any]:
        """moto's volumes that an instance has."""
        found = [each for each in ec2(self.world).volumes.values() if each.attachment]
        return [each for each in found if each.attachment.instance.id == instance]

    def in_use(self) -> list[Any]:
        """moto's volumes whose instance runs and can use them."""
        found = [each for each in ec2(self.world).volumes.values() if each.attachment]
        running = [each for each in found if each.attachment.instance.state == "running"]
        return [each for each in running if self.disk(each.id).attachment in ("", "busy")]

    # The API

    def describe(self, request: Request) -> Answer:
        """EC2 API reference, DescribeVolumes, with states as "Amazon EBS volume lifecycle" has them."""
        only(request, "VolumeIds", "Filters")
        ids = {"VolumeIds": request["VolumeIds"]} if "VolumeIds" in request else {}
        found = [self._shown(each) for each in self.world.client("ec2").describe_volumes(**ids)["Volumes"]]
        filters = request.get("Filters", [])
        return {"Volumes": [each for each in found if passes(filters, self._values(each), "DescribeVolumes")]}

    def _values(self, shown: Answer) -> dict[str, Any]:
        attachment = shown["Attachments"][0] if shown["Attachments"] else {}
        return {
            "volume-id": shown["VolumeId"],
            "volume-type": shown["VolumeType"],
            "status": shown["State"],
            "multi-attach-enabled": str(shown["MultiAttachEnabled"]).lower(),
            "attachment.status": attachment.get("State"),
            "attachment.device": attachment.get("Device"),
            "attachment.instance-id": attachment.get("InstanceId"),
            "tags": tags_of(self.world, shown["VolumeId"]),
        }

    def _shown(self, shown: Answer) -> Answer:
        volume, disk = self.volume(shown["VolumeId"]), self.disk(shown["VolumeId"])
        iops, throughput = limits(volume)
        shown["MultiAttachEnabled"] = bool(volume.multi_attach_enabled)
        if disk.state:
            shown["State"] = disk.state
        if iops:
            shown["Iops"] = iops
        # Only gp3 volumes have a throughput of their own (EC2 API reference, Volume).
        if volume.volume_type == "gp3":
            shown["Throughput"] = throughput
        for attachment in shown["Attachments"]:
            attachment["State"] = disk.attachment or "attached"
        return shown

    def create(self, request: Request) -> Answer:
        """EC2 API reference, CreateVolume: the same token gives the same volume; a snapshot must have completed."""
        only(
            request,
            "SnapshotId",
            "AvailabilityZone",
            "VolumeType",
            "Iops",
            "Throughput",
            "ClientToken",
            "TagSpecifications",
            "Size",
        )
        token = request.get("ClientToken", "")
        if token not in self.tokens:
            passed = {key: value for key, value in request.items() if key != "ClientToken"}
            self.tokens[token] = self._create(passed)
        if not token:
            return self._answer(self.tokens.pop(token))
        return self._answer(self.tokens[token])

    def _answer(self, name: str) -> Answer:
        shown = self._shown(self.world.client("ec2").describe_volumes(VolumeIds=[name])["Volumes"][0])
        return shown

    def _create(self, request: Request) -> str:
        successor: Thing = {}
        if "SnapshotId" in request:
            with as_answered():
                snapshot = ec2(self.world).get_snapshot(request["SnapshotId"])
            successor = self.successors.get(snapshot.volume.id, {})
            if snapshot.status != "completed":
                raise ApiError("IncorrectState", f"Snapshot '{snapshot.id}' is not 'completed'.")
        if request.get("VolumeType") == "gp3":
            must_fit(request.get("Iops", 3000), request.get("Throughput", 125))
        name = self.world.client("ec2").create_volume(**request)["VolumeId"]
        disk = self.disk(name)
        disk.state, disk.status = "creating", successor.get("status", "")
        disk.attaching, disk.detaching = successor.get("attaching", ""), successor.get("detaching", "")
        if "creating" not in successor:
            self.world.after(CREATION, lambda: setattr(disk, "state", ""))
        return str(name)

    def attach(self, request: Request) -> Answer:
        """EC2 API reference, AttachVolume: an available volume, in the same zone, to a running or stopped instance, on
        a free device.
        """
        only(request, "VolumeId", "InstanceId", "Device")
        volume, disk = self.volume(request["VolumeId"]), self.disk(request["VolumeId"])
        instance = self.world.behaviour(Instances).instance(request["InstanceId"])
        if volume.attachment:
            raise ApiError("VolumeInUse", f"{volume.id} is already attached to an instance")
        if disk.state:
            raise ApiError("IncorrectState", f"{volume.id} is not 'available'.")
        if instance.state not in ("running", "stopped"):
            raise ApiError("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
        if volume.zone.name != instance.placement.zone:
            raise ApiError("InvalidVolume.ZoneMismatch", f"{volume.id} is not in the zone of {instance.id}")
        if request["Device"] in instance.block_device_mapping:
            text = f"Invalid value '{request['Device']}' for unixDevice. Attachment point is already in use"
            raise ApiError("InvalidParameterValue", text)
        ec2(self.world).attach_volume(volume.id, instance.id, request["Device"])
        disk.attachment = "attaching"
        if disk.attaching != "never":
            self.world.after(ATTACHMENT, lambda: self._attached(disk))
        return {**request, "State": "attaching", "AttachTime": self.world.now}

    def _attached(self, disk: Disk) -> None:
        if disk.attachment == "attaching":
            disk.attachment = ""

    def detach(self, request: Request) -> Answer:
        """EBS user guide, "Detach an Amazon EBS volume from an Amazon EC2 instance"."""
        only(request, "VolumeId", "InstanceId")
        volume, disk = self.volume(request["VolumeId"]), self.disk(request["VolumeId"])
        if not volume.attachment:
            raise ApiError("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
        instance, device = volume.attachment.instance, volume.attachment.device
        if "InstanceId" in request and request["InstanceId"] != instance.id:
            raise ApiError("InvalidAttachment.NotFound", f"'{volume.id}' is not attached to '{request['InstanceId']}'.")
        if device == instance.root_device_name and instance.state != "stopped":
            raise ApiError("OperationNotPermitted", f"Unable to detach root volume '{volume.id}' from '{instance.id}'")
        disk.attachment = "detaching"
        self.world.after(DETACHMENT, lambda: self._detached(volume, disk))
        return {"VolumeId": volume.id, "InstanceId": instance.id, "Device": device, "State": "detaching"}

    def _detached(self, volume: Any, disk: Disk) -> None:
        """What is mounted stays busy until its instance has stopped; nothing here unmounts."""
        if volume.attachment is None:
            return
        running = volume.attachment.instance.state not in ("stopped", "terminated")
        if running or disk.detaching:
            disk.attachment = "busy" if running else "detaching"
            self.world.after(LOOKS, lambda: self._detached(volume, disk))
            return
        ec2(self.world).detach_volume(volume.id, volume.attachment.instance.id, volume.attachment.device)
        disk.attachment = ""


def limits(volume: Any) -> tuple[int, int]:
    """IOPS and MiB/s of a volume (EBS user guide, "Amazon EBS General Purpose SSD volumes"); 0 where its type has none
    of its own.
    """
    if volume.volume_type == "gp3":
        return volume.iops or 3000, volume.throughput or 125
    if volume.volume_type == "gp2":
        return min(max(100, 3 * volume.size), 16000), 128 if volume.size <= 170 else 250
    if volume.volume_type in ("io1", "io2"):
        return volume.iops, 1000
    if volume.volume_type in ("st1", "sc1", "standard"):
        return 0, 0
    raise Unknown(f"the limits of {volume.volume_type} volumes")


def must_fit(iops: int, throughput: int) -> None:
    """EBS user guide, "Amazon EBS General Purpose SSD volumes": 3,000 to 80,000 IOPS, and at most a quarter of a MiB/s
    for each.
    """
    if not 3000 <= iops <= 80000 or not 125 <= throughput <= 2000 or throughput > iops / 4:
        raise ApiError("InvalidParameterValue", f"A gp3 volume cannot have {iops} IOPS and {throughput} MiB/s")
