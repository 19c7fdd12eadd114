"""AWS Backup's restore testing: what it restores on its schedule, and what it says of it."""

from __future__ import annotations

from typing import Any

from behaviour import Behaviour, Thing, Unknown
from behaviours.backup_events import SAID
from behaviours.backup_jobs import BackupJobs
from behaviours.rds_common import one_of, read, seconds
from world import World

# AWS names no times; those of a middling database.
PENDING = 300


class RestoreTests(Behaviour):
    """Restore jobs of restore testing plans. The plans themselves are resources of the rules' own stacks."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        # Properties of the plans and of their selections, by the plan's name.
        self.plans: dict[str, Thing] = {}
        self.selections: dict[str, Thing] = {}
        self.givens = {
            "AWS::Backup::RestoreTestingPlan": self.plan,
            "AWS::Backup::RestoreTestingSelection": self.selection,
        }
        self.ailments = {"restore-test": self.run}

    def plan(self, thing: Thing) -> None:
        """A plan, as it is deployed."""
        self.plans[thing["properties"]["RestoreTestingPlanName"]] = thing["properties"]

    def selection(self, thing: Thing) -> None:
        """What a plan restores, as it is deployed."""
        self.selections[thing["properties"]["RestoreTestingPlanName"]] = thing["properties"]

    def run(self, thing: Thing) -> None:
        """The schedule of the plan of `resource` is due. `fails` is the reason why its restore fails."""
        said = read(thing, ("resource",), {"fails": None, "ends": None, "takes": "30m"})
        named = [key for key, each in self.selections.items() if said["resource"] in each["ProtectedResourceArns"]]
        if not named:
            raise Unknown(f"a restore test of {said['resource']}, which no plan selects")
        vaults = self.plans[named[0]]["RecoveryPointSelection"]["IncludeVaults"]
        jobs: BackupJobs = self.world.behaviour(BackupJobs)
        points = [
            each
            for each in jobs.points.values()
            if each["ResourceArn"] == said["resource"]
            and each["BackupVaultArn"] in vaults
            and each["Status"] in ("COMPLETED", "AVAILABLE")
        ]
        if not points:
            # AWS Backup developer guide, "Restore testing": without an eligible recovery point no job is made.
            return
        detail = {
            "restoreJobId": jobs.uuid(),
            "recoveryPointArn": points[-1]["RecoveryPointArn"],
            "sourceResourceArn": said["resource"],
            "restoreTestingPlanArn": self.world.arn("backup", f"restore-testing-plan:{named[0]}"),
            "backupSizeInBytes": "107374182400",
            "creationDate": self.world.now,
            "iamRoleArn": self.selections[named[0]]["IamRoleArn"],
            "percentDone": 0,
            "resourceType": points[-1]["ResourceType"],
        }
        ends = said["ends"] or ("FAILED" if said["fails"] else "COMPLETED")
        one_of("ends", ends, ("COMPLETED", "FAILED", "ABORTED"))
        # The page on EventBridge: one with the state CREATED, all others with a status.
        self.say({key: detail[key] for key in ("restoreJobId", "creationDate")} | {"state": "CREATED"}, detail)
        self.say({**detail, "status": "PENDING"}, detail)
        self.world.after(PENDING, lambda: self.say({**detail, "status": "RUNNING"}, detail))
        self.world.after(PENDING + seconds(said["takes"]), lambda: self.end(detail, ends, said["fails"]))

    def end(self, detail: dict[str, Any], status: str, message: str | None) -> None:
        """What was restored is deleted after the validation window, which nothing of ours waits for."""
        more: dict[str, Any] = {"status": status, "completionDate": self.world.now}
        if message:
            more["statusMessage"] = message
        if status == "COMPLETED":
            more["createdResourceArn"] = self.world.arn("rds", f"db:awsbackup-restore-test-{detail['restoreJobId']}")
        self.say({**detail, **more}, detail)

    def say(self, detail: dict[str, Any], whole: dict[str, Any]) -> None:
        """With the events of the next five minutes."""
        later = SAID - self.world.now.timestamp() % SAID
        resources = [whole["recoveryPointArn"]]
        self.world.after(later, lambda: self.world.emit("aws.backup", "Restore Job State Change", detail, resources))
