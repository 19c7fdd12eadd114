"""Point-in-time restores, new names of instances, and the people and hosts that judge a restored copy."""

from __future__ import annotations

from datetime import timedelta

from behaviour import Answer, ApiError, Behaviour, Request, Thing, Unknown
from behaviours.rds_common import moment, one_of, read, seconds, tell
from behaviours.rds_instances import DatabaseInstances
from behaviours.rds_status import Engine
from world import World

# RDS user guide, "Restoring a DB instance to a specified time": creating, backing-up, available. It names no times.
CREATING = 1200
BACKING_UP = 600
# RDS user guide, "Renaming a DB instance": it is rebooted, and the new name is in effect after "about 10 minutes".
# When DescribeDBInstances shows the new name is said nowhere.
NEW_NAME = 60
IN_EFFECT = 540
# What a restore takes from its source or from the request, as CreateDBInstance names it.
TAKEN = (
    *("DBInstanceClass", "DBSubnetGroupName", "VpcSecurityGroupIds", "DBParameterGroupName", "OptionGroupName"),
    *("MultiAZ", "EnableIAMDatabaseAuthentication", "AutoMinorVersionUpgrade", "CopyTagsToSnapshot"),
    "DeletionProtection",
)
IGNORED = ("SourceDBInstanceIdentifier", "TargetDBInstanceIdentifier", "RestoreTime", "UseLatestRestorableTime")


