"""What the behaviours of Auto Scaling show, over time."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError
from world import World

GROUP, ONE, TWO = "checkout-web", "i-00000000000000001", "i-00000000000000002"
BEGIN = 1_800_000_000_000


class Group(unittest.TestCase):
    """A world with one group of two instances, a minute at a time."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 1, BEGIN)
        self.addCleanup(self.world.close)
        self.minutes = 0.0
        self.world.given({"group": GROUP, "desired": 2, "max": 4, "policy": 2, "instances": [ONE, TWO]})
        self.passes(1)
        self.world.events.clear()

    def passes(self, minutes: float) -> None:
        """Time goes on."""
        self.minutes += minutes
        self.world.advance(BEGIN + round(self.minutes * 60_000))

    def call(self, api: str, **request: Any) -> Any:
        """A call of Auto Scaling."""
        return self.world.call("autoscaling", api, request)

    def capacity(self) -> tuple[float, float]:
        """Desired and in service, as the metrics say."""
        found = {each.name: each.values[0] for each in self.world.metrics() if each.namespace == "AWS/AutoScaling"}
        return found["GroupDesiredCapacity"], found["GroupInServiceCapacity"]

    def shown(self) -> Any:
        """The group."""
        return self.call("DescribeAutoScalingGroups", AutoScalingGroupNames=[GROUP])["AutoScalingGroups"][0]

    def kinds(self) -> list[str]:
        """What Auto Scaling has said since the last look."""
        found = [each for each in self.world.events if each["source"] == "aws.autoscaling"]
        self.world.events.clear()
        return [each["detail-type"].removeprefix("EC2 Instance ") for each in found]


class Replacing(Group):
    """What Auto Scaling does itself."""

    def test_what_no_longer_runs_is_replaced_at_once(self) -> None:
        self.assertEqual(self.capacity(), (2, 2))
        self.world.call("ec2", "TerminateInstances", {"InstanceIds": [ONE]})
        self.passes(1)
        self.assertEqual(self.capacity(), (2, 1))
        self.passes(2)
        self.assertEqual(self.capacity(), (2, 2))
        self.assertEqual(self.kinds(), ["Terminate Successful", "Launch Successful"])
        self.assertNotIn(ONE, [each["InstanceId"] for each in self.shown()["Instances"]])

    def test_the_event_tells_of_the_health_check(self) -> None:
        self.world.call("ec2", "StopInstances", {"InstanceIds": [ONE]})
        self.passes(2)
        event = next(each for each in self.world.events if each["source"] == "aws.autoscaling")
        self.assertIn("health check", event["detail"]["Cause"])
        self.assertTrue(event["resources"][0].endswith(f"autoScalingGroupName/{GROUP}"))

    def test_failing_checks_get_some_minutes(self) -> None:
        self.world.ail({"ail": "instance", "id": TWO, "check": "instance"})
        self.passes(5)
        self.assertEqual(self.capacity(), (2, 2))
        self.passes(8)
        self.assertEqual(self.capacity(), (2, 2))
        self.assertEqual(self.kinds(), ["Terminate Successful", "Launch Successful"])

    def test_a_stalled_volume_counts_where_the_group_says_so(self) -> None:
        self.world.given({"volume": "vol-00000000000000001", "attached": {"instance": ONE, "device": "/dev/sdf"}})
        self.call("UpdateAutoScalingGroup", AutoScalingGroupName=GROUP, HealthCheckType="ELB")
        self.world.ail({"ail": "volume", "id": "vol-00000000000000001"})
        self.passes(20)
        self.assertEqual(self.kinds(), [])
        self.call(
            "UpdateAutoScalingGroup", AutoScalingGroupName=GROUP, HealthCheckType="EBS,ELB", HealthCheckGracePeriod=300
        )
        self.assertEqual(self.shown()["HealthCheckGracePeriod"], 300)
        self.passes(10)
        self.assertEqual(self.kinds(), ["Terminate Successful", "Launch Successful"])

    def test_suspended_processes_do_nothing(self) -> None:
        self.call("SuspendProcesses", AutoScalingGroupName=GROUP, ScalingProcesses=["Launch"])
        self.assertEqual(self.shown()["SuspendedProcesses"][0]["ProcessName"], "Launch")
        self.world.call("ec2", "TerminateInstances", {"InstanceIds": [ONE]})
        self.passes(20)
        self.assertEqual((self.capacity(), self.kinds()), ((2, 1), ["Terminate Successful"]))


class Launching(Group):
    """Launches that fail, and more capacity."""

    def test_launches_that_fail_are_tried_again(self) -> None:
        self.world.ail({"ail": "capacity", "for": "10m"})
        self.world.call("ec2", "TerminateInstances", {"InstanceIds": [ONE]})
        self.passes(8)
        self.assertEqual(
            (self.capacity(), self.kinds()), ((2, 1), ["Terminate Successful"] + ["Launch Unsuccessful"] * 4)
        )
        self.passes(10)
        self.assertEqual((self.capacity(), self.kinds()[-1]), ((2, 2), "Launch Successful"))

    def test_more_capacity_is_tried_at_once_and_bounded(self) -> None:
        self.world.ail({"ail": "launch", "group": GROUP, "for": "15m"})
        self.world.call("ec2", "TerminateInstances", {"InstanceIds": [ONE]})
        self.passes(16)
        policy = "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:x:policyName/Made"
        self.call("ExecutePolicy", AutoScalingGroupName=GROUP, PolicyName=policy, HonorCooldown=False)
        self.assertEqual(self.shown()["DesiredCapacity"], 4)
        self.call("ExecutePolicy", AutoScalingGroupName=GROUP, PolicyName=policy, HonorCooldown=False)
        self.passes(3)
        self.assertEqual(self.capacity(), (4, 4))
        self.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=2, HonorCooldown=False)
        self.passes(1)
        self.assertEqual(self.capacity(), (2, 2))
        with self.assertRaises(ApiError):
            self.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=5)

    def test_what_warms_up_is_not_in_service(self) -> None:
        self.world.ail({"ail": "warmup", "group": GROUP, "for": "20m"})
        self.call("SetDesiredCapacity", AutoScalingGroupName=GROUP, DesiredCapacity=3)
        self.passes(19)
        self.assertEqual(self.capacity(), (3, 2))
        self.passes(3)
        self.assertEqual(self.capacity(), (3, 3))

    def test_a_refresh_replaces_one_after_the_other(self) -> None:
        self.call("StartInstanceRefresh", AutoScalingGroupName=GROUP)
        with self.assertRaises(ApiError):
            self.call("StartInstanceRefresh", AutoScalingGroupName=GROUP)
        self.passes(2)
        self.assertEqual((self.status(), self.capacity()), ("InProgress", (2, 1)))
        self.passes(10)
        self.assertEqual((self.status(), self.capacity()), ("Successful", (2, 2)))
        self.assertFalse({ONE, TWO} & {each["InstanceId"] for each in self.shown()["Instances"]})

    def status(self) -> str:
        """Of the latest refresh."""
        found = self.call("DescribeInstanceRefreshes", AutoScalingGroupName=GROUP)["InstanceRefreshes"]
        return str(found[0]["Status"])

    def test_members_are_known_as_such(self) -> None:
        found = self.call("DescribeAutoScalingInstances", InstanceIds=[ONE])["AutoScalingInstances"]
        self.assertEqual(found[0]["AutoScalingGroupName"], GROUP)
        self.assertEqual(
            self.call("DescribeAutoScalingInstances", InstanceIds=["i-0123456789abcdef0"])["AutoScalingInstances"], []
        )


if __name__ == "__main__":
    unittest.main()
