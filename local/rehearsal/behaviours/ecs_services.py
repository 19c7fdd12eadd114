"""ECS services with rolling deployments: their scheduler, deployments, rollbacks, events and Container Insights.

moto keeps no tasks of a service and drops its deployment configuration, so ECS is answered here. Health checks of
running tasks are not part of it: a task that would fail one is one that crashes.

Given: `{ecs_service: web, cluster: checkout, desired: 3}`; also `definition: web:7`, `minimum: 100`, `maximum: 200`
(percent), `circuit_breaker: off | on | rollback`, `configuration: {…}` (more of a DeploymentConfiguration, which is
`alarms` and `bakeTimeInMinutes`), `insights: false` (no Container Insights). Its tasks run, its deployment is complete.

Ailments:
- `{ail: service-tasks, cluster: checkout, service: web, until: deployment}`: tasks end and cannot be started again.
  With `until: deployment` the deployment is at fault (what its image digests name is gone; a new one resolves them
  anew), with `never` whatever the tasks need, with `for: 6m` that too, but it comes back. `count: 1` of them, or all.
- `{ail: task-definition, definition: web:8, fails: start}`: what somebody deploys next. `start`: tasks end before they
  run; `crash`: soon after; `slow`: they take `start: 12m`. Mended by tasks of another definition.
"""

from __future__ import annotations

from collections.abc import Iterator

from behaviour import Behaviour, Datapoint, Thing, Unknown
from durations import seconds
from things import only
from world import World

from behaviours.ecs_state import TICK, Deployment, Fault, Record, Service, replaced, started

BREAKERS = {
    "off": {"enable": False, "rollback": False},
    "on": {"enable": True, "rollback": False},
    "rollback": {"enable": True, "rollback": True},
}


