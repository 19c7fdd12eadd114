"""What callers may do with Auto Scaling groups."""

from __future__ import annotations

from behaviour import Answer, ApiError, Behaviour, Request
from world import World

from behaviours.autoscaling import Groups
from behaviours.ec2_things import only, tags_of


class GroupApis(Behaviour):
    """APIs that moto answers at once, where Auto Scaling takes its time, or lacks."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.apis = {
            "autoscaling:SetDesiredCapacity": self.set_desired,
            "autoscaling:ExecutePolicy": self.execute,
            "autoscaling:UpdateAutoScalingGroup": self.update,
            "autoscaling:TerminateInstanceInAutoScalingGroup": self.terminate,
            "autoscaling:StartInstanceRefresh": self.refresh,
            "autoscaling:CancelInstanceRefresh": self.cancel,
            "autoscaling:DescribeInstanceRefreshes": self.refreshes,
        }

    @property
    def groups(self) -> Groups:
        """The groups."""
        return self.world.behaviour(Groups)

    def set_desired(self, request: Request) -> Answer:
        """API reference, SetDesiredCapacity: within the group's bounds."""
        name, to = request["AutoScalingGroupName"], request["DesiredCapacity"]
        held = self.groups.held(name)
        if not held.min_size <= to <= held.max_size:
            side, bound = ("above max", held.max_size) if to > held.max_size else ("below min", held.min_size)
            raise ApiError(
                "ValidationError",
                f"New SetDesiredCapacity value {to} is {side} value {bound} for the AutoScalingGroup.",
            )
        self.groups.scale(name, to)
        return {}

    def execute(self, request: Request) -> Answer:
        """API reference, ExecutePolicy: adds nothing beyond the maximum. The policy is the one that the rule's stack
        has made.
        """
        only(request, "AutoScalingGroupName", "PolicyName", "HonorCooldown")
        name = request["AutoScalingGroupName"]
        held, policy = self.groups.held(name), self.groups.group(name).policy
        if policy is None:
            raise ApiError("ValidationError", f"ScalingPolicy not found: {request['PolicyName']}")
        self.groups.scale(name, max(held.min_size, min(held.max_size, held.desired_capacity + policy)))
        return {}

    def update(self, request: Request) -> Answer:
        """API reference, UpdateAutoScalingGroup: what is not named stays."""
        only(
            request,
            "AutoScalingGroupName",
            "HealthCheckType",
            "HealthCheckGracePeriod",
            "MinSize",
            "MaxSize",
            "DesiredCapacity",
        )
        held = self.groups.held(request["AutoScalingGroupName"])
        named = {
            "HealthCheckType": "health_check_type",
            "HealthCheckGracePeriod": "health_check_grace_period",
            "MinSize": "min_size",
            "MaxSize": "max_size",
        }
        for member, attribute in named.items():
            if member in request:
                setattr(held, attribute, request[member])
        if "DesiredCapacity" in request:
            self.groups.scale(held.name, request["DesiredCapacity"])
        return {}

    def terminate(self, request: Request) -> Answer:
        """API reference, TerminateInstanceInAutoScalingGroup."""
        instance = request["InstanceId"]
        name = tags_of(self.world, instance).get("aws:autoscaling:groupName", "")
        held = self.groups.held(name)
        self.groups.take_out(
            name, instance, "instance was taken out of service in response to a user request.", health=False
        )
        if request["ShouldDecrementDesiredCapacity"]:
            held.desired_capacity -= 1
        return {}

    def refresh(self, request: Request) -> Answer:
        """API reference, StartInstanceRefresh: one at a time."""
        only(request, "AutoScalingGroupName", "Strategy", "Preferences", "DesiredConfiguration")
        held, group = (
            self.groups.held(request["AutoScalingGroupName"]),
            self.groups.group(request["AutoScalingGroupName"]),
        )
        if group.refreshes and group.refreshes[-1]["status"] in ("Pending", "InProgress", "Cancelling"):
            raise ApiError(
                "InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks this one."
            )
        name = f"{self.world.random.getrandbits(128):032x}"
        old = [each.instance.id for each in held.instance_states]
        group.refreshes.append({"id": name, "status": "Pending", "old": old, "start": self.world.now})
        return {"InstanceRefreshId": name}

    def cancel(self, request: Request) -> Answer:
        """API reference, CancelInstanceRefresh: what it has replaced stays replaced."""
        group = self.groups.group(request["AutoScalingGroupName"])
        if not group.refreshes or group.refreshes[-1]["status"] not in ("Pending", "InProgress"):
            raise ApiError("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found.")
        group.refreshes[-1]["status"] = "Cancelled"
        return {"InstanceRefreshId": group.refreshes[-1]["id"]}

    def refreshes(self, request: Request) -> Answer:
        """API reference, DescribeInstanceRefreshes: the latest first."""
        only(request, "AutoScalingGroupName", "InstanceRefreshIds")
        name = request["AutoScalingGroupName"]
        return {
            "InstanceRefreshes": [
                {
                    "InstanceRefreshId": each["id"],
                    "AutoScalingGroupName": name,
                    "Status": each["status"],
                    "StartTime": each["start"],
                }
                for each in reversed(self.groups.group(name).refreshes)
            ]
        }
