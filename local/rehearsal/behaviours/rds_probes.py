"""What hosts say of a database: the agents' probes, and the integrity job of its owners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from behaviour import Behaviour, Datapoint, Thing, Unknown
from behaviours.aurora_clusters import AuroraClusters
from behaviours.rds_common import read, seconds
from behaviours.rds_instances import DatabaseInstances
from world import World


@dataclass
class Probe:
    """The agents of one rule, which log in to one database every minute."""

    dimensions: dict[str, str]
    database: str
    cluster: bool
    hosts: int
    # Hosts with a trouble of their own.
    cut_off: int = 0
    silent: bool = False


@dataclass
class Job:
    """A job that reads the whole database, and writes down when it last found it sound."""

    dimensions: dict[str, str]
    database: str
    every: int
    last_good: str
    begun: datetime


class DatabaseProbes(Behaviour):
    """The namespace Healing/Agent, as far as it is about databases."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.probes: dict[str, Probe] = {}
        self.jobs: list[Job] = []
        self.givens = {"db-probe": self.probe, "integrity-job": self.job}
        self.ailments = {"db-probe": self.ail}

    def probe(self, thing: Thing) -> None:
        """The agents probe the instance or the cluster `db-probe` for a rule."""
        said = read(thing, ("db-probe", "stack", "rule"), {"hosts": 2, "cluster": False})
        if said["hosts"] < 2:
            raise Unknown("a probe from one host: the rule needs two at least")
        name = "DBClusterIdentifier" if said["cluster"] else "DBInstanceIdentifier"
        dimensions = {"Stack": said["stack"], "Rule": said["rule"], name: said["db-probe"]}
        self.probes[said["db-probe"]] = Probe(dimensions, said["db-probe"], said["cluster"], said["hosts"])

    def job(self, thing: Thing) -> None:
        """The owners' job reads the instance `integrity-job` in the first minute and then by `every`."""
        said = read(thing, ("integrity-job", "stack", "rule", "last-good"), {"every": "5m"})
        dimensions = {"Stack": said["stack"], "Rule": said["rule"], "DBInstanceIdentifier": said["integrity-job"]}
        every = seconds(said["every"]) // 60
        self.jobs.append(Job(dimensions, said["integrity-job"], every, said["last-good"], self.world.now))

    def ail(self, thing: Thing) -> None:
        """`hosts: 1` of the probe `id` have a broken network, or `silent: true`; both `for` a while or from here on."""
        said = read(thing, ("id",), {"hosts": 0, "silent": False, "for": None})
        if said["id"] not in self.probes:
            raise Unknown(f"the probe of {said['id']}; known: {', '.join(self.probes)}")
        probe = self.probes[said["id"]]
        probe.cut_off, probe.silent = said["hosts"], said["silent"]

        def well() -> None:
            probe.cut_off, probe.silent = 0, False

        if said["for"]:
            self.world.after(seconds(said["for"]), well)

    def metrics(self) -> Iterator[Datapoint]:
        """One sample a host, so that the least of them is what all see."""
        instances: DatabaseInstances = self.world.behaviour(DatabaseInstances)
        clusters: AuroraClusters = self.world.behaviour(AuroraClusters)
        for probe in self.probes.values():
            well = clusters.lets_in(probe.database) if probe.cluster else instances.lets_in(probe.database)
            failed = [1.0 if index < probe.cut_off or not well else 0.0 for index in range(probe.hosts)]
            if not probe.silent:
                yield Datapoint("Healing/Agent", "DbProbeFailed", probe.dimensions, tuple(failed))
        for job in self.jobs:
            minute = round((self.world.now - job.begun).total_seconds()) // 60
            if minute >= 1 and (minute - 1) % job.every == 0 and instances.lets_in(job.database):
                yield self.read(job, instances.engine(job.database).corrupt_since is not None)

    def read(self, job: Job, corrupt: bool) -> Datapoint:
        """One run of the job."""
        if not corrupt:
            self.world.client("ssm").put_parameter(
                Name=job.last_good,
                Value=self.world.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                Type="String",
                Overwrite=True,
            )
        return Datapoint("Healing/Agent", "DbIntegrityFailed", job.dimensions, (1.0 if corrupt else 0.0,))
