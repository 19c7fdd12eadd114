"""What applications drive a volume to, what it can do, and how more of that comes into force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing
from world import World

from behaviours.ebs import Volumes, limits, must_fit
from behaviours.ec2_things import later, one_of, only, seconds, tags_of

# EBS user guide, "Monitor the progress of Amazon EBS volume modifications": `optimizing` usually takes a few seconds to
# reach; a fully used volume of 1 TiB about six hours to complete, and others from a few minutes. "Modify an Amazon EBS
# volume using Elastic Volumes operations": at most four in 24 hours, each after the one before has completed.
MODIFYING = 15
A_TEBIBYTE = 6 * 3600
AT_LEAST = 300
A_DAY = 4


@dataclass
class Modification:
    """The latest modification of a volume."""

    volume: Any
    state: str
    start: datetime
    # When it is `optimizing`, and when it completes.
    begins: datetime
    ends: datetime
    # IOPS and MiB/s before and after.
    before: tuple[int, int]
    target: tuple[int, int]
    types: tuple[str, str]


class Limits(Behaviour):
    """Limits of volumes, and the demand on them."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.modifications: dict[str, list[Modification]] = {}
        # IOPS and MiB/s that the applications want of a volume.
        self.wanted: dict[str, tuple[int, int]] = {}
        # What becomes of a volume's next modification.
        self.next: dict[str, Thing] = {}
        self.ailments = {"volume-load": self.ail_load, "modification": self.ail_modification}
        self.apis = {"ec2:ModifyVolume": self.modify, "ec2:DescribeVolumesModifications": self.describe}

    def ail_load(self, thing: Thing) -> None:
        """The applications want `iops` and `throughput` (MiB/s) of volume `id`, perhaps only `for` a while."""
        only(thing, "ail", "id", "iops", "throughput", "for")
        self.wanted[thing["id"]] = (thing.get("iops", 0), thing.get("throughput", 0))
        if "for" in thing:
            self.world.after(seconds(thing["for"], "for"), lambda: self.wanted.pop(thing["id"], None))

    def ail_modification(self, thing: Thing) -> None:
        """The next modification of volume `id`: `begins: 5m` to optimize, `takes: 7h`, stays `modifying`, or comes to
        `failed`.
        """
        only(thing, "ail", "id", "begins", "takes", "state")
        one_of(thing.get("state", "failed"), "state", "modifying", "failed")
        self.next[thing["id"]] = thing

    def modify(self, request: Request) -> Answer:
        """EC2 API reference, ModifyVolume; what is not named stays as it is."""
        only(request, "VolumeId", "VolumeType", "Iops", "Throughput")
        volume = self.world.behaviour(Volumes).volume(request["VolumeId"])
        earlier = self.modifications.setdefault(volume.id, [])
        if earlier and earlier[-1].state in ("modifying", "optimizing"):
            raise ApiError("IncorrectModificationState", f"Volume {volume.id} is still being modified")
        if sum(each.start > self.world.now - timedelta(days=1) for each in earlier) >= A_DAY:
            raise ApiError("VolumeModificationRateExceeded", f"{volume.id} was modified {A_DAY} times within 24 hours")
        kind, before = request.get("VolumeType", volume.volume_type), limits(volume)
        if kind != "gp3":
            raise ApiError(
                "InvalidParameterCombination", f"Iops and Throughput of {kind} volumes cannot be modified so"
            )
        # A gp2 volume that becomes one of gp3 keeps what it has, or gets gp3's least ("Modify an Amazon EBS volume").
        target = (request.get("Iops", max(before[0], 3000)), request.get("Throughput", max(before[1], 125)))
        must_fit(*target)
        odd = self.next.pop(volume.id, {})
        takes = max(AT_LEAST, A_TEBIBYTE * volume.size // 1024)
        takes = seconds(odd["takes"], "takes") if "takes" in odd else takes
        begins = seconds(odd["begins"], "begins") if "begins" in odd else MODIFYING
        moments = (self.world.now, later(self.world, begins), later(self.world, begins + takes))
        made = Modification(volume, "modifying", *moments, before, target, (volume.volume_type, kind))
        earlier.append(made)
        if odd.get("state") == "failed":
            self.world.after(MODIFYING, lambda: setattr(made, "state", "failed"))
        elif odd.get("state") != "modifying":
            self.world.after(begins, lambda: self._optimizes(made))
            self.world.after(begins + takes, lambda: setattr(made, "state", "completed"))
        return {"VolumeModification": self._shown(made)}

    def _optimizes(self, made: Modification) -> None:
        made.state = "optimizing"
        made.volume.volume_type = made.types[1]
        made.volume.iops, made.volume.throughput = made.target

    def describe(self, request: Request) -> Answer:
        """EC2 API reference, DescribeVolumesModifications: the latest of each volume, and an error for one that never
        was modified.
        """
        only(request, "VolumeIds")
        found = []
        for name in request["VolumeIds"]:
            self.world.behaviour(Volumes).volume(name)
            if not self.modifications.get(name):
                raise ApiError(
                    "InvalidVolumeModification.NotFound", f"Modification for volume '{name}' does not exist."
                )
            found.append(self._shown(self.modifications[name][-1]))
        return {"VolumesModifications": found}

    def _shown(self, made: Modification) -> Answer:
        share = self._share(made)
        return {
            "VolumeId": made.volume.id,
            "ModificationState": made.state,
            "TargetSize": made.volume.size,
            "TargetIops": made.target[0],
            "TargetVolumeType": made.types[1],
            "TargetThroughput": made.target[1],
            "OriginalSize": made.volume.size,
            "OriginalIops": made.before[0],
            "OriginalVolumeType": made.types[0],
            "Progress": round(100 * share),
            "StartTime": made.start,
            **({"EndTime": made.ends} if made.state == "completed" else {}),
        }

    def _share(self, made: Modification) -> float:
        if made.state == "optimizing":
            return (self.world.now - made.begins) / (made.ends - made.begins)
        return float(made.state == "completed")

    def now(self, volume: Any) -> tuple[float, float]:
        """IOPS and MiB/s now: while EBS optimizes, between those before and the target, and not less than before."""
        made = self.modifications.get(volume.id, [])
        if not made or made[-1].state not in ("optimizing", "modifying"):
            return limits(volume)
        share, last = self._share(made[-1]), made[-1]
        iops, throughput = (old + share * (new - old) for old, new in zip(last.before, last.target, strict=True))
        return iops, throughput

    def metrics(self) -> Iterator[Datapoint]:
        """EBS user guide, "Amazon CloudWatch metrics for Amazon EBS": not for magnetic and Multi-Attach volumes."""
        for volume in self.world.behaviour(Volumes).in_use():
            if volume.volume_type == "standard" or volume.multi_attach_enabled:
                continue
            dimensions = {"InstanceId": volume.attachment.instance.id, "VolumeId": volume.id}
            wanted, tags = self.wanted.get(volume.id, (0, 0)), tags_of(self.world, volume.id)
            for name, want, limit in zip(("IOPS", "Throughput"), wanted, self.now(volume), strict=True):
                value = float(0 < limit < want)
                yield Datapoint("AWS/EBS", f"Volume{name}ExceededCheck", dimensions, (value,), tags)
