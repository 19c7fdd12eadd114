"""What alarms have EC2 do to instances by itself."""

from __future__ import annotations

from behaviour import Behaviour
from world import World

from behaviours.ec2 import Instances
from behaviours.ec2_things import tags_of

# No page of AWS says how long a recovery takes. A plausible figure.
RECOVERY = 150
# EC2 user guide, "Configure CloudWatch action based recovery": a maximum of daily attempts, which it does not name;
# three in practice.
RECOVERIES = 3


class NativeActions(Behaviour):
    """The actions `reboot` and `recover` of alarms."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.actions = {"ec2:reboot": self.reboot, "ec2:recover": self.recover}

    def reboot(self, dimensions: dict[str, str]) -> None:
        """CloudWatch user guide, "Create alarms to stop, terminate, reboot, or recover an EC2 instance"."""
        instances = self.world.behaviour(Instances)
        if instances.instance(dimensions["InstanceId"]).state == "running":
            instances.reboot({"InstanceIds": [dimensions["InstanceId"]]})

    def recover(self, dimensions: dict[str, str]) -> None:
        """Only a running instance of no group is moved, off a host that has failed, and where there is capacity."""
        name, instances = dimensions["InstanceId"], self.world.behaviour(Instances)
        instance, machine = instances.instance(name), instances.machine(name)
        grouped = "aws:autoscaling:groupName" in tags_of(self.world, name)
        # Recovering an instance whose host is well does nothing.
        ill = any(each.check == "system" for each in instances.ills.get(name, []))
        if instance.state != "running" or grouped or not ill or machine.recoveries >= RECOVERIES:
            return
        if not instances.has_capacity(instance.placement.zone):
            return
        machine.recoveries += 1
        session = machine.session
        self.world.after(RECOVERY, lambda: instances.done(name, session, "recover"))
