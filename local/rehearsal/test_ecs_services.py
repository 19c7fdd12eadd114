"""ECS services: the scheduler replaces what it can, and only what AWS documents mends the rest."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError, Unknown
from world import World


class Services(unittest.TestCase):
    """One service."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 7, 0)
        self.addCleanup(self.world.close)

    def given(self, **more: Any) -> None:
        self.world.given({"ecs_service": "web", "cluster": "checkout", "desired": 2, **more})

    def call(self, api: str, **request: Any) -> Any:
        return self.world.call("ecs", api, request)

    def shown(self) -> Any:
        return self.call("DescribeServices", cluster="checkout", services=["web"])["services"][0]

    def primary(self) -> tuple[str, int, int]:
        found = self.shown()["deployments"][0]
        self.assertEqual(found["status"], "PRIMARY")
        return found["rolloutState"], found["runningCount"], found["failedTasks"]

    def minutes(self, number: int) -> list[float]:
        """The missing tasks of each minute."""
        missing = []
        for _ in range(number):
            self.world.advance(round(self.world.now.timestamp() * 1000) + 60_000)
            found = {each.name: each.values[0] for each in self.world.metrics()}
            missing.append(found["DesiredTaskCount"] - found["RunningTaskCount"])
        return missing

    def names(self) -> list[str]:
        return [each["detail"]["eventName"] for each in self.world.events]

    def ail(self, **thing: Any) -> None:
        self.world.ail({"ail": "service-tasks", "cluster": "checkout", "service": "web", **thing})

    def update(self, **request: Any) -> None:
        self.call("UpdateService", cluster="checkout", service="web", **request)

    def ongoing(self) -> list[str]:
        found = self.call("ListServiceDeployments", cluster="checkout", service="web", status=["IN_PROGRESS"])
        return [each["serviceDeploymentArn"] for each in found["serviceDeployments"]]

    def status(self, arn: str) -> str:
        found = self.call("DescribeServiceDeployments", serviceDeploymentArns=[arn])["serviceDeployments"]
        return found[0]["status"]

    def test_a_deployment_mends_what_the_one_before_cannot_start(self) -> None:
        self.given()
        self.assertEqual(self.minutes(5), [0] * 5)
        self.ail(until="deployment")
        self.assertEqual(self.minutes(30), [2] * 30)
        self.assertEqual(self.primary(), ("COMPLETED", 0, 0))
        self.assertIn("SERVICE_TASK_START_IMPAIRED", self.names())
        self.update(forceNewDeployment=True)
        self.assertEqual(self.primary()[0], "IN_PROGRESS")
        self.assertEqual(len(self.ongoing()), 1)
        self.minutes(3)
        self.assertEqual(self.primary(), ("COMPLETED", 2, 0))
        self.assertEqual(self.ongoing(), [])
        self.assertEqual(len(self.shown()["deployments"]), 1)

    def test_nothing_mends_what_tasks_need(self) -> None:
        self.given()
        self.ail(until="never", count=1)
        self.update(forceNewDeployment=True)
        self.assertEqual(self.minutes(120)[-1], 1)
        self.assertEqual(self.primary()[0], "IN_PROGRESS")

    def test_what_comes_back(self) -> None:
        self.given()
        self.ail(**{"for": "6m"})
        self.assertEqual(self.minutes(6), [2] * 6)
        self.assertEqual(self.minutes(20)[-1], 0)

    def test_a_rollback_mends_a_definition_whose_tasks_do_not_start(self) -> None:
        self.given(minimum=50, maximum=100)
        self.world.ail({"ail": "task-definition", "definition": "web:8", "fails": "start"})
        self.update(taskDefinition="web:8")
        self.assertEqual(self.minutes(12)[2:], [1] * 10)
        state, running, failed = self.primary()
        self.assertEqual((state, running), ("IN_PROGRESS", 0))
        self.assertGreater(failed, 2)
        arn = self.ongoing()[0]
        self.call("StopServiceDeployment", serviceDeploymentArn=arn, stopType="ROLLBACK")
        self.assertEqual(self.status(arn), "ROLLBACK_REQUESTED")
        self.minutes(3)
        self.assertEqual(self.status(arn), "ROLLBACK_SUCCESSFUL")
        self.assertEqual(self.primary(), ("COMPLETED", 2, 0))
        self.assertTrue(self.shown()["taskDefinition"].endswith("web:7"))
        with self.assertRaises(ApiError):
            self.call("StopServiceDeployment", serviceDeploymentArn=arn, stopType="ROLLBACK")

    def test_tasks_that_crash_count_as_no_failures(self) -> None:
        self.given(minimum=50, maximum=100)
        self.world.ail({"ail": "task-definition", "definition": "web:8", "fails": "crash"})
        self.update(taskDefinition="web:8")
        self.assertEqual(self.minutes(12)[2:], [1] * 10)
        self.assertEqual(self.primary(), ("IN_PROGRESS", 0, 0))

    def test_a_deployment_without_room_below_costs_nothing(self) -> None:
        self.given()
        self.world.ail({"ail": "task-definition", "definition": "web:8", "fails": "start"})
        self.update(taskDefinition="web:8")
        self.assertEqual(self.minutes(12), [0] * 12)

    def test_a_slow_deployment_completes(self) -> None:
        self.given(minimum=0, maximum=100)
        self.world.ail({"ail": "task-definition", "definition": "web:8", "fails": "slow", "start": "12m"})
        self.update(taskDefinition="web:8")
        self.assertEqual(self.minutes(12)[-1], 2)
        self.assertEqual(self.minutes(2)[-1], 0)
        self.assertEqual(self.primary(), ("COMPLETED", 2, 0))

    def test_the_circuit_breaker_rolls_back(self) -> None:
        self.given(minimum=50, maximum=100, circuit_breaker="rollback")
        self.world.ail({"ail": "task-definition", "definition": "web:8", "fails": "start"})
        self.update(taskDefinition="web:8")
        self.minutes(10)
        self.assertEqual(self.primary(), ("COMPLETED", 2, 0))
        self.assertEqual(
            [each for each in self.names() if "DEPLOYMENT" in each],
            [
                "SERVICE_DEPLOYMENT_IN_PROGRESS",
                "SERVICE_DEPLOYMENT_FAILED",
                "SERVICE_DEPLOYMENT_IN_PROGRESS",
                "SERVICE_DEPLOYMENT_COMPLETED",
            ],
        )
        self.assertIn("rolling back", self.world.events[-2]["detail"]["reason"])

    def test_the_circuit_breaker_without_rollback(self) -> None:
        self.given(minimum=50, maximum=100, circuit_breaker="on")
        self.world.ail({"ail": "task-definition", "definition": "web:8", "fails": "start"})
        self.update(taskDefinition="web:8")
        self.assertEqual(self.minutes(20)[-1], 1)
        self.assertEqual(self.primary()[0], "FAILED")

    def test_alarms_bake(self) -> None:
        alarms = {"enable": True, "rollback": True, "alarmNames": ["errors"]}
        self.given(configuration={"alarms": alarms, "bakeTimeInMinutes": 30})
        self.update(forceNewDeployment=True)
        self.minutes(30)
        self.assertEqual(self.primary()[0], "IN_PROGRESS")
        self.minutes(3)
        self.assertEqual(self.primary()[0], "COMPLETED")

    def test_the_configuration_starts_nothing(self) -> None:
        self.given(minimum=50, maximum=150)
        breaker = {"enable": True, "rollback": True}
        more = {"deploymentCircuitBreaker": breaker, "minimumHealthyPercent": 50, "maximumPercent": 150}
        self.update(deploymentConfiguration=more)
        self.assertEqual(self.shown()["deploymentConfiguration"]["deploymentCircuitBreaker"], breaker)
        self.assertEqual(self.ongoing(), [])
        self.assertEqual(self.world.events, [])

    def test_scalable_targets(self) -> None:
        self.given()
        self.world.given({"scalable_target": "checkout/web", "minimum": 1, "maximum": 10})
        place = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
        request = {**place, "ResourceId": "service/checkout/web", "MinCapacity": 4}
        self.world.call("application-autoscaling", "RegisterScalableTarget", request)
        asked = {**place, "ResourceIds": ["service/checkout/web"]}
        found = self.world.call("application-autoscaling", "DescribeScalableTargets", asked)["ScalableTargets"][0]
        self.assertEqual((found["MinCapacity"], found["MaxCapacity"]), (4, 10))
        self.minutes(2)
        self.assertEqual(self.shown()["runningCount"], 4)

    def test_refused(self) -> None:
        self.given()
        missing = self.call("DescribeServices", cluster="checkout", services=["x"])["failures"]
        self.assertEqual(missing[0]["reason"], "MISSING")
        with self.assertRaises(ApiError):
            self.call("UpdateService", cluster="checkout", service="other", forceNewDeployment=True)
        with self.assertRaises(Unknown):
            self.ail(until="restart")


if __name__ == "__main__":
    unittest.main()
