"""Settings of instances that healing keeps, and the replacement of a root volume."""

from __future__ import annotations

from behaviour import Answer, Behaviour, Request, Thing, Unknown
from world import World

from behaviours.ec2 import GUEST_BOOTS, SKIPPED_SHUTDOWN, Instances
from behaviours.ec2_things import later, only, seconds

# No page of AWS says how long it takes. A plausible figure.
REPLACEMENT = 180


class Options(Behaviour):
    """Maintenance options, and tasks that replace root volumes."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.tasks: dict[str, Thing] = {}
        self.givens = {"instance-is": self.given}
        self.ailments = {"by-hand": self.ail_by_hand}
        self.apis = {
            "ec2:ModifyInstanceMaintenanceOptions": self.maintenance,
            "ec2:CreateReplaceRootVolumeTask": self.replace_root,
            "ec2:DescribeReplaceRootVolumeTasks": self.root_tasks,
        }
        self.after = {"ec2:DescribeInstances": self.described}

    @property
    def instances(self) -> Instances:
        """The instances."""
        return self.world.behaviour(Instances)

    def given(self, thing: Thing) -> None:
        """An instance that is there already is of another `type`."""
        only(thing, "instance-is", "type")
        self.instances.instance(thing["instance-is"]).instance_type = thing["type"]

    def ail_by_hand(self, thing: Thing) -> None:
        """`after` a while somebody stops `id`, and with `starts: true` starts it again as soon as it has stopped."""
        only(thing, "ail", "id", "after", "starts")
        wait, request = seconds(thing["after"], "after"), {"InstanceIds": [thing["id"]]}
        self.world.after(wait, lambda: self.instances.stop({**request, "SkipOsShutdown": True}))
        if thing.get("starts", False):
            self.world.after(wait + SKIPPED_SHUTDOWN + 10, lambda: self.instances.start(request))

    def described(self, request: Request, answer: Answer) -> None:
        """DescribeInstances names the maintenance options, which moto does not know."""
        for reservation in answer["Reservations"]:
            for each in reservation["Instances"]:
                recovery = self.instances.machine(each["InstanceId"]).auto_recovery
                each["MaintenanceOptions"] = {"AutoRecovery": recovery, "RebootMigration": "default"}

    def maintenance(self, request: Request) -> Answer:
        """EC2 API reference, ModifyInstanceMaintenanceOptions."""
        if "AutoRecovery" not in request:
            raise Unknown(f"ModifyInstanceMaintenanceOptions with {request}")
        self.instances.machine(request["InstanceId"]).auto_recovery = request["AutoRecovery"]
        return {"InstanceId": request["InstanceId"], "AutoRecovery": request["AutoRecovery"]}

    def replace_root(self, request: Request) -> Answer:
        """EC2 user guide, "Replace the root volume for an Amazon EC2 instance without stopping it": it reboots on the
        new one.
        """
        name, token = request["InstanceId"], request.get("ClientToken", "")
        found = next((each for each in self.tasks.values() if token and each["token"] == token), None)
        if found is None:
            self.instances.must_be(name, "given another root volume", "running")
            task = f"replacevol-{len(self.tasks) + 1:017x}"
            found = self.tasks[task] = {"token": token, "task": task, "instance": name, "state": "pending"}
            machine = self.instances.machine(name)
            machine.boots_until = later(self.world, REPLACEMENT + GUEST_BOOTS)
            session = machine.session
            self.world.after(20, lambda: found.update(state="in-progress"))
            self.world.after(REPLACEMENT, lambda: found.update(state="succeeded"))
            self.world.after(REPLACEMENT, lambda: self.instances.done(name, session, "root"))
        return {"ReplaceRootVolumeTask": shown(found)}

    def root_tasks(self, request: Request) -> Answer:
        """EC2 API reference, DescribeReplaceRootVolumeTasks."""
        only(request, "ReplaceRootVolumeTaskIds")
        wanted = request.get("ReplaceRootVolumeTaskIds", list(self.tasks))
        return {"ReplaceRootVolumeTasks": [shown(self.tasks[each]) for each in wanted]}


def shown(task: Thing) -> Answer:
    """A root volume replacement as the API shows it."""
    return {"ReplaceRootVolumeTaskId": task["task"], "InstanceId": task["instance"], "TaskState": task["state"]}
