"""AWS Backup, whose jobs moto lacks: backup jobs, recovery points, and what AWS Backup says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing, Unknown
from behaviours.backup_events import SAID, event_of, resource_type
from behaviours.rds_common import one_of, read, seconds
from world import World

# AWS names no times of a job; those of an incremental one of a small database.
CREATED = 60
PENDING = 60
RUNNING = 150
# How soon a job that waits for another begins after it; AWS says only that it may not be longer than the start window.
WAITS = 30
# API reference, StartBackupJob: the defaults, 8 hours to start and 7 days to complete.
START_WINDOW = 480
COMPLETE_WINDOW = 10080
# API reference, DescribeRecoveryPoint.
POINTS = ("COMPLETED", "PARTIAL", "DELETING", "EXPIRED", "AVAILABLE", "STOPPED", "CREATING")
ON_ITS_WAY = ("CREATED", "PENDING", "RUNNING")
# The page "AWS Backup metrics with Amazon CloudWatch".
METRICS = {
    "ABORTED": "NumberOfBackupJobsAborted",
    "COMPLETED": "NumberOfBackupJobsCompleted",
    "EXPIRED": "NumberOfBackupJobsExpired",
    "FAILED": "NumberOfBackupJobsFailed",
}


@dataclass
class Ending:
    """How jobs of a resource end, other than well."""

    state: str
    message: str
    # What becomes of the recovery point of a job that completes.
    point: str
    takes: int | None
    times: int | None


@dataclass
class Job:
    """A backup job, with what DescribeBackupJob shows."""

    shown: Answer
    start_by: datetime
    complete_by: datetime
    token: str | None
    ending: Ending | None = None


class BackupJobs(Behaviour):
    """Jobs of all vaults."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.jobs: list[Job] = []
        self.endings: dict[str, Ending] = {}
        self.points: dict[str, Answer] = {}
        self.counts: list[tuple[str, str]] = []
        self.deleted: set[str] = set()
        self.givens = {"backup-vault": self.vault, "backup-plan": self.plan}
        self.ailments = {"backup-jobs": self.ail, "backup-plan": self.ail_plan, "recovery-point": self.ail_point}
        self.apis = {
            "backup:StartBackupJob": self.start,
            "backup:StopBackupJob": self.stop,
            "backup:DescribeBackupJob": self.describe,
            "backup:ListBackupJobs": self.list,
            "backup:DescribeRecoveryPoint": self.point,
        }

    # Scenarios

    def vault(self, thing: Thing) -> None:
        """A vault, through the API."""
        said = read(thing, ("backup-vault",), {})
        self.world.client("backup").create_backup_vault(BackupVaultName=said["backup-vault"])

    def plan(self, thing: Thing) -> None:
        """A plan that backs `resource` up at once and then by `every`, with the names of its own template."""
        said = read(thing, ("backup-plan", "resource", "vault", "role"), {"every": "1d"})

        def run() -> None:
            if said["backup-plan"] in self.deleted:
                return
            request = {"BackupVaultName": said["vault"], "ResourceArn": said["resource"], "IamRoleArn": said["role"]}
            self.begin(request, said["backup-plan"])
            self.world.after(seconds(said["every"]), run)

        run()

    def ail_plan(self, thing: Thing) -> None:
        """The plan `id` is deleted, so nothing is backed up any more, and nothing says so."""
        self.deleted.add(read(thing, ("id",), {})["id"])

    def ail(self, thing: Thing) -> None:
        """The next jobs of `resource` to run end in `ends`, `times` of them or all; `takes` makes them slow."""
        options = {"ends": "COMPLETED", "message": "", "point": "COMPLETED", "takes": None, "times": None}
        said = read(thing, ("resource",), options)
        self.endings[said["resource"]] = Ending(
            one_of("ends", said["ends"], (*METRICS, "PARTIAL")),
            said["message"],
            one_of("point", said["point"], POINTS),
            seconds(said["takes"]) if said["takes"] else None,
            said["times"],
        )

    def ail_point(self, thing: Thing) -> None:
        """The last recovery point of `resource` becomes `status`: it is finished late, or lost."""
        said = read(thing, ("resource", "status"), {})
        mine = [each for each in self.points.values() if each["ResourceArn"] == said["resource"]]
        if not mine:
            raise Unknown(f"the recovery point of {said['resource']}, which has none")
        mine[-1]["Status"] = one_of("status", said["status"], POINTS)

    # APIs

    def start(self, request: Request) -> Answer:
        """API reference, StartBackupJob. The same token gives the same job."""
        vaults = self.world.client("backup").list_backup_vaults()["BackupVaultList"]
        if request["BackupVaultName"] not in [each["BackupVaultName"] for each in vaults]:
            raise ApiError("ResourceNotFoundException", f"Backup vault {request['BackupVaultName']} does not exist.")
        token = request.get("IdempotencyToken")
        same = [each for each in self.jobs if token is not None and each.token == token]
        job = same[0] if same else self.begin(request, None)
        return {key: job.shown[key] for key in ("BackupJobId", "CreationDate", "IsParent")}

    def begin(self, request: Request, plan: str | None) -> Job:
        """A job in CREATED."""
        resource, vault = request["ResourceArn"], request["BackupVaultName"]
        now = self.world.now
        start_by = now + timedelta(minutes=request.get("StartWindowMinutes", START_WINDOW))
        shown: Answer = {
            "AccountId": self.world.account,
            "BackupJobId": str(self.uuid()),
            "BackupVaultName": vault,
            "BackupVaultArn": self.world.arn("backup", f"backup-vault:{vault}"),
            "ResourceArn": resource,
            "ResourceType": resource_type(resource),
            "IamRoleArn": request["IamRoleArn"],
            "CreationDate": now,
            "StartBy": start_by,
            "State": "CREATED",
            "PercentDone": "0.0",
            "BytesTransferred": 0,
            "IsParent": False,
        }
        if plan:
            arn = self.world.arn("backup", f"backup-plan:{plan}")
            names = {"BackupPlanId": plan, "BackupPlanArn": arn, "BackupRuleId": plan}
            shown["CreatedBy"] = {**names, "BackupPlanVersion": "1"}
        complete_by = now + timedelta(minutes=request.get("CompleteWindowMinutes", COMPLETE_WINDOW))
        job = Job(shown, start_by, complete_by, request.get("IdempotencyToken"))
        self.jobs.append(job)
        self.world.after(CREATED, lambda: self.wait(job))
        return job

    def stop(self, request: Request) -> Answer:
        """API reference, StopBackupJob: somebody aborts a job."""
        job = self.find(request["BackupJobId"])
        if job.shown["State"] not in ON_ITS_WAY:
            raise ApiError("InvalidRequestException", f"The job is {job.shown['State']}.")
        self.end(job, "ABORTED", '"Backup job was stopped by user."')
        return {}

    def describe(self, request: Request) -> Answer:
        """API reference, DescribeBackupJob."""
        return dict(self.find(request["BackupJobId"]).shown)

    def list(self, request: Request) -> Answer:
        """API reference, ListBackupJobs, the latest first."""
        filters = {"ByResourceArn": "ResourceArn", "ByBackupVaultName": "BackupVaultName", "ByState": "State"}
        for key in request:
            if key not in filters:
                raise Unknown(f"`{key}` of ListBackupJobs")
        found = [
            dict(each.shown)
            for each in reversed(self.jobs)
            if all(each.shown[filters[key]] == value for key, value in request.items())
        ]
        return {"BackupJobs": found}

    def point(self, request: Request) -> Answer:
        """API reference, DescribeRecoveryPoint."""
        point = self.points.get(request["RecoveryPointArn"])
        if point is None or point["BackupVaultName"] != request["BackupVaultName"]:
            raise ApiError("ResourceNotFoundException", f"Recovery point {request['RecoveryPointArn']} does not exist.")
        return dict(point)

    def find(self, job_id: str) -> Job:
        """The job, or the API's error."""
        for each in self.jobs:
            if each.shown["BackupJobId"] == job_id:
                return each
        raise ApiError("ResourceNotFoundException", f"Backup job {job_id} does not exist.")

    # A job's life

    def wait(self, job: Job) -> None:
        """PENDING, until no other job of the resource is on its way, or the start window ends."""
        if job.shown["State"] == "CREATED":
            self.say(job, "PENDING")
            self.world.after(PENDING, lambda: self.wait(job))
        elif job.shown["State"] == "PENDING" and self.now_or_never(job):
            self.run(job)

    def now_or_never(self, job: Job) -> bool:
        """Whether the job can begin; else it waits, or ends."""
        before = self.jobs[: self.jobs.index(job)]
        others = [each for each in before if each.shown["ResourceArn"] == job.shown["ResourceArn"]]
        if not any(each.shown["State"] in ON_ITS_WAY for each in others):
            return True
        if self.world.now >= job.start_by:
            self.end(job, "EXPIRED", '"Backup job failed because there was a running job for the same resource."')
        else:
            self.world.after(min(WAITS, (job.start_by - self.world.now).total_seconds()), lambda: self.wait(job))
        return False

    def run(self, job: Job) -> None:
        """RUNNING, with the recovery point that it makes."""
        resource = job.shown["ResourceArn"]
        ending = self.endings.get(resource)
        if ending and ending.times is not None:
            ending.times -= 1
            if ending.times == 0:
                del self.endings[resource]
        job.ending = ending
        if ending and ending.state == "EXPIRED":
            # It found no time to begin.
            wait = (job.start_by - self.world.now).total_seconds()
            self.world.after(wait, lambda: self.end(job, "EXPIRED", ending.message))
            return
        arn = self.world.arn("rds", f"snapshot:awsbackup:job-{job.shown['BackupJobId']}")
        if job.shown["ResourceType"] != "RDS":
            arn = self.world.arn("backup", f"recovery-point:{self.uuid()}")
        job.shown["RecoveryPointArn"] = arn
        keys = ("BackupVaultName", "BackupVaultArn", "ResourceArn", "ResourceType", "IamRoleArn", "CreationDate")
        self.points[arn] = {"RecoveryPointArn": arn, "Status": "CREATING", **{key: job.shown[key] for key in keys}}
        self.say(job, "RUNNING")
        takes = ending.takes if ending and ending.takes else RUNNING
        self.world.after(takes, lambda: self.finish(job))

    def finish(self, job: Job) -> None:
        """The end that was given, or COMPLETED. One that is past its window to complete is aborted (StartBackupJob)."""
        if job.shown["State"] != "RUNNING":
            return
        ending = job.ending or Ending("COMPLETED", "", "COMPLETED", None, None)
        if self.world.now > job.complete_by:
            self.end(job, "ABORTED", '"Backup job failed to complete within the completion window."')
        else:
            self.end(job, ending.state, ending.message, ending.point)

    def end(self, job: Job, state: str, message: str, point: str = "") -> None:
        """A final state."""
        if job.shown["State"] not in ON_ITS_WAY:
            return
        arn = job.shown.get("RecoveryPointArn")
        if state == "COMPLETED" and arn:
            job.shown.update(PercentDone="100.0", BackupSizeInBytes=107374182400)
            self.points[arn].update(Status=point, CompletionDate=self.world.now)
        elif arn:
            del self.points[arn], job.shown["RecoveryPointArn"]
        job.shown["CompletionDate"] = self.world.now
        if message:
            job.shown["StatusMessage"] = message
        self.say(job, state)

    def say(self, job: Job, state: str) -> None:
        """The new state, of which the events and metrics of the next five minutes tell."""
        job.shown["State"] = state
        later = SAID - self.world.now.timestamp() % SAID
        detail, resources = event_of(job.shown)
        self.world.after(later, lambda: self.world.emit("aws.backup", "Backup Job State Change", detail, resources))
        if state in METRICS:
            self.world.after(later, lambda: self.counts.append((METRICS[state], job.shown["BackupVaultName"])))

    def metrics(self) -> Iterator[Datapoint]:
        """Counts of what ended, where there are any."""
        counts, self.counts = self.counts, []
        for name, vault in sorted(set(counts)):
            yield Datapoint("AWS/Backup", name, {"BackupVaultName": vault}, (float(counts.count((name, vault))),))

    def uuid(self) -> str:
        """An id from the world's own randomness."""
        digits = f"{self.world.random.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
