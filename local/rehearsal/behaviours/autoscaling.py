"""Auto Scaling groups: health checks each minute, replacements, launches that take their time or fail, and what
policies change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from behaviour import ApiError, Behaviour, Datapoint, Thing
from world import World

from behaviours.autoscaling_events import activity
from behaviours.ec2 import GUEST_BOOTS, Instances
from behaviours.ec2_status import Checks
from behaviours.ec2_things import auto_scaling, later, only, seconds, tag_list, with_ids

# Auto Scaling user guide, "About the health checks for your Auto Scaling group": periodic, and some minutes of patience
# with status checks, none with an instance that does not run. It names no figures.
TICK = 60
PATIENCE = 300
# A launch that fails is tried again, after ever longer times, which no page names.
RETRY, RETRY_MOST = 60, 900


@dataclass
class Group:
    """What moto's group does not know of itself."""

    # Since when each member is ill, by its status checks.
    ill: dict[str, datetime] = field(default_factory=dict)
    # When a pending member comes into service.
    ready: dict[str, datetime] = field(default_factory=dict)
    # Whether the next launches fail, and until when; what they say.
    fails_until: datetime | None = None
    message: str = ""
    # Why launched ones stay pending: until then.
    warms_until: datetime | None = None
    next_try: datetime | None = None
    retry: int = RETRY
    # What the rule's stack has made for the runbook: the size of its scaling policy.
    policy: int | None = None
    # IDs for the instances that are launched next.
    ids: list[str] = field(default_factory=list)
    refreshes: list[Thing] = field(default_factory=list)


