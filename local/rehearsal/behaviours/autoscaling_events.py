"""What Auto Scaling says of what it does."""

from __future__ import annotations

from typing import Any

from world import World


def activity(world: World, held: Any, kind: str, instance: str, cause: str, message: str = "") -> None:
    """Auto Scaling user guide, "Amazon EC2 Auto Scaling event reference"."""
    at = world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    launch = "Launch" in kind
    detail = {
        "StatusCode": "Failed" if "Unsuccessful" in kind else "InProgress",
        "Description": f"{'Launching a new' if launch else 'Terminating'} EC2 instance: {instance}",
        "AutoScalingGroupName": held.name,
        "ActivityId": f"{world.random.getrandbits(128):032x}",
        "Details": {"Availability Zone": held.availability_zones[0]},
        "RequestId": f"{world.random.getrandbits(128):032x}",
        "StatusMessage": message,
        "EndTime": at,
        "EC2InstanceId": instance,
        "StartTime": at,
        "Cause": f"At {at} {cause}",
        "Origin": "EC2" if launch else "AutoScalingGroup",
        "Destination": "AutoScalingGroup" if launch else "EC2",
    }
    resources = [held.arn, world.arn("ec2", f"instance/{instance}")] if instance else [held.arn]
    world.emit("aws.autoscaling", kind, detail, resources)
