"""RDS instances: their status, what a restart or failover mends, and what RDS mends itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing, Unknown
from behaviours.rds_common import one_of, read, resource_id, seconds, tell
from behaviours.rds_status import CLOSED, HOSTLESS, OPEN, Engine
from moto.rds.models import rds_backends
from world import World

# The page "Rebooting a DB instance" names no time: the engine stops and starts.
REBOOT = 60
# RDS user guide, "Failing over a Multi-AZ DB instance": 60 to 120 seconds.
FAILOVER = 90
# RDS-EVENT-0020: recovery without a standby takes as long as the data needs. AWS names no times; these are plausible.
RECOVERY = 600
STOP = 180
# RDS-EVENT-0034: a failover is not repeated when one "recently occurred".
RECENT = timedelta(minutes=10)
# The logs are uploaded every five minutes (RDS user guide, "Restoring a DB instance to a specified time").
LOGS = 300
MENDS = ("reboot", "failover", "never")


class DatabaseInstances(Behaviour):
    """Instances outside and inside of clusters."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.backend = rds_backends[world.account][world.region]
        # By resource id, which stays when an instance is renamed.
        self.engines: dict[str, Engine] = {}
        self.givens = {"db-instance": self.given}
        self.ailments = {"db-instance": self.ail}
        self.apis = {
            "rds:RebootDBInstance": self.reboot,
            "rds:StopDBInstance": self.stop,
            "rds:StartDBInstance": self.start,
        }
        self.after = {"rds:DescribeDBInstances": self.describe}

    # For scenarios and the other behaviours of RDS

    def given(self, thing: Thing) -> None:
        """An instance that has been there for long."""
        options = {"engine": "mysql", "class": "db.m6g.large", "multi-az": False, "backup-days": 7, "tags": {}}
        said = read(thing, ("db-instance",), {**options, "parameters": "in-sync", "replica-of": None})
        if said["replica-of"]:
            self.world.client("rds").create_db_instance_read_replica(
                DBInstanceIdentifier=said["db-instance"], SourceDBInstanceIdentifier=said["replica-of"]
            )
        else:
            self.create(
                said["db-instance"],
                Engine=said["engine"],
                DBInstanceClass=said["class"],
                MultiAZ=said["multi-az"],
                BackupRetentionPeriod=said["backup-days"],
                DBSubnetGroupName=self.subnets(),
                Tags=[{"Key": key, "Value": value} for key, value in said["tags"].items()],
            )
        self.engine(said["db-instance"]).parameters = said["parameters"]

    def create(self, name: str, **values: Any) -> Engine:
        """An instance in moto, with a resource id of its own."""
        if "DBClusterIdentifier" not in values:
            values = {"AllocatedStorage": 100, "MasterUsername": "root", "MasterUserPassword": "rehearsed", **values}
            versions = {"mysql": "8.0.36", "mariadb": "10.11.8", "postgres": "16.3"}
            values.setdefault("EngineVersion", versions.get(values["Engine"], "15.00.4365.2.v1"))
        self.world.client("rds").create_db_instance(DBInstanceIdentifier=name, PubliclyAccessible=False, **values)
        database = self.backend.databases[name]
        database.dbi_resource_id = resource_id(self.world, "db-")
        return self.engines.setdefault(database.dbi_resource_id, Engine())

    def subnets(self) -> str:
        """The subnet group of all databases."""
        if "rehearsed" not in self.backend.subnet_groups:
            subnets = self.world.client("ec2").describe_subnets()["Subnets"]
            self.world.client("rds").create_db_subnet_group(
                DBSubnetGroupName="rehearsed",
                DBSubnetGroupDescription="rehearsed",
                SubnetIds=[each["SubnetId"] for each in subnets][:3],
            )
        return "rehearsed"

    def find(self, name: str) -> Any:
        """moto's instance, or the API's own error."""
        if name not in self.backend.databases:
            raise ApiError("DBInstanceNotFound", f"DBInstance {name} not found.")
        return self.backend.databases[name]

    def engine(self, name: str) -> Engine:
        """What the API does not show of an instance."""
        return self.engines.setdefault(self.find(name).dbi_resource_id, Engine())

    def lets_in(self, name: str) -> bool:
        """Whether a login with the right password gets an answer."""
        known = name in self.backend.databases
        return known and self.find(name).status in OPEN and not self.engine(name).refuses

    def change(
        self, name: str, status: str, lasts: float | None = None, then: Callable[[], None] | None = None
    ) -> None:
        """A status, after which the instance is available and `then` is done, unless another has overtaken it."""
        database, engine = self.find(name), self.engine(name)
        database.status, engine.changes = status, engine.changes + 1
        began = engine.changes

        def end() -> None:
            if engine.changes == began:
                database.status = "available"
                if then:
                    then()

        if lasts is not None:
            self.world.after(lasts, end)

    def need(self, name: str, *statuses: str) -> Any:
        """The instance, in a status in which RDS takes the call."""
        if self.find(name).status not in statuses:
            raise ApiError("InvalidDBInstanceState", f"Instance {name} is not in {' or '.join(statuses)} state.")
        return self.find(name)

    def show(self, name: str) -> Answer:
        """The instance as calls that change one answer it."""
        answer = self.world.client("rds").describe_db_instances(DBInstanceIdentifier=name)
        self.describe({}, answer)
        return {"DBInstance": answer["DBInstances"][0]}

    # Ailments

    def ail(self, thing: Thing) -> None:
        """One of `logins: fail` until a call mends it, `host: lost`, `status: …`, `data: corrupt` and the like."""
        kinds = dict.fromkeys(("logins", "host", "status", "data", "parameters", "metrics"))
        said = read(thing, ("id",), {**kinds, "until": None, "for": None, "recovery": "0s"})
        if sum(said[kind] is not None for kind in kinds) != 1:
            raise Unknown(f"{thing}: one of {', '.join(kinds)}")
        name, engine = said["id"], self.engine(said["id"])
        lasts = seconds(said["for"]) if said["for"] else None
        if said["logins"]:
            one_of("logins", said["logins"], ("fail",))
            engine.refuses = one_of("until", said["until"] or ("never" if lasts else None), MENDS)
            engine.recovery = seconds(said["recovery"])
            if lasts:
                self.world.after(lasts, lambda: setattr(engine, "refuses", ""))
        elif said["host"]:
            one_of("host", said["host"], ("lost",))
            engine.recovery = seconds(said["recovery"])
            self.lose_host(name)
        elif said["status"]:
            self.change(name, one_of("status", said["status"], (*OPEN, *CLOSED, *HOSTLESS)), lasts)
            if said["status"] == "failed":
                engine.failed = self.world.now
                tell(self.world, "db", name, "RDS-EVENT-0031", "failed")
            elif said["status"] == "storage-full":
                tell(self.world, "db", name, "RDS-EVENT-0221")
        elif said["data"]:
            one_of("data", said["data"], ("corrupt",))
            engine.corrupt_since = self.world.now
        elif said["metrics"]:
            one_of("metrics", said["metrics"], ("missing",))
            engine.unmeasured = True
            if lasts:
                self.world.after(lasts, lambda: setattr(engine, "unmeasured", False))
        else:
            engine.parameters = one_of("parameters", said["parameters"], ("in-sync", "pending-reboot", "applying"))

    def lose_host(self, name: str) -> None:
        """RDS fails over to a standby by itself; without one it recovers the instance, with its storage."""
        engine = self.engine(name)
        if self.find(name).multi_az:
            self.fail_over(name)
            return
        engine.lost_host = True
        tell(self.world, "db", name, "RDS-EVENT-0020")

        def recovered() -> None:
            engine.lost_host, engine.refuses = False, ""
            tell(self.world, "db", name, "RDS-EVENT-0021")

        self.change(name, "rebooting", RECOVERY + engine.recovery, recovered)
        engine.recovery = 0

    def fail_over(self, name: str) -> None:
        """To the standby, which becomes the primary: another host in another zone."""
        database, engine = self.find(name), self.engine(name)
        tell(self.world, "db", name, "RDS-EVENT-0013")

        def done() -> None:
            engine.failed_over = self.world.now
            if engine.refuses in ("reboot", "failover"):
                engine.refuses = ""
            zone = "b" if database.availability_zone.endswith("a") else "a"
            database.availability_zone = self.world.region + zone
            tell(self.world, "db", name, "RDS-EVENT-0006")
            tell(self.world, "db", name, "RDS-EVENT-0049")

        self.change(name, "rebooting", FAILOVER + engine.recovery, done)
        engine.recovery = 0

    # APIs

    def reboot(self, request: Request) -> Answer:
        """RDS user guide, "Rebooting a DB instance": an available one, with a failover only to a standby."""
        name, force = request["DBInstanceIdentifier"], request.get("ForceFailover", False)
        database, engine = self.need(name, "available"), self.engine(name)
        if force and not database.multi_az:
            raise ApiError("InvalidParameterCombination", "Cannot force failover: it is not Multi-AZ.")
        if force and engine.failed_over and self.world.now - engine.failed_over < RECENT:
            tell(self.world, "db", name, "RDS-EVENT-0034")
            return self.show(name)
        # "To apply the latest parameter changes to your DB instance, reboot the DB instance manually."
        engine.parameters = "in-sync"
        if force:
            self.fail_over(name)
            return self.show(name)

        def done() -> None:
            if engine.refuses == "reboot":
                engine.refuses = ""
            tell(self.world, "db", name, "RDS-EVENT-0006")

        tell(self.world, "db", name, "RDS-EVENT-0004")
        self.change(name, "rebooting", REBOOT + engine.recovery, done)
        engine.recovery = 0
        return self.show(name)

    def stop(self, request: Request) -> Answer:
        """RDS user guide, "Stopping an Amazon RDS DB instance temporarily"."""
        name = request["DBInstanceIdentifier"]
        self.need(name, "available")

        def done() -> None:
            self.change(name, "stopped")
            tell(self.world, "db", name, "RDS-EVENT-0087")

        self.change(name, "stopping", STOP, done)
        return self.show(name)

    def start(self, request: Request) -> Answer:
        """RDS user guide, "Starting an Amazon RDS DB instance that was previously stopped"."""
        name = request["DBInstanceIdentifier"]
        self.need(name, "stopped")
        self.change(name, "starting", STOP, lambda: tell(self.world, "db", name, "RDS-EVENT-0088"))
        return self.show(name)

    def describe(self, request: Request, answer: Answer) -> None:
        """What moto shows as if every instance were well."""
        for shown in answer["DBInstances"]:
            engine = self.engine(shown["DBInstanceIdentifier"])
            for group in shown.get("DBParameterGroups", []):
                group["ParameterApplyStatus"] = engine.parameters
            if shown.get("BackupRetentionPeriod"):
                shown["LatestRestorableTime"] = self.latest(engine)
            else:
                shown.pop("LatestRestorableTime", None)

    def latest(self, engine: Engine) -> datetime:
        """The end of the last log that was uploaded."""
        end = engine.failed or self.world.now
        return end - timedelta(seconds=end.timestamp() % LOGS)

    def metrics(self) -> Iterator[Datapoint]:
        """Every minute, as long as there is a host (RDS user guide, "Amazon CloudWatch metrics for Amazon RDS")."""
        for name, database in self.backend.databases.items():
            engine = self.engine(name)
            if database.status not in HOSTLESS and not engine.lost_host and not engine.unmeasured:
                yield Datapoint("AWS/RDS", "CPUUtilization", {"DBInstanceIdentifier": name}, (20.0,))
