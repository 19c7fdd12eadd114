"""EBS snapshots: they complete after a while, or never."""

from __future__ import annotations

from typing import Any

from behaviour import Answer, ApiError, Behaviour, Request, Thing
from world import World

from behaviours.ec2_things import ec2, only, seconds

# EBS user guide, "How Amazon EBS snapshots work": the first one copies all blocks, the next ones those that have
# changed. It names no durations; these are plausible for some 100 GiB.
FIRST = 480
NEXT = 90
# EBS user guide, "Quotas for Amazon EBS": pending snapshots of one gp2 or gp3 volume.
PENDING = 5


class Snapshots(Behaviour):
    """Snapshots of volumes."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.ills: dict[str, Thing] = {}
        self.ailments = {"snapshot": self.ail}
        self.apis = {"ec2:CreateSnapshot": self.create}

    def ail(self, thing: Thing) -> None:
        """Snapshots `of` a volume, after those to `skip`: `takes: 3h`, or `until: error` or `never`."""
        only(thing, "ail", "of", "skip", "takes", "until")
        self.ills[thing["of"]] = {"skip": 0, **thing}

    def create(self, request: Request) -> Answer:
        """EC2 API reference, CreateSnapshot: `pending`, then `completed`."""
        of = [each for each in ec2(self.world).snapshots.values() if each.volume.id == request["VolumeId"]]
        if sum(each.status == "pending" for each in of) >= PENDING:
            raise ApiError(
                "ConcurrentSnapshotLimitExceeded", f"{PENDING} snapshots of {request['VolumeId']} are pending"
            )
        answer = self.world.client("ec2").create_snapshot(**request)
        answer.pop("ResponseMetadata", None)
        snapshot = ec2(self.world).get_snapshot(answer["SnapshotId"])
        takes, end = NEXT if any(each.status == "completed" for each in of) else FIRST, "completed"
        ill = self.ills.get(request["VolumeId"])
        if ill and ill["skip"]:
            ill["skip"] -= 1
        elif ill:
            takes, end = seconds(ill.get("takes", "1m"), "takes"), ill.get("until", "completed")
        snapshot.status = answer["State"] = "pending"
        if end != "never":
            self.world.after(takes, lambda: self._ends(snapshot, end))
        return answer

    def _ends(self, snapshot: Any, state: str) -> None:
        """With its event (EBS user guide, "Amazon EventBridge events for Amazon EBS")."""
        snapshot.status = state
        result = "succeeded" if state == "completed" else "failed"
        source = self.world.arn("ec2", f"volume/{snapshot.volume.id}")
        name = f"arn:aws:ec2::{self.world.region}:snapshot/{snapshot.id}"
        detail = {"event": "createSnapshot", "result": result, "snapshot_id": name, "source": source}
        self.world.emit("aws.ec2", "EBS Snapshot Notification", detail, [name])