class DatabaseRestores(Behaviour):
    """What becomes of a copy."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        # How the restores of an instance end, by its name.
        self.ends: dict[str, str] = {}
        # Seconds that a verification takes, by document.
        self.verifications: dict[str, int] = {}
        self.givens = {"verify-document": self.verifier}
        self.ailments = {"db-restore": self.ail, "db-cut-over": self.cut_over}
        self.apis = {
            "rds:RestoreDBInstanceToPointInTime": self.restore,
            "rds:ModifyDBInstance": self.modify,
        }

    @property
    def instances(self) -> DatabaseInstances:
        """Where instances are kept."""
        found: DatabaseInstances = self.world.behaviour(DatabaseInstances)
        return found

    def ail(self, thing: Thing) -> None:
        """Restores of the instance `id` end in `ends`, which RDS does not leave by itself."""
        said = read(thing, ("id", "ends"), {})
        self.ends[said["id"]] = one_of("ends", said["ends"], ("incompatible-restore", "restore-error"))

    def restore(self, request: Request) -> Answer:
        """RDS API reference, RestoreDBInstanceToPointInTime."""
        source, target = request["SourceDBInstanceIdentifier"], request["TargetDBInstanceIdentifier"]
        database, engine = self.instances.find(source), self.instances.engine(source)
        if target in self.instances.backend.databases:
            raise ApiError("DBInstanceAlreadyExists", f"DB instance {target} already exists.")
        if not database.backup_retention_period:
            raise ApiError("PointInTimeRestoreNotEnabled", f"{source} has no automated backups.")
        latest = self.instances.latest(engine)
        if request.get("UseLatestRestorableTime", False) == ("RestoreTime" in request):
            raise ApiError("InvalidParameterCombination", "Specify either RestoreTime or UseLatestRestorableTime.")
        time = moment(request.get("RestoreTime", latest))
        oldest = self.world.now - timedelta(days=database.backup_retention_period)
        if not oldest <= time <= latest:
            raise ApiError("InvalidParameterValue", f"{source} is restored to a time from {oldest} to {latest}.")
        for key in request:
            if key not in (*TAKEN, *IGNORED, "PubliclyAccessible"):
                raise Unknown(f"`{key}` of RestoreDBInstanceToPointInTime")
        values = {key: request[key] for key in TAKEN if key in request}
        # moto keeps no default option groups.
        if str(values.get("OptionGroupName", "")).startswith("default:"):
            del values["OptionGroupName"]
        values.setdefault("DBInstanceClass", database.db_instance_class)
        copy = self.instances.create(
            target,
            Engine=database.engine,
            EngineVersion=database.engine_version,
            AllocatedStorage=database.allocated_storage,
            BackupRetentionPeriod=database.backup_retention_period,
            **values,
        )
        copy.source = database.dbi_resource_id
        # Data that was corrupt by then is restored as it was.
        copy.corrupt_since = engine.corrupt_since if engine.corrupt_since and engine.corrupt_since <= time else None
        self.instances.change(target, "creating", CREATING, lambda: self.restored(source, target))
        return self.instances.show(target)

    def restored(self, source: str, target: str) -> None:
        """The data is there; RDS backs it up before the instance is available."""
        if source in self.ends:
            self.instances.change(target, self.ends[source])
            return
        tell(self.world, "db", target, "RDS-EVENT-0019", source, target)
        tell(self.world, "db", target, "RDS-EVENT-0001")

        def done() -> None:
            tell(self.world, "db", target, "RDS-EVENT-0002")

        self.instances.change(target, "backing-up", BACKING_UP, done)

    def modify(self, request: Request) -> Answer:
        """RDS API reference, ModifyDBInstance: a new name, or storage, backups and the standby."""
        name, new = request["DBInstanceIdentifier"], request.get("NewDBInstanceIdentifier")
        changes = {"AllocatedStorage": "allocated_storage", "BackupRetentionPeriod": "backup_retention_period"}
        changes["MultiAZ"] = "multi_az"
        for key in request:
            if key not in ("DBInstanceIdentifier", "NewDBInstanceIdentifier", "ApplyImmediately", *changes):
                raise Unknown(f"`{key}` of ModifyDBInstance")
        if not request.get("ApplyImmediately"):
            raise Unknown("ModifyDBInstance in the next maintenance window")
        if new is not None:
            self.instances.need(name, "available")
            self.rename(name, new)
            return self.instances.show(name)
        database = self.instances.need(name, "available", "storage-full")
        for key, attribute in changes.items():
            if key in request:
                setattr(database, attribute, request[key])
        # RDS user guide, "Modifying an Amazon RDS DB instance". A full one runs again with its new storage.
        self.instances.change(name, "modifying", BACKING_UP)
        return self.instances.show(name)

    def rename(self, old: str, new: str) -> None:
        """The old name leads nowhere at once; the new one is shown after a minute, and in effect after ten."""
        databases = self.instances.backend.databases
        if new in databases:
            raise ApiError("DBInstanceAlreadyExists", f"DB instance {new} already exists.")

        def named() -> None:
            database = databases.pop(old)
            database.db_instance_identifier = new
            databases[new] = database
            self.instances.change(new, "rebooting", IN_EFFECT, lambda: tell(self.world, "db", new, "RDS-EVENT-0006"))

        self.instances.change(old, "renaming", NEW_NAME, named)

    def cut_over(self, thing: Thing) -> None:
        """People give a copy the name of its source, if there is one. A failed source is not renamed but deleted."""
        name = read(thing, ("id",), {})["id"]
        source, databases = self.instances.find(name), self.instances.backend.databases
        copies = [
            each
            for each, database in databases.items()
            if self.instances.engine(each).source == source.dbi_resource_id and database.status == "available"
        ]
        if not copies:
            return
        if source.status == "failed":
            del databases[name]
            self.rename(copies[-1], name)
            return
        self.rename(name, f"{name}-old")
        self.world.after(NEW_NAME + 1, lambda: self.rename(copies[-1], name))

    def verifier(self, thing: Thing) -> None:
        """People's own Command document, which fails where the data of the instance is corrupt or it lets nobody in."""
        said = read(thing, ("verify-document",), {"takes": "10m"})
        takes = seconds(said["takes"])

        def run(host: str, parameters: Request) -> tuple[int, str]:
            name = parameters["DBInstanceIdentifier"][0]
            engine: Engine = self.instances.engine(name)
            sound = self.instances.lets_in(name) and engine.corrupt_since is None
            return takes, "Success" if sound else "Failed"

        self.commands[said["verify-document"]] = run
