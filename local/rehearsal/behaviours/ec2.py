"""EC2 instances: launching, stopping, starting, rebooting and recovering take their time, and mend what AWS says they
mend.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from behaviour import Answer, ApiError, Behaviour, Request, Thing
from world import World

from behaviours.ec2_things import CODES, as_answered, ec2, later, one_of, only, seconds, tag_specifications, with_ids

# EC2 user guide, "How EC2 instance stop and start works": where the operating system does not shut down cleanly within
# a few minutes, the shutdown is hard. "Reboot your Amazon EC2 instance" calls it four minutes.
HARD_SHUTDOWN = 240
# No page of AWS says how long these take. The figures are plausible ones.
CLEAN_SHUTDOWN = 45
SKIPPED_SHUTDOWN = 20
FORCED_STOP = 120
START = 20
GUEST_BOOTS = 60
TERMINATION = 60
# After a start the checks are `initializing` (EC2 API reference, InstanceStatusSummary); in practice for some minutes.
FIRST_CHECKS = 150


@dataclass
class Machine:
    """What moto's instance does not know of itself."""

    # When its guest can answer, and when the checks have their first result after a start.
    boots_until: datetime
    checked_from: datetime
    # Every start is another one; a transition planned for an earlier one is void.
    session: int = 0
    # The guest does not answer a shutdown: it is hung, or its host is.
    stop_takes: int | None = None
    # Only a forced stop ends, `force`, or none does, `never`.
    stuck: str = ""
    auto_recovery: str = "default"
    recoveries: int = 0


@dataclass
class Ill:
    """What one status check finds."""

    # `system`, `instance`, or the attached volumes' (`ebs`).
    check: str
    # What mends it, by its name in MENDS.
    until: str


# EC2 user guide, "Status checks for Amazon EC2 instances" and "How EC2 instance stop and start works": a reboot mends a
# guest; another host, which a recovery or a stop and start give it, mends a failed one, and boots the guest too.
MENDS = {
    "reboot": ("reboot", "recover", "start", "root"),
    "recover": ("recover", "start"),
    "start": ("start",),
    "root": ("root",),
    "never": (),
}


