"""What the ECS scheduler knows of a service, and what it does each time it looks: it starts and stops tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

# How often the scheduler is shown to look. AWS names no interval; its reactions are seen within a minute.
TICK = 20
# From PENDING to RUNNING. AWS names no time; an image of some hundred megabytes on Fargate takes about this long.
START = 40
# ECS developer guide, "Amazon ECS service throttle logic": at most 27 minutes between attempts. It does not name the
# steps on the way.
LONGEST_WAIT = 27 * 60
# "How CloudWatch alarms detect Amazon ECS deployment failures", Bake time: less than 5 minutes by default.
BAKE = 240


@dataclass
class Fault:
    """Why tasks do not run: of one deployment, of one task definition, or (neither) of whatever the service starts."""

    # `start`: they end before RUNNING; `crash`: some seconds after it; `slow`: they take `start` seconds until RUNNING.
    kind: str
    # Tasks that cannot run; None is all of them.
    count: int | None = None
    deployment: str | None = None
    definition: str | None = None
    start: int = START


@dataclass
class Deployment:
    """What DescribeServices shows as a deployment, and the service deployment (the record of its rollout) behind it."""

    id: str
    definition: str
    created: datetime
    record: Record
    rollout: str = "IN_PROGRESS"
    reason: str = ""
    running: int = 0
    # When each pending task began.
    pending: list[datetime] = field(default_factory=list)
    # `failedTasks`, which is not counted any more once a task has run ("Deployment", ECS API reference).
    failed: int = 0
    proven: bool = False
    # Rounds of attempts that failed in a row before RUNNING, and when the scheduler tries again.
    attempts: int = 0
    retry: datetime | None = None
    # Since when all of its tasks run and no other's.
    steady: datetime | None = None


@dataclass
class Record:
    """A service deployment ("View service history using Amazon ECS service deployments")."""

    arn: str
    created: datetime
    status: str = "IN_PROGRESS"
    status_reason: str = ""
    finished: datetime | None = None
    rollback: dict[str, Any] | None = None


@dataclass
class Service:
    """A service of rolling deployments. The first deployment is the PRIMARY one."""

    name: str
    cluster: str
    arn: str
    desired: int
    configuration: dict[str, Any]
    deployments: list[Deployment] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    # What last reached COMPLETED, which a rollback returns to.
    good: str = ""
    insights: bool = True
    ticking: bool = False

    @property
    def primary(self) -> Deployment:
        """The most recent one."""
        return self.deployments[0]

    @property
    def running(self) -> int:
        """Tasks of all deployments."""
        return sum(each.running for each in self.deployments)

    @property
    def pending(self) -> int:
        """Tasks of all deployments."""
        return sum(len(each.pending) for each in self.deployments)

    def hits(self, deployment: Deployment) -> list[Fault]:
        """The faults of one deployment's tasks."""
        return [
            each
            for each in self.faults
            if each.deployment in (None, deployment.id) and each.definition in (None, deployment.definition)
        ]

    def able(self, deployment: Deployment) -> int:
        """How many of its tasks can run, when what the whole service lacks is lacked by the others too."""
        limits = [self.desired]
        for each in self.hits(deployment):
            if each.kind != "slow":
                others = 0 if each.deployment or each.definition else self.running - deployment.running
                limits.append(0 if each.count is None else self.desired - each.count - others)
        return max(0, min(limits))

    def bounds(self) -> tuple[int, int]:
        """The least and the most tasks during a deployment, rounded up and down ("Deploy … by replacing tasks")."""
        least = -(-self.desired * self.configuration["minimumHealthyPercent"] // 100)
        return least, self.desired * self.configuration["maximumPercent"] // 100

    def threshold(self) -> int:
        """Failed tasks at which the circuit breaker fails a deployment: half of the tasks, from 3 to 200."""
        return min(200, max(3, -(-self.desired // 2)))

    def bake(self) -> int:
        """Seconds between the steady state and COMPLETED: a rollback by alarms waits for them."""
        if not self.configuration.get("alarms", {}).get("enable"):
            return 0
        return 60 * self.configuration.get("bakeTimeInMinutes", 0) or BAKE


def started(service: Service, deployment: Deployment, now: datetime) -> bool:
    """Pending tasks run or end. Whether an attempt failed so often in a row that the scheduler waits longer now."""
    hits = service.hits(deployment)
    start = max((each.start for each in hits if each.kind == "slow"), default=START)
    due = [each for each in deployment.pending if now >= each + timedelta(seconds=start)]
    impaired = False
    for each in due:
        deployment.pending.remove(each)
        if deployment.running < service.able(deployment):
            deployment.running += 1
            deployment.failed, deployment.proven, deployment.attempts = 0, True, 0
        elif any(each.kind == "crash" for each in hits):
            # Seconds in RUNNING are too few for a metric of each minute to count, but they end the count of failures.
            deployment.failed, deployment.proven = 0, True
        else:
            deployment.failed += 0 if deployment.proven else 1
            impaired = True
    if impaired:
        deployment.attempts += 1
    return impaired and waits(deployment, now)


def waits(deployment: Deployment, now: datetime) -> bool:
    """Longer and longer from the third failure on ("Amazon ECS service throttle logic")."""
    if deployment.attempts < 3:
        return False
    doubled = 60 * 2 ** min(10, deployment.attempts - 3)
    deployment.retry = now + timedelta(seconds=min(LONGEST_WAIT, doubled))
    return True


def replaced(service: Service, now: datetime) -> None:
    """The scheduler starts tasks of the PRIMARY deployment, and stops others within the bounds."""
    primary, others = service.primary, service.deployments[1:]
    least, most = service.bounds()
    wanted = service.desired - primary.running - len(primary.pending)
    if primary.rollout != "FAILED" and (primary.retry is None or now >= primary.retry):
        if others:
            room = most - service.running - service.pending
            stop(others, min(wanted - room, service.running - least))
            wanted = min(wanted, most - service.running - service.pending)
        primary.pending += [now] * max(0, wanted)
    if wanted < 0:
        primary.running = min(primary.running, service.desired)
        primary.pending = primary.pending[: service.desired - primary.running]
    stop(others, service.running - max(least, service.desired))


def stop(deployments: list[Deployment], number: int) -> None:
    """Stops running tasks, of the oldest deployment first."""
    for each in reversed(deployments):
        taken = max(0, min(number, each.running))
        each.running -= taken
        number -= taken
