"""Aurora clusters: who writes, and failovers, both Aurora's own and those that somebody asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing, Unknown
from behaviours.rds_common import one_of, read, seconds, tell
from behaviours.rds_instances import DatabaseInstances
from moto.rds.models import rds_backends
from world import World

# Aurora user guide, "Viewing DB cluster status"; the API writes them in small letters.
OPEN = ("available", "backing-up", "modifying", "storage-optimization")
STATUSES = (
    *(*OPEN, "backtracking", "failing-over", "inaccessible-encryption-credentials", "maintenance"),
    *("renaming", "starting", "stopped", "stopping", "upgrading", "upgrade-failed"),
)
# Aurora user guide, "High availability for Amazon Aurora": typically less than 60 seconds, often less than 30.
FAILOVER = 30
# Until the status says so after the call; AWS names no time.
NOTICED = 10
# The same page: without a reader the writer is made anew, typically in less than 10 minutes.
RECREATION = 480
# Failed logins a second of an application that tries again and again: plausible, and above the rules' default of 1.
RATE = 5.0


class AuroraClusters(Behaviour):
    """Clusters, with members that are instances."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.backend = rds_backends[world.account][world.region]
        # Whether a failover mends what keeps people out, by cluster: `refuses` of the writer does.
        self.out: dict[str, str] = {}
        self.passwords: dict[str, bool] = {}
        # Seconds that failovers take, where they are slow.
        self.slow: dict[str, int] = {}
        # Changes of status, by cluster, as those of instances.
        self.changes: dict[str, int] = {}
        self.givens = {"db-cluster": self.given}
        self.ailments = {"db-cluster": self.ail, "db-member": self.ail_member, "db-failover": self.ail_failover}
        self.apis = {
            "rds:FailoverDBCluster": self.fail_over,
            "rds:StopDBCluster": self.stop,
        }
        self.after = {"rds:DescribeDBClusters": self.describe}

    @property
    def instances(self) -> DatabaseInstances:
        """Where the members are kept."""
        found: DatabaseInstances = self.world.behaviour(DatabaseInstances)
        return found

    def given(self, thing: Thing) -> None:
        """A cluster and its members, in the order of the API. The first writes unless another is named."""
        said = read(thing, ("db-cluster", "members"), {"engine": "aurora-mysql", "writer": None, "backup-days": 7})
        name = said["db-cluster"]
        self.world.client("rds").create_db_cluster(
            DBClusterIdentifier=name,
            Engine=said["engine"],
            MasterUsername="root",
            MasterUserPassword="rehearsed",
            DBSubnetGroupName=self.instances.subnets(),
            BackupRetentionPeriod=said["backup-days"],
        )
        for each in said["members"]:
            member = read(each, ("id",), {"zone": "a", "tier": 1, "class": "db.r6g.large"})
            self.instances.create(
                member["id"],
                Engine=said["engine"],
                DBInstanceClass=member["class"],
                DBClusterIdentifier=name,
                AvailabilityZone=self.world.region + member["zone"],
                PromotionTier=member["tier"],
            )
        cluster = self.backend.clusters[name]
        cluster.status, self.changes[name] = "available", 0
        if said["writer"]:
            cluster.failover(self.instances.find(said["writer"]))

    def find(self, name: str) -> Any:
        """moto's cluster, or the API's own error."""
        if name not in self.backend.clusters:
            raise ApiError("DBClusterNotFoundFault", f"DBCluster {name} not found.")
        return self.backend.clusters[name]

    def writer(self, name: str) -> Any:
        """The member that writes; a cluster without one is none of ours."""
        if self.find(name).writer is None:
            raise Unknown(f"the cluster {name}, which has no writer")
        return self.find(name).writer

    def lets_in(self, name: str) -> bool:
        """Whether a login at the cluster's endpoint, with the right password, gets an answer."""
        known = name in self.backend.clusters and self.find(name).status in OPEN and name not in self.out
        return known and self.instances.lets_in(self.writer(name).db_instance_identifier)

    def change(
        self, name: str, status: str, lasts: float | None = None, then: Callable[[], None] | None = None
    ) -> None:
        """As the statuses of instances."""
        cluster = self.find(name)
        cluster.status = status
        self.changes[name] = began = self.changes[name] + 1

        def end() -> None:
            if self.changes[name] == began:
                cluster.status = "available"
                if then:
                    then()

        if lasts is not None:
            self.world.after(lasts, end)

    # Ailments

    def ail(self, thing: Thing) -> None:
        """One of `logins: fail` (or `hang`, which nothing counts), `passwords: wrong`, `writer: lost`, `status: …`."""
        kinds = {"logins": None, "passwords": None, "writer": None, "status": None}
        said = read(thing, ("id",), {**kinds, "until": None, "for": None})
        if sum(said[kind] is not None for kind in kinds) != 1:
            raise Unknown(f"{thing}: one of {', '.join(kinds)}")
        name, lasts = said["id"], seconds(said["for"]) if said["for"] else None
        self.find(name)
        if said["logins"]:
            self.refuse(name, one_of("logins", said["logins"], ("fail", "hang")), said["until"], lasts)
        elif said["passwords"]:
            one_of("passwords", said["passwords"], ("wrong",))
            self.passwords[name] = True
            if lasts:
                self.world.after(lasts, lambda: self.passwords.pop(name))
        elif said["writer"]:
            one_of("writer", said["writer"], ("lost",))
            self.lose_writer(name)
        else:
            self.change(name, one_of("status", said["status"], STATUSES), lasts)

    def refuse(self, name: str, how: str, until: str | None, lasts: int | None) -> None:
        """The writer keeps people out until another member writes; `never`, whoever writes."""
        if one_of("until", until or ("never" if lasts else None), ("failover", "never")) == "never":
            self.out[name] = how
            if lasts:
                self.world.after(lasts, lambda: self.out.pop(name))
            return
        engine = self.instances.engine(self.writer(name).db_instance_identifier)
        # A failover restarts the old writer too (the page on high availability), so it is well as a reader.
        engine.refuses, engine.hung = "failover", how == "hang"

    def ail_member(self, thing: Thing) -> None:
        """A member's `status`, or its cluster's `parameters` on it, `for` a while."""
        said = read(thing, ("id",), {"status": None, "parameters": None, "for": None})
        if said["status"]:
            self.instances.change(said["id"], said["status"], seconds(said["for"]) if said["for"] else None)
        else:
            engine = self.instances.engine(said["id"])
            engine.parameters = one_of("parameters", said["parameters"], ("in-sync", "pending-reboot"))

    def ail_failover(self, thing: Thing) -> None:
        """Failovers of the cluster `id` take `takes` from here on: crash recovery of the new writer is long."""
        said = read(thing, ("id", "takes"), {})
        self.slow[said["id"]] = seconds(said["takes"])

    def lose_writer(self, name: str) -> None:
        """Aurora promotes a reader by itself; without one it makes a new writer."""
        if len(self.find(name).members) > 1:
            self.promote(name, self.choose(name))
            return
        writer = self.writer(name).db_instance_identifier
        self.instances.change(writer, "rebooting", RECREATION)

    # Failovers

    def choose(self, name: str) -> Any:
        """The reader that is available, of the best tier. Sizes break ties; where they are the same, any."""
        members = self.find(name).members
        readers = [each for each in members if not each.is_cluster_writer and each.status == "available"]
        if not readers:
            raise ApiError("InvalidDBClusterStateFault", f"{name} has no reader that is available.")
        return min(readers, key=lambda each: each.promotion_tier)

    def promote(self, name: str, target: Any) -> None:
        """The old writer and the new one restart; the endpoint leads to the new one."""
        cluster, old = self.find(name), self.writer(name)
        new = target.db_instance_identifier
        across = old.availability_zone != target.availability_zone
        tell(self.world, "cluster", name, "RDS-EVENT-0073" if across else "RDS-EVENT-0072", new)

        def done() -> None:
            cluster.failover(target)
            for each in (old, target):
                engine = self.instances.engine(each.db_instance_identifier)
                engine.refuses, engine.hung, engine.parameters = "", False, "in-sync"
                tell(self.world, "db", each.db_instance_identifier, "RDS-EVENT-0006")
            tell(self.world, "cluster", name, "RDS-EVENT-0071", new)

        self.change(name, "failing-over", self.slow.get(name, FAILOVER), done)

    def fail_over(self, request: Request) -> Answer:
        """RDS API reference, FailoverDBCluster. The cluster must be available, and have a reader that is."""
        name = request["DBClusterIdentifier"]
        if self.find(name).status != "available":
            raise ApiError("InvalidDBClusterStateFault", f"DB cluster {name} is not available.")
        target = self.choose(name)
        if request.get("TargetDBInstanceIdentifier", target.db_instance_identifier) != target.db_instance_identifier:
            target = self.instances.need(request["TargetDBInstanceIdentifier"], "available")
        self.world.after(NOTICED, lambda: self.promote(name, target))
        return {"DBCluster": self.show(name)}

    def stop(self, request: Request) -> Answer:
        """Aurora user guide, "Stopping and starting an Amazon Aurora DB cluster". It names no time."""
        name = request["DBClusterIdentifier"]
        if self.find(name).status != "available":
            raise ApiError("InvalidDBClusterStateFault", f"DB cluster {name} is not available.")
        for member in self.find(name).members:
            self.instances.stop({"DBInstanceIdentifier": member.db_instance_identifier})
        self.change(name, "stopping", 180, lambda: self.change(name, "stopped"))
        return {"DBCluster": self.show(name)}

    def show(self, name: str) -> Answer:
        """The cluster as calls that change one answer it."""
        answer = self.world.client("rds").describe_db_clusters(DBClusterIdentifier=name)
        self.describe({}, answer)
        found: Answer = answer["DBClusters"][0]
        return found

    def describe(self, request: Request, answer: Answer) -> None:
        """What moto shows as if every member were well."""
        for shown in answer["DBClusters"]:
            for member in shown["DBClusterMembers"]:
                engine = self.instances.engine(member["DBInstanceIdentifier"])
                member["DBClusterParameterGroupStatus"] = engine.parameters

    def metrics(self) -> Iterator[Datapoint]:
        """Failed logins a second of Aurora MySQL (Aurora user guide, "Amazon CloudWatch metrics for Amazon Aurora")."""
        for name, cluster in self.backend.clusters.items():
            if cluster.engine != "aurora-mysql" or cluster.status in ("stopped", "starting"):
                continue
            writer = self.instances.engine(self.writer(name).db_instance_identifier)
            failing = self.passwords.get(name) or self.out.get(name) == "fail" or (writer.refuses and not writer.hung)
            dimensions = {"DBClusterIdentifier": name, "Role": "WRITER"}
            yield Datapoint("AWS/RDS", "LoginFailures", dimensions, (RATE if failing else 0.0,))