class EcsServices(Behaviour):
    """Services and what their scheduler does."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.services: dict[str, Service] = {}
        self.made = 0
        self.givens = {"ecs_service": self.given}
        self.ailments = {"service-tasks": self.ail_tasks, "task-definition": self.ail_definition}
        # Faults of definitions that nobody deploys yet hit whatever service deploys them.
        self.definitions: list[Fault] = []

    def given(self, thing: Thing) -> None:
        """A service in its steady state."""
        known = ("ecs_service", "cluster", "desired", "definition", "minimum", "maximum", "circuit_breaker", "insights")
        only(thing, *known, "configuration")
        name, cluster = thing["ecs_service"], thing["cluster"]
        configuration = {
            "deploymentCircuitBreaker": dict(BREAKERS[thing.get("circuit_breaker", "off")]),
            "minimumHealthyPercent": thing.get("minimum", 100),
            "maximumPercent": thing.get("maximum", 200),
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
            **thing.get("configuration", {}),
        }
        arn = self.world.arn("ecs", f"service/{cluster}/{name}")
        service = Service(name, cluster, arn, thing["desired"], configuration, insights=thing.get("insights", True))
        service.faults = list(self.definitions)
        self.services[f"{cluster}/{name}"] = service
        first = self.deployment(thing.get("definition", f"{name}:7"), self.record(service))
        first.running, first.proven, first.rollout = service.desired, True, "COMPLETED"
        first.record.status, first.record.finished = "SUCCESSFUL", self.world.now
        service.good, service.deployments = first.definition, [first]

    # Ailments

    def ail_tasks(self, thing: Thing) -> None:
        """Tasks end, and what replaces them does too."""
        only(thing, "ail", "cluster", "service", "until", "for", "count")
        service = self.service(thing["cluster"], thing["service"])
        until = thing.get("until", "for" if "for" in thing else "")
        if until not in ("deployment", "never", "for"):
            raise Unknown(f"`until: {until}` of service-tasks; known: deployment, never; or `for`")
        fault = Fault("start", thing.get("count"), service.primary.id if until == "deployment" else None)
        self.hit(service, fault)
        if "for" in thing:
            self.world.after(seconds(thing["for"]), lambda: service.faults.remove(fault))

    def ail_definition(self, thing: Thing) -> None:
        """A definition whose tasks do not run, or not soon."""
        only(thing, "ail", "definition", "fails", "start")
        if thing["fails"] not in ("start", "crash", "slow"):
            raise Unknown(f"`fails: {thing['fails']}` of task-definition; known: start, crash, slow")
        fault = Fault(thing["fails"], definition=thing["definition"], start=seconds(thing.get("start", "40s")))
        self.definitions.append(fault)
        for each in self.services.values():
            self.hit(each, fault)

    def hit(self, service: Service, fault: Fault) -> None:
        """Tasks that run and may not end at once."""
        service.faults.append(fault)
        for each in service.deployments:
            each.running = min(each.running, service.able(each))
        self.look(service)

    # For the API

    def service(self, cluster: str, name: str) -> Service:
        """By name."""
        if f"{cluster}/{name}" not in self.services:
            raise Unknown(f"the service {cluster}/{name}; it must be given first")
        return self.services[f"{cluster}/{name}"]

    def deployment(self, definition: str, record: Record) -> Deployment:
        """A new one, which has no tasks yet."""
        self.made += 1
        return Deployment(f"ecs-svc/{self.made:019d}", definition, self.world.now, record)

    def record(self, service: Service) -> Record:
        """A new service deployment. It stops one that goes on ("Service deployment states", STOP_REQUESTED)."""
        for each in service.records:
            if each.finished is None:
                each.status, each.finished = "STOPPED", self.world.now
        arn = self.world.arn("ecs", f"service-deployment/{service.cluster}/{service.name}/{self.made:021x}")
        service.records.insert(0, Record(arn, self.world.now))
        return service.records[0]

    def begin(self, service: Service, definition: str) -> None:
        """A new PRIMARY deployment."""
        made = self.deployment(definition, self.record(service))
        service.deployments.insert(0, made)
        self.tell(service, made, "INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS", f"ECS deployment {made.id} in progress.")
        self.look(service)

    def roll_back(self, service: Service, reason: str) -> None:
        """To what was last complete, with the same record ("How the … circuit breaker detects failures"). The event's
        reason is documented for the circuit breaker alone."""
        failed = service.primary
        failed.rollout, failed.pending = "FAILED", []
        failed.record.status = "ROLLBACK_IN_PROGRESS"
        failed.record.rollback = {"reason": reason, "startedAt": self.world.now}
        made = self.deployment(service.good, failed.record)
        # What still runs of the revision that it returns to is its own already.
        for each in service.deployments[1:]:
            if each.definition == made.definition:
                made.running, each.running, made.proven = made.running + each.running, 0, True
        service.deployments.insert(0, made)
        told = f"ECS deployment circuit breaker: rolling back to deploymentId {made.id}."
        self.tell(service, made, "INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS", told)
        self.look(service)

    def look(self, service: Service) -> None:
        """Has the scheduler look, and look again until there is nothing left to do."""
        if not service.ticking:
            service.ticking = True
            self.world.after(TICK, lambda: self.tick(service))

    def tick(self, service: Service) -> None:
        """What the scheduler sees and does."""
        service.ticking = False
        primary, now = service.primary, self.world.now
        if started(service, primary, now):
            detail = {"eventType": "WARN", "eventName": "SERVICE_TASK_START_IMPAIRED", "createdAt": now}
            where = {"clusterArn": self.cluster(service)}
            self.world.emit("aws.ecs", "ECS Service Action", {**detail, **where}, [service.arn])
        breaker = service.configuration["deploymentCircuitBreaker"]
        if primary.rollout == "IN_PROGRESS" and breaker["enable"] and primary.failed >= service.threshold():
            self.failed(service, primary, rollback=breaker["rollback"])
        replaced(service, now)
        done = primary.running == service.desired and not any(each.running for each in service.deployments[1:])
        primary.steady = (primary.steady or now) if done else None
        baked = done and primary.steady and (now - primary.steady).total_seconds() >= service.bake()
        if baked and primary.rollout == "IN_PROGRESS":
            self.complete(service, primary)
        if not done or primary.rollout == "IN_PROGRESS":
            self.look(service)

    def failed(self, service: Service, deployment: Deployment, *, rollback: bool) -> None:
        """The circuit breaker's word. A failed deployment starts no tasks any more."""
        deployment.rollout, deployment.pending = "FAILED", []
        told = "ECS deployment circuit breaker: tasks failed to start."
        deployment.reason = told
        self.tell(service, deployment, "ERROR", "SERVICE_DEPLOYMENT_FAILED", told)
        record = deployment.record
        if rollback and record.rollback is None:
            self.roll_back(service, told)
        else:
            record.status = "STOPPED" if record.rollback is None else "ROLLBACK_FAILED"
            record.finished = self.world.now

    def complete(self, service: Service, deployment: Deployment) -> None:
        """The steady state."""
        deployment.rollout, deployment.reason = "COMPLETED", f"ECS deployment {deployment.id} completed."
        service.good, service.deployments = deployment.definition, [deployment]
        deployment.record.status = "ROLLBACK_SUCCESSFUL" if deployment.record.rollback else "SUCCESSFUL"
        deployment.record.finished = self.world.now
        self.tell(service, deployment, "INFO", "SERVICE_DEPLOYMENT_COMPLETED", deployment.reason)

    def cluster(self, service: Service) -> str:
        """The ARN of a service's cluster."""
        return self.world.arn("ecs", f"cluster/{service.cluster}")

    def tell(self, service: Service, deployment: Deployment, kind: str, name: str, reason: str) -> None:
        """ "Amazon ECS service deployment state change events"."""
        detail = {"eventType": kind, "eventName": name, "deploymentId": deployment.id, "updatedAt": self.world.now}
        self.world.emit("aws.ecs", "ECS Deployment State Change", {**detail, "reason": reason}, [service.arn])

    def metrics(self) -> Iterator[Datapoint]:
        """ "Amazon ECS Container Insights metrics"."""
        for each in self.services.values():
            place = {"ClusterName": each.cluster, "ServiceName": each.name}
            if each.insights:
                yield Datapoint("ECS/ContainerInsights", "DesiredTaskCount", place, (each.desired,))
                yield Datapoint("ECS/ContainerInsights", "RunningTaskCount", place, (each.running,))
