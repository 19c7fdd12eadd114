"""ECS's API over the services that a scenario gave, and Application Auto Scaling's targets of them."""

from __future__ import annotations

import copy
from typing import Any

from behaviour import Answer, ApiError, Behaviour, Request, Thing, Unknown
from things import only
from world import World

from behaviours.ecs_services import EcsServices
from behaviours.ecs_state import Deployment, Record, Service

# What UpdateService may be asked here.
UPDATES = ("cluster", "service", "desiredCount", "deploymentConfiguration", "taskDefinition", "forceNewDeployment")
# The stages of a service deployment that ListServiceDeployments calls ongoing.
ONGOING = ("PENDING", "IN_PROGRESS")


class EcsApis(Behaviour):
    """What healing and pipelines ask and change.

    Given: `{scalable_target: checkout/web, minimum: 2, maximum: 10}`, for `minimum_capacity`.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.targets: dict[str, dict[str, Any]] = {}
        self.givens = {"scalable_target": self.given_target}
        self.apis = {
            "ecs:DescribeServices": self.describe_services,
            "ecs:UpdateService": self.update_service,
            "ecs:ListServiceDeployments": self.list_deployments,
            "ecs:DescribeServiceDeployments": self.describe_deployments,
            "ecs:StopServiceDeployment": self.stop_deployment,
            "application-autoscaling:DescribeScalableTargets": self.describe_targets,
            "application-autoscaling:RegisterScalableTarget": self.register_target,
        }

    @property
    def known(self) -> EcsServices:
        """The services."""
        return self.world.behaviour(EcsServices)

    def service(self, request: Request) -> Service:
        """The one that a request names."""
        found = self.known.services.get(f"{request.get('cluster', 'default')}/{request['service']}")
        if found is None:
            raise ApiError("ServiceNotFoundException", "Service not found.")
        return found

    def describe_services(self, request: Request) -> Answer:
        """Those that are there; the others are failures, and no error."""
        cluster = request.get("cluster", "default")
        names = {each: self.known.services.get(f"{cluster}/{each}") for each in request["services"]}
        missing = [self.world.arn("ecs", f"service/{cluster}/{each}") for each, found in names.items() if not found]
        return {
            "services": [self.shown(each) for each in names.values() if each],
            "failures": [{"arn": each, "reason": "MISSING"} for each in missing],
        }

    def update_service(self, request: Request) -> Answer:
        """A task definition or the force of one starts a deployment; counts and the configuration do not."""
        only(request, *UPDATES)
        service = self.service(request)
        service.desired = request.get("desiredCount", service.desired)
        if "deploymentConfiguration" in request:
            # What an update leaves out is taken to go back to its default.
            off = {"enable": False, "rollback": False}
            defaults = {"deploymentCircuitBreaker": off, "minimumHealthyPercent": 100, "maximumPercent": 200}
            fixed = {"strategy": "ROLLING", "bakeTimeInMinutes": 0}
            service.configuration = {**defaults, **fixed, **copy.deepcopy(request["deploymentConfiguration"])}
        definition = request.get("taskDefinition", service.primary.definition)
        if request.get("forceNewDeployment") or definition != service.primary.definition:
            self.known.begin(service, definition)
        self.known.look(service)
        return {"service": self.shown(service)}

    def list_deployments(self, request: Request) -> Answer:
        """The newest first."""
        only(request, "service", "cluster", "status")
        service = self.service(request)
        wanted = request.get("status") or [each.status for each in service.records]
        return {"serviceDeployments": [self.brief(service, each) for each in service.records if each.status in wanted]}

    def describe_deployments(self, request: Request) -> Answer:
        """By ARN."""
        found = [self.record(each) for each in request["serviceDeploymentArns"]]
        return {"serviceDeployments": [self.full(service, record) for service, record in found], "failures": []}

    def stop_deployment(self, request: Request) -> Answer:
        """An ongoing one is asked to roll back; one that does goes on ("Stopping Amazon ECS service deployments")."""
        service, record = self.record(request["serviceDeploymentArn"])
        if request.get("stopType", "ROLLBACK") != "ROLLBACK":
            raise ApiError("InvalidParameterException", "The valid values are ROLLBACK.")
        if record.finished is not None:
            raise ApiError("ConflictException", f"The service deployment is {record.status}.")
        if record.status in ONGOING:
            record.status = "ROLLBACK_REQUESTED"
            primary = service.primary
            # AWS names no time from the request to the rollback's begin.
            self.world.after(10, lambda: self.requested(service, record, primary))
        return {"serviceDeploymentArn": record.arn}

    def requested(self, service: Service, record: Record, deployment: Deployment) -> None:
        """The rollback begins, unless the deployment has ended meanwhile."""
        if record.status == "ROLLBACK_REQUESTED" and record.finished is None and service.primary is deployment:
            self.known.roll_back(service, "Rollback requested by a user.")

    def record(self, arn: str) -> tuple[Service, Record]:
        """A service deployment and its service."""
        for service in self.known.services.values():
            for each in service.records:
                if each.arn == arn:
                    return service, each
        raise ApiError("ServiceDeploymentNotFoundException", "Service deployment not found.")

    def shown(self, service: Service) -> Answer:
        """As DescribeServices shows it: the PRIMARY deployment first."""
        return {
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": self.known.cluster(service),
            "status": "ACTIVE",
            "desiredCount": service.desired,
            "runningCount": service.running,
            "pendingCount": service.pending,
            "taskDefinition": self.definition(service.primary),
            "deploymentConfiguration": copy.deepcopy(service.configuration),
            "deploymentController": {"type": "ECS"},
            "schedulingStrategy": "REPLICA",
            "launchType": "FARGATE",
            "deployments": [self.deployment(service, each) for each in service.deployments],
        }

    def deployment(self, service: Service, deployment: Deployment) -> Answer:
        """One of them."""
        primary = deployment is service.primary
        return {
            "id": deployment.id,
            "status": "PRIMARY" if primary else "ACTIVE",
            "taskDefinition": self.definition(deployment),
            "desiredCount": service.desired if primary else 0,
            "runningCount": deployment.running,
            "pendingCount": len(deployment.pending),
            "failedTasks": deployment.failed,
            "createdAt": deployment.created,
            "rolloutState": deployment.rollout,
            "rolloutStateReason": deployment.reason or f"ECS deployment {deployment.id} in progress.",
        }

    def definition(self, deployment: Deployment) -> str:
        """The ARN of its task definition."""
        return self.world.arn("ecs", f"task-definition/{deployment.definition}")

    def brief(self, service: Service, record: Record) -> Answer:
        """As ListServiceDeployments shows it."""
        shown = {"serviceDeploymentArn": record.arn, "serviceArn": service.arn, "status": record.status}
        times = {"createdAt": record.created, "startedAt": record.created}
        done = {} if record.finished is None else {"finishedAt": record.finished}
        return {**shown, **times, **done, "clusterArn": self.known.cluster(service)}

    def full(self, service: Service, record: Record) -> Answer:
        """As DescribeServiceDeployments shows it."""
        rollback = {} if record.rollback is None else {"rollback": dict(record.rollback)}
        return {**self.brief(service, record), **rollback}

    # Application Auto Scaling

    def given_target(self, thing: Thing) -> None:
        """A scalable target of a service."""
        only(thing, "scalable_target", "minimum", "maximum")
        self.targets[f"service/{thing['scalable_target']}"] = {
            "ServiceNamespace": "ecs",
            "ResourceId": f"service/{thing['scalable_target']}",
            "ScalableDimension": "ecs:service:DesiredCount",
            "MinCapacity": thing["minimum"],
            "MaxCapacity": thing["maximum"],
            "RoleARN": f"arn:aws:iam::{self.world.account}:role/aws-service-role/ecs.application-autoscaling",
            "CreationTime": self.world.now,
        }

    def describe_targets(self, request: Request) -> Answer:
        """Those that are asked for and there."""
        if request["ServiceNamespace"] != "ecs" or "ResourceIds" not in request:
            raise Unknown(f"DescribeScalableTargets with {request}")
        found = [self.targets[each] for each in request["ResourceIds"] if each in self.targets]
        return {"ScalableTargets": [dict(each) for each in found]}

    def register_target(self, request: Request) -> Answer:
        """What is left out stays; a minimum above the desired count scales out ("RegisterScalableTarget")."""
        only(request, "ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity")
        target = self.targets.get(request["ResourceId"])
        if target is None:
            raise ApiError("ValidationException", "MinCapacity and MaxCapacity are needed for a new scalable target")
        target.update({key: request[key] for key in ("MinCapacity", "MaxCapacity") if key in request})
        _, cluster, name = request["ResourceId"].split("/")
        service = self.known.service(cluster, name)
        service.desired = min(max(service.desired, target["MinCapacity"]), target["MaxCapacity"])
        self.known.look(service)
        return {"ScalableTargetARN": self.world.arn("application-autoscaling", "scalable-target/0ec5")}
