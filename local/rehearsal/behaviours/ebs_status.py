"""Whether volumes complete I/O: their status, its metric, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from behaviour import Answer, Behaviour, Datapoint, Request, Thing
from world import World

from behaviours.ebs import Volumes
from behaviours.ec2 import Instances
from behaviours.ec2_things import ec2, later, one_of, only, passes, seconds, tags_of

# EBS user guide, "Pause I/O fault injection": the metric is 1 when I/O is paused for over 60 seconds, the status
# impaired within 120.
METRIC = 60
STATUS = 120


@dataclass
class Stall:
    """A volume that completes no I/O."""

    since: datetime
    # `stalled`, or `disabled` because its data may be inconsistent.
    io: str
    # `start`: another host of its instance mends the path; `enable-io`: a person lets it; `never`.
    until: str
    # Which session of its instance it began in.
    session: int


class VolumeStatus(Behaviour):
    """Volume status checks."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.stalls: dict[str, Stall] = {}
        self.ailments = {"volume": self.ail}
        self.apis = {"ec2:DescribeVolumeStatus": self.describe, "ec2:EnableVolumeIO": self.enable}

    def ail(self, thing: Thing) -> None:
        """`id` completes no I/O: `io: stalled`, or `disabled` for inconsistent data.

        `until: start`, `enable-io` or `never`, or `for` a while, which may leave it slow: `leaves: warning`.
        """
        only(thing, "ail", "id", "io", "until", "for", "leaves")
        volume = self.world.behaviour(Volumes).volume(thing["id"])
        io = one_of(thing.get("io", "stalled"), "io", "stalled", "disabled")
        until = one_of(thing.get("until", "never"), "until", "start", "enable-io", "never")
        session = self._session(volume)
        stall = self.stalls[volume.id] = Stall(self.world.now, io, until, session)
        if "for" in thing:
            leaves = one_of(thing.get("leaves", "ok"), "leaves", "ok", "warning")
            self.world.after(seconds(thing["for"], "for"), lambda: self._over(volume.id, stall, leaves))

    def _session(self, volume: Any) -> int:
        if not volume.attachment:
            return 0
        return int(self.world.behaviour(Instances).machine(volume.attachment.instance.id).session)

    def _over(self, name: str, stall: Stall, leaves: str) -> None:
        if self.stalls.get(name) is stall:
            del self.stalls[name]
            self.world.behaviour(Volumes).disk(name).status = "" if leaves == "ok" else leaves

    def stall(self, volume: Any) -> Stall | None:
        """What stalls a volume now. EC2 user guide, "Status checks for Amazon EC2 instances": a stop and start may mend
        the path.
        """
        stall = self.stalls.get(volume.id)
        if stall and stall.until == "start" and volume.attachment and volume.attachment.instance.state == "running":
            if self._session(volume) != stall.session:
                del self.stalls[volume.id]
                return None
        return stall

    def stalls_instance(self, instance: str) -> bool:
        """Whether one of the volumes of an instance completes no I/O, as its attached EBS status check sees it."""
        if not self.stalls:
            return False
        found = [self.stall(each) for each in self.world.behaviour(Volumes).attached(instance)]
        return any(each and later(self.world, -METRIC) >= each.since for each in found)

    def enable(self, request: Request) -> Answer:
        """EBS user guide, "Work with an impaired Amazon EBS volume"."""
        if request["VolumeId"] in self.stalls and self.stalls[request["VolumeId"]].io == "disabled":
            del self.stalls[request["VolumeId"]]
        return {}

    def _status(self, volume: Any) -> str:
        stall, disk = self.stall(volume), self.world.behaviour(Volumes).disk(volume.id)
        if stall and later(self.world, -STATUS) >= stall.since:
            return "impaired"
        # Its checks have not run yet ("Amazon EBS volume status checks").
        if disk.state or later(self.world, -STATUS) < volume.create_time.replace(tzinfo=self.world.now.tzinfo):
            return "insufficient-data"
        return disk.status or "ok"

    def describe(self, request: Request) -> Answer:
        """EC2 API reference, DescribeVolumeStatus."""
        only(request, "VolumeIds", "Filters")
        held = ec2(self.world).volumes
        volumes = [self.world.behaviour(Volumes).volume(each) for each in request.get("VolumeIds", sorted(held))]
        found = [self._shown(each) for each in volumes]
        filters = request.get("Filters", [])
        return {"VolumeStatuses": [each for each in found if passes(filters, values(each), "DescribeVolumeStatus")]}

    def _shown(self, volume: Any) -> Answer:
        status, stall = self._status(volume), self.stall(volume)
        disabled = status == "impaired" and stall is not None and stall.io == "disabled"
        enabled = {"Name": "io-enabled", "Status": "failed" if disabled else "passed"}
        performance = {"ok": "normal", "warning": "degraded", "impaired": "stalled"}.get(status, "insufficient-data")
        details = [enabled, {"Name": "io-performance", "Status": "not-available" if disabled else performance}]
        action = {
            "Code": "enable-volume-io",
            "Description": "Enable Volume I/O",
            "EventType": "potential-data-inconsistency",
        }
        return {
            "VolumeId": volume.id,
            "AvailabilityZone": volume.zone.name,
            "VolumeStatus": {"Status": status, "Details": details},
            "Actions": [action] if disabled else [],
            "Events": [],
        }

    def metrics(self) -> Iterator[Datapoint]:
        """EBS user guide, "Amazon EBS I/O characteristics and monitoring": of volumes of a running Nitro instance."""
        for volume in self.world.behaviour(Volumes).in_use():
            stall, disk = self.stall(volume), self.world.behaviour(Volumes).disk(volume.id)
            fails = disk.status == "impaired" or (stall is not None and later(self.world, -METRIC) >= stall.since)
            dimensions = {"InstanceId": volume.attachment.instance.id, "VolumeId": volume.id}
            tags = tags_of(self.world, volume.id)
            yield Datapoint("AWS/EBS", "VolumeStalledIOCheck", dimensions, (float(fails),), tags)


def values(shown: Answer) -> dict[str, Any]:
    """What DescribeVolumeStatus filters by."""
    return {
        "action.code": [each["Code"] for each in shown["Actions"]],
        "volume-status.status": shown["VolumeStatus"]["Status"],
        "availability-zone": shown["AvailabilityZone"],
    }
