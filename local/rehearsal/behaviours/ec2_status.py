"""Status checks of instances: what DescribeInstanceStatus says, and the metrics that alarms watch."""

from __future__ import annotations

from collections.abc import Iterator

from behaviour import Answer, Behaviour, Datapoint, Request, Thing
from world import World

from behaviours.ebs import Volumes
from behaviours.ebs_status import VolumeStatus
from behaviours.ec2 import MENDS, Ill, Instances
from behaviours.ec2_things import as_answered, ec2, one_of, only, passes, seconds, tags_of

METRICS = {
    "system": "StatusCheckFailed_System",
    "instance": "StatusCheckFailed_Instance",
    "ebs": "StatusCheckFailed_AttachedEBS",
}


class Checks(Behaviour):
    """The checks of each minute, derived from what is ill and from what the instance does."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        # Volumes without which an instance does not come up, as one whose mounts name them.
        self.needs: dict[str, str] = {}
        self.ailments = {"instance": self.ail, "boot": self.ail_boot}
        self.apis = {"ec2:DescribeInstanceStatus": self.describe}

    def ail(self, thing: Thing) -> None:
        """`id` fails its `check`: `instance` or `system`; `until: reboot`, `recover`, `start`, `root` or `never`, or
        `for` a while.
        """
        only(thing, "ail", "id", "check", "until", "for")
        ill = Ill(
            one_of(thing.get("check", "instance"), "check", "instance", "system"),
            one_of(thing.get("until", "never"), "until", *MENDS),
        )
        instances = self.world.behaviour(Instances)
        instances.machine(thing["id"])
        instances.ills.setdefault(thing["id"], []).append(ill)
        if "for" in thing:
            self.world.after(seconds(thing["for"], "for"), lambda: self._over(thing["id"], ill))

    def _over(self, name: str, ill: Ill) -> None:
        ills = self.world.behaviour(Instances).ills
        ills[name] = [each for each in ills.get(name, []) if each is not ill]

    def ail_boot(self, thing: Thing) -> None:
        """`id` comes up only with the volume that it `needs`."""
        only(thing, "ail", "id", "needs")
        self.needs[thing["id"]] = thing["needs"]

    def status(self, name: str, check: str) -> str:
        """EC2 API reference, InstanceStatusSummary."""
        instances = self.world.behaviour(Instances)
        machine, now = instances.machine(name), self.world.now
        if instances.instance(name).state != "running":
            return "not-applicable"
        if now < machine.checked_from:
            return "initializing"
        if check == "ebs":
            return "impaired" if self.world.behaviour(VolumeStatus).stalls_instance(name) else "ok"
        ills = {each.check for each in instances.ills.get(name, [])}
        if check == "system":
            return "impaired" if "system" in ills else "ok"
        # A failed host fails the instance's check too, and so does a reboot until the guest answers again.
        return "impaired" if ills or now < machine.boots_until or self._lacks(name) else "ok"

    def _lacks(self, name: str) -> bool:
        """Whether a volume is not there without which it does not come up."""
        if name not in self.needs:
            return False
        return self.needs[name] not in [each.id for each in self.world.behaviour(Volumes).attached(name)]

    def describe(self, request: Request) -> Answer:
        """EC2 API reference, DescribeInstanceStatus: running instances, or all of them."""
        only(request, "InstanceIds", "IncludeAllInstances", "Filters")
        held = ec2(self.world)
        wanted = request.get("InstanceIds")
        with as_answered():
            found = held.get_multi_instances_by_id(wanted) if wanted else held.all_instances()
        if not request.get("IncludeAllInstances", False):
            found = [each for each in found if each.state == "running"]
        shown = [self._shown(each.id) for each in found]
        filters = request.get("Filters", [])
        return {"InstanceStatuses": [each for each in shown if passes(filters, values(each), "DescribeInstanceStatus")]}

    def _shown(self, name: str) -> Answer:
        instance = self.world.behaviour(Instances).instance(name)
        return {
            "InstanceId": name,
            "AvailabilityZone": instance.placement.zone,
            "InstanceState": {"Code": instance.state_code, "Name": instance.state},
            "InstanceStatus": summary(self.status(name, "instance")),
            "SystemStatus": summary(self.status(name, "system")),
            "AttachedEbsStatus": summary(self.status(name, "ebs")),
        }

    def metrics(self) -> Iterator[Datapoint]:
        """EC2 user guide, "CloudWatch metrics that are available for your instances": of running ones, once their
        checks have a result.
        """
        for instance in ec2(self.world).all_running_instances():
            tags = tags_of(self.world, instance.id)
            for check, name in METRICS.items():
                status = self.status(instance.id, check)
                if status in ("ok", "impaired"):
                    value = (float(status == "impaired"),)
                    yield Datapoint("AWS/EC2", name, {"InstanceId": instance.id}, value, tags)


def summary(status: str) -> Answer:
    """EC2 API reference, InstanceStatusSummary, with its one detail."""
    details = {"ok": "passed", "impaired": "failed", "initializing": "initializing"}
    if status not in details:
        return {"Status": status}
    return {"Status": status, "Details": [{"Name": "reachability", "Status": details[status]}]}


def values(shown: Answer) -> dict[str, str]:
    """What DescribeInstanceStatus filters by."""
    return {
        "instance-status.status": shown["InstanceStatus"]["Status"],
        "system-status.status": shown["SystemStatus"]["Status"],
        "instance-state-name": shown["InstanceState"]["Name"],
    }