class Instances(Behaviour):
    """Instances with exactly given ids, and what happens to them over time."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.machines: dict[str, Machine] = {}
        self.found: dict[str, Any] = {}
        # Until when a zone has no capacity: for all types, since a scenario has one.
        self.full: dict[str, datetime] = {}
        # What is ill with it, which its status checks show.
        self.ills: dict[str, list[Ill]] = {}
        self.givens = {"instance": self.given}
        self.ailments = {"stop": self.ail_stop, "capacity": self.ail_capacity}
        self.apis = {
            "ec2:StopInstances": self.stop,
            "ec2:StartInstances": self.start,
            "ec2:RebootInstances": self.reboot,
            "ec2:TerminateInstances": self.terminate,
        }

    # Given and ailing

    def given(self, thing: Thing) -> None:
        """`instance: i-…`, `tags`, `type`, `zone`, `root: {volume, device}`, `autoRecovery`."""
        only(thing, "instance", "tags", "type", "zone", "root", "autoRecovery")
        zone, root = thing.get("zone", self.world.region + "a"), only(thing.get("root", {}), "volume", "device")
        with with_ids(self.world, [thing["instance"]], [root["volume"]] if "volume" in root else []):
            self.world.client("ec2").run_instances(
                ImageId="ami-0123456789abcdef0",
                InstanceType=thing.get("type", "m7i.large"),
                MinCount=1,
                MaxCount=1,
                Placement={"AvailabilityZone": zone},
                TagSpecifications=tag_specifications("instance", thing.get("tags")),
            )
        instance = self.instance(thing["instance"])
        device = root.get("device", "/dev/xvda")
        for name in list(instance.block_device_mapping):
            block = instance.block_device_mapping[device] = instance.block_device_mapping.pop(name)
            ec2(self.world).get_volume(block.volume_id).attachment.device = device
        instance.root_device_name = device
        self.machine(instance.id).auto_recovery = one_of(
            thing.get("autoRecovery", "default"), "autoRecovery", "default", "disabled"
        )

    def ail_stop(self, thing: Thing) -> None:
        """`id`; a stop that `takes` a while, or lasts `until: force` or `never`."""
        only(thing, "ail", "id", "takes", "until")
        machine = self.machine(thing["id"])
        if "takes" in thing:
            machine.stop_takes = seconds(thing["takes"], "takes")
        if "until" in thing:
            machine.stuck = one_of(thing["until"], "until", "force", "never")

    def ail_capacity(self, thing: Thing) -> None:
        """`zone` has no capacity `for` a while: launches, starts and recoveries fail there."""
        only(thing, "ail", "zone", "for")
        zone = thing.get("zone", self.world.region + "a")
        self.full[zone] = later(self.world, seconds(thing["for"], "for"))

    # For other behaviours

    def instance(self, name: str) -> Any:
        """moto's instance, which it keeps for good. It looks through all of them, so what it found is kept here."""
        if name not in self.found:
            with as_answered():
                self.found[name] = ec2(self.world).get_multi_instances_by_id([name])[0]
        return self.found[name]

    def machine(self, name: str) -> Machine:
        """What this behaviour knows of it; one that somebody else made is up."""
        if name not in self.machines:
            self.instance(name)
            self.machines[name] = Machine(self.world.now, self.world.now)
        return self.machines[name]

    def launched(self, name: str) -> None:
        """An instance that another behaviour has had moto launch: it begins its life now."""
        self.machines[name] = Machine(later(self.world, GUEST_BOOTS), later(self.world, FIRST_CHECKS))

    def has_capacity(self, zone: str) -> bool:
        """Whether an instance can be launched or started there."""
        return zone not in self.full or self.world.now >= self.full[zone]

    def set_state(self, name: str, state: str) -> Answer:
        """A transition, with its event (EC2 user guide, "State change events for your instances")."""
        held = self.instance(name)._state
        change = {"InstanceId": name, "PreviousState": {"Code": held.code, "Name": held.name}}
        if held.name != state:
            held.name, held.code = state, CODES[state]
            detail = {"instance-id": name, "state": state}
            arn = self.world.arn("ec2", f"instance/{name}")
            self.world.emit("aws.ec2", "EC2 Instance State-change Notification", detail, [arn])
        return {**change, "CurrentState": {"Code": CODES[state], "Name": state}}

    def end(self, name: str) -> Answer:
        """Terminates an instance, whoever wants it."""
        instance, machine = self.instance(name), self.machine(name)
        if instance.state in ("shutting-down", "terminated"):
            return self.set_state(name, instance.state)
        machine.session += 1
        change = self.set_state(name, "shutting-down")

        def gone() -> None:
            instance.terminate()
            instance._state.name, instance._state.code = "shutting-down", CODES["shutting-down"]
            self.set_state(name, "terminated")
            self.ills.pop(name, None)

        self.world.after(TERMINATION, gone)
        return change

    def happened(self, name: str, what: str) -> None:
        """After a `reboot`, `recover`, `start` or `root` an instance is rid of what that mends."""
        self.ills[name] = [each for each in self.ills.get(name, []) if what not in MENDS[each.until]]
        if what == "recover":
            # It boots on the other host, whatever it was about on the failed one.
            self.machine(name).boots_until = later(self.world, GUEST_BOOTS)

    # The API

    def stop(self, request: Request) -> Answer:
        """EC2 user guide, "Methods for stopping an instance"."""
        return {"StoppingInstances": [self._stop(name, request) for name in request["InstanceIds"]]}

    def _stop(self, name: str, request: Request) -> Answer:
        instance, machine = self.instance(name), self.machine(name)
        if instance.state == "stopped":
            return self.set_state(name, "stopped")
        self.must_be(name, "stopped", "running", "stopping")
        takes: int | None = CLEAN_SHUTDOWN
        if machine.stop_takes is not None:
            takes = machine.stop_takes
        elif request.get("SkipOsShutdown", False):
            takes = SKIPPED_SHUTDOWN
        elif self.ills.get(name):
            takes = HARD_SHUTDOWN
        if machine.stuck:
            # A forced stop tries a default stop first, and then shuts it down.
            takes = FORCED_STOP if request.get("Force", False) and machine.stuck == "force" else None
        change = self.set_state(name, "stopping")
        session = machine.session
        if takes is not None:
            self.world.after(takes, lambda: self._stopped(name, session))
        return change

    def _stopped(self, name: str, session: int) -> None:
        machine = self.machine(name)
        if machine.session == session and self.instance(name).state == "stopping":
            machine.stop_takes, machine.stuck = None, ""
            machine.session += 1
            self.set_state(name, "stopped")

    def start(self, request: Request) -> Answer:
        """EC2 user guide, "How EC2 instance stop and start works": usually on another host; where there is capacity."""
        for name in request["InstanceIds"]:
            self.must_be(name, "started", "running", "pending", "stopped")
            instance = self.instance(name)
            if instance.state == "stopped" and not self.has_capacity(instance.placement.zone):
                text = f"There is no sufficient {instance.instance_type} capacity in {instance.placement.zone}."
                raise ApiError("InsufficientInstanceCapacity", text)
        return {"StartingInstances": [self._start(name) for name in request["InstanceIds"]]}

    def _start(self, name: str) -> Answer:
        if self.instance(name).state != "stopped":
            return self.set_state(name, self.instance(name).state)
        self.machine(name).session += 1
        change = self.set_state(name, "pending")
        self._runs_soon(name, START, "start")
        return change

    def _runs_soon(self, name: str, takes: int, what: str) -> None:
        machine = self.machine(name)
        session = machine.session
        machine.boots_until, machine.checked_from = (
            later(self.world, takes + GUEST_BOOTS),
            later(self.world, takes + FIRST_CHECKS),
        )

        def runs() -> None:
            if self.machine(name).session == session:
                self.set_state(name, "running")
                self.happened(name, what)

        self.world.after(takes, runs)

    def reboot(self, request: Request) -> Answer:
        """EC2 user guide, "Reboot your Amazon EC2 instance": hard after four minutes without a clean shutdown."""
        for name in request["InstanceIds"]:
            self.must_be(name, "rebooted", "running")
            machine = self.machine(name)
            takes = HARD_SHUTDOWN if self.ills.get(name) else CLEAN_SHUTDOWN
            # During a reboot the instance check fails ("Status checks for Amazon EC2 instances").
            machine.boots_until = max(machine.boots_until, later(self.world, takes + GUEST_BOOTS))
            session = machine.session
            self.world.after(takes, lambda name=name, session=session: self.done(name, session, "reboot"))
        return {}

    def done(self, name: str, session: int, what: str) -> None:
        if self.machine(name).session == session:
            self.happened(name, what)

    def terminate(self, request: Request) -> Answer:
        """What it launches instead is Auto Scaling's business, when it sees it."""
        return {"TerminatingInstances": [self.end(name) for name in request["InstanceIds"]]}

    def must_be(self, name: str, what: str, *states: str) -> None:
        found = self.instance(name).state
        if found not in states:
            raise ApiError("IncorrectInstanceState", f"The instance '{name}' is {found}, so it cannot be {what}.")