class Groups(Behaviour):
    """Groups of moto whose members come and go as Auto Scaling lets them."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.groups: dict[str, Group] = {}
        self.givens = {"group": self.given, "member": self.given_member}
        self.ailments = {"launch": self.ail_launch, "warmup": self.ail_warmup}

    def given(self, thing: Thing) -> None:
        """`group` name, `desired`, `min`, `max`, `policy` (adjustment), `instances` (ids), `tags`, `healthCheckType`,
        `gracePeriod`, `metrics`.
        """
        only(
            thing,
            "group",
            "desired",
            "min",
            "max",
            "policy",
            "instances",
            "tags",
            "healthCheckType",
            "gracePeriod",
            "metrics",
        )
        name, desired, zone = thing["group"], thing.get("desired", 2), self.world.region + "a"
        data = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "m7i.large"}
        self.world.client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
        tags = [{**tag, "PropagateAtLaunch": True} for tag in tag_list(thing.get("tags"))]
        self.world.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=thing.get("min", 0),
            MaxSize=thing.get("max", 10),
            DesiredCapacity=0,
            LaunchTemplate={"LaunchTemplateName": name, "Version": "$Default"},
            AvailabilityZones=[zone],
            HealthCheckType=thing.get("healthCheckType", "EBS,ELB"),
            HealthCheckGracePeriod=thing.get("gracePeriod", 300),
            Tags=tags,
        )
        group = self.groups[name] = Group(policy=thing.get("policy"), ids=list(thing.get("instances", [])))
        held = self.held(name)
        held.desired_capacity = desired
        if thing.get("metrics", True):
            held.metrics = ["GroupDesiredCapacity", "GroupInServiceCapacity"]
        self._launch(name, desired)
        for each in held.instance_states:
            machine = self.instances.machine(each.instance.id)
            each.lifecycle_state, machine.boots_until, machine.checked_from = (
                "InService",
                self.world.now,
                self.world.now,
            )
        group.ready.clear()
        self.world.events.clear()
        self.world.after(TICK, lambda: self._tick(name))

    def given_member(self, thing: Thing) -> None:
        """An instance that is there already is the `member` of a group that sees no stalled volumes."""
        only(thing, "member", "group")
        self.given({"group": thing["group"], "desired": 0, "healthCheckType": "EC2"})
        auto_scaling(self.world).attach_instances(thing["group"], [thing["member"]])

    def ail_launch(self, thing: Thing) -> None:
        """Launches of `group` fail, `for` a while or for good, with `message`."""
        only(thing, "ail", "group", "for", "message")
        group = self.group(thing["group"])
        group.message = thing.get(
            "message", "Your request for launching instances was refused. Launching EC2 instance failed."
        )
        group.fails_until = later(self.world, seconds(thing.get("for", "1000d"), "for"))

    def ail_warmup(self, thing: Thing) -> None:
        """What `group` launches stays pending `for` a while, as behind a lifecycle hook that nobody completes."""
        only(thing, "ail", "group", "for")
        self.group(thing["group"]).warms_until = later(self.world, seconds(thing["for"], "for"))

    # For the APIs

    @property
    def instances(self) -> Instances:
        """The instances."""
        return self.world.behaviour(Instances)

    def group(self, name: str) -> Group:
        """What this behaviour knows of it."""
        if name not in self.groups:
            raise ApiError("ValidationError", f"AutoScalingGroup name not found - no such group: {name}")
        return self.groups[name]

    def held(self, name: str) -> Any:
        """moto's group."""
        self.group(name)
        return auto_scaling(self.world).autoscaling_groups[name]

    def scale(self, name: str, to: int) -> None:
        """A new desired capacity, at which the group works at once."""
        self.held(name).desired_capacity = to
        self.group(name).next_try = None
        self.world.after(1, lambda: self._fill(name))

    def take_out(self, name: str, instance: str, why: str, health: bool) -> None:
        """Terminates a member; its event says why."""
        held, group = self.held(name), self.group(name)
        held.instance_states = [each for each in held.instance_states if each.instance.id != instance]
        group.ill.pop(instance, None)
        group.ready.pop(instance, None)
        self.instances.end(instance)
        taken = "was taken out of service in response to " + why
        activity(self.world, held, "EC2 Instance Terminate Successful", instance, taken if health else why)

    # Each minute

    def _tick(self, name: str) -> None:
        self.world.after(TICK, lambda: self._tick(name))
        held, group = self.held(name), self.group(name)
        suspended = set(held._suspended_processes)
        for each in list(held.instance_states):
            due = group.ready.get(each.instance.id)
            if each.lifecycle_state == "Pending" and due and self.world.now >= due:
                self._enter(name, each)
        if not suspended & {"HealthCheck", "ReplaceUnhealthy", "Terminate"}:
            for each in [each for each in held.instance_states if each.lifecycle_state == "InService"]:
                why = self._unhealthy(name, each)
                if why:
                    self.take_out(name, each.instance.id, why, health=True)
        self._refresh(name)
        self._fill(name)

    def _enter(self, name: str, member: Any) -> None:
        member.lifecycle_state = "InService"
        group = self.group(name)
        group.ready.pop(member.instance.id, None)
        group.retry = RETRY
        why = "an instance was started in response to a difference between desired and actual capacity"
        activity(self.world, self.held(name), "EC2 Instance Launch Successful", member.instance.id, why)

    def _unhealthy(self, name: str, member: Any) -> str:
        """Why it must be replaced; nothing while it is well or has its time."""
        held, group, instance = self.held(name), self.group(name), member.instance
        if member.health_status == "Unhealthy":
            return "a user health-check."
        if instance.state != "running":
            return "an EC2 health check indicating it has been terminated or stopped."
        checks = self.world.behaviour(Checks)
        failed = [check for check in ("instance", "system") if checks.status(instance.id, check) == "impaired"]
        if "EBS" in held.health_check_type and checks.status(instance.id, "ebs") == "impaired":
            failed.append("ebs")
        if not failed:
            group.ill.pop(instance.id, None)
            return ""
        since = group.ill.setdefault(instance.id, self.world.now)
        if later(self.world, -PATIENCE) < since:
            return ""
        return (
            "an EBS health check failure."
            if failed == ["ebs"]
            else "an EC2 instance status checks failure health check."
        )

    def _fill(self, name: str) -> None:
        """Launches what is missing, and terminates what is too much."""
        held, group = self.held(name), self.group(name)
        missing = held.desired_capacity - len(held.instance_states)
        suspended = set(held._suspended_processes)
        if missing > 0 and "Launch" not in suspended and (not group.next_try or self.world.now >= group.next_try):
            self._launch(name, missing)
        if missing < 0 and "Terminate" not in suspended:
            # "Configure termination policies": the default one ends with the oldest, and leaves out what is not in
            # service yet.
            old = [each.instance.id for each in held.instance_states if each.lifecycle_state == "InService"]
            why = "an instance was terminated in response to a difference between desired and actual capacity"
            for instance in old[:-missing]:
                self.take_out(name, instance, why, health=False)

    def _launch(self, name: str, count: int) -> None:
        held, group = self.held(name), self.group(name)
        zone, message = held.availability_zones[0], group.message
        if not self.instances.has_capacity(zone):
            message = (
                f"We currently do not have sufficient m7i.large capacity in {zone}. Launching EC2 instance failed."
            )
        elif not group.fails_until or self.world.now >= group.fails_until:
            message = ""
        if message:
            why = "an instance was started in response to a difference between desired and actual capacity"
            activity(self.world, held, "EC2 Instance Launch Unsuccessful", "", why, message)
            group.next_try = later(self.world, group.retry)
            group.retry = min(2 * group.retry, RETRY_MOST)
            return
        before = {each.instance.id for each in held.instance_states}
        with with_ids(self.world, instances=group.ids[:count]):
            held.replace_autoscaling_group_instances(count, held.get_propagated_tags())
        del group.ids[:count]
        for each in held.instance_states:
            if each.instance.id not in before:
                each.lifecycle_state = "Pending"
                self.instances.launched(each.instance.id)
                ready = later(self.world, GUEST_BOOTS)
                group.ready[each.instance.id] = max(ready, group.warms_until or ready)

    def _refresh(self, name: str) -> None:
        """One member after the other gets a successor ("How an instance refresh works"), as long as the ones before
        come up.
        """
        held, group = self.held(name), self.group(name)
        latest = group.refreshes[-1] if group.refreshes else {"status": ""}
        serving = [each.instance.id for each in held.instance_states if each.lifecycle_state == "InService"]
        if latest["status"] not in ("Pending", "InProgress") or len(serving) < held.desired_capacity:
            return
        latest["status"] = "InProgress"
        old = [each for each in latest["old"] if each in serving]
        if old:
            self.take_out(name, old[0], "an instance was terminated in response to an instance refresh", health=False)
        else:
            latest["status"] = "Successful"

    def metrics(self) -> Iterator[Datapoint]:
        """Auto Scaling user guide, "Amazon CloudWatch metrics for Amazon EC2 Auto Scaling": once a minute, where they
        are enabled.
        """
        for name in self.groups:
            held = self.held(name)
            serving = [each for each in held.instance_states if each.lifecycle_state == "InService"]
            found = {"GroupDesiredCapacity": held.desired_capacity, "GroupInServiceCapacity": len(serving)}
            for metric, value in found.items():
                if metric in held.metrics:
                    yield Datapoint("AWS/AutoScaling", metric, {"AutoScalingGroupName": name}, (float(value),))
