"""AWS Backup, as scenarios drive it."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError, Unknown
from test_rds import Case

RESOURCE = "arn:aws:rds:eu-west-1:111122223333:db:checkout"
ROLE = "arn:aws:iam::111122223333:role/service-role/AWSBackupDefaultServiceRole"
PLAN = "arn:aws:backup:eu-west-1:111122223333:restore-testing-plan:Heal"
REQUEST = {
    "BackupVaultName": "checkout",
    "ResourceArn": RESOURCE,
    "IamRoleArn": ROLE,
    "IdempotencyToken": "1",
    "StartWindowMinutes": 60,
    "CompleteWindowMinutes": 720,
    "Lifecycle": {"DeleteAfterDays": 35},
}


class Backups(Case):
    """Jobs, their recovery points, and what is said of them."""

    def setUp(self) -> None:
        super().setUp()
        self.world.given({"backup-vault": "checkout"})
        self.jobs: list[str] = []

    def start(self, **more: Any) -> str:
        """A job."""
        return str(self.world.call("backup", "StartBackupJob", {**REQUEST, **more})["BackupJobId"])

    def job(self, job: str) -> dict[str, Any]:
        """As DescribeBackupJob shows it."""
        return dict(self.world.call("backup", "DescribeBackupJob", {"BackupJobId": job}))

    def said(self, key: str = "state") -> list[str]:
        """What the events since the last time say."""
        events, self.world.events = self.world.events, []
        return [each["detail"].get(key, "") for each in events if each["source"] == "aws.backup"]

    def test_ends_well(self) -> None:
        job = self.start()
        self.assertEqual((job, "CREATED"), (self.start(), self.job(job)["State"]))
        self.minutes(3)
        self.assertEqual("RUNNING", self.job(job)["State"])
        counted = [name for _ in range(20) for name, _ in self.minutes(1) if name.startswith("Number")]
        self.assertEqual(["NumberOfBackupJobsCompleted"], counted)
        arn = self.job(job)["RecoveryPointArn"]
        self.assertRegex(arn, "^arn:aws:rds:eu-west-1:111122223333:snapshot:awsbackup:job-")
        request = {"BackupVaultName": "checkout", "RecoveryPointArn": arn}
        found = self.world.call("backup", "DescribeRecoveryPoint", request)
        self.assertEqual("COMPLETED", found["Status"])
        event = self.world.events[-1]
        self.assertEqual([arn], event["resources"])
        self.assertNotIn("statusMessage", event["detail"])
        told = [event["detail"][key] for key in ("state", "resourceArn", "backupVaultName")]
        self.assertEqual(["COMPLETED", RESOURCE, "checkout"], told)

    def test_ends_badly_once(self) -> None:
        self.world.ail({"ail": "backup-jobs", "resource": RESOURCE, "ends": "FAILED", "message": '"No."', "times": 1})
        first = self.start()
        self.minutes(35)
        self.assertEqual(("FAILED", '"No."'), (self.job(first)["State"], self.job(first)["StatusMessage"]))
        self.assertEqual(["", "", '"No."'], self.said("statusMessage"))
        second = self.start(IdempotencyToken="2")
        self.minutes(35)
        self.assertEqual("COMPLETED", self.job(second)["State"])

    def test_one_of_two_jobs_expires(self) -> None:
        self.world.ail({"ail": "backup-jobs", "resource": RESOURCE, "takes": "3h", "times": 1})
        first, second = self.start(), self.start(IdempotencyToken="2")
        self.minutes(70)
        self.assertEqual(("RUNNING", "EXPIRED"), (self.job(first)["State"], self.job(second)["State"]))
        listed = self.world.call("backup", "ListBackupJobs", {"ByResourceArn": RESOURCE, "ByState": "RUNNING"})
        self.assertEqual([first], [each["BackupJobId"] for each in listed["BackupJobs"]])

    def test_with_issues_aborted_and_late(self) -> None:
        self.world.ail({"ail": "backup-jobs", "resource": RESOURCE, "message": "Some files.", "times": 1})
        self.start()
        self.minutes(35)
        self.assertIn("Some files.", self.said("statusMessage"))
        aborted = self.start(IdempotencyToken="2")
        self.world.call("backup", "StopBackupJob", {"BackupJobId": aborted})
        self.minutes(35)
        self.assertEqual(["ABORTED"], self.said())
        self.world.ail({"ail": "backup-jobs", "resource": RESOURCE, "takes": "13h", "times": 1})
        late = self.start(IdempotencyToken="3")
        self.minutes(14 * 60)
        self.assertEqual("ABORTED", self.job(late)["State"])

    def test_point_that_is_late(self) -> None:
        self.world.ail({"ail": "backup-jobs", "resource": RESOURCE, "point": "PARTIAL", "times": 1})
        job = self.start()
        self.minutes(35)
        arn = self.job(job)["RecoveryPointArn"]
        request = {"BackupVaultName": "checkout", "RecoveryPointArn": arn}
        self.assertEqual("PARTIAL", self.world.call("backup", "DescribeRecoveryPoint", request)["Status"])
        self.world.ail({"ail": "recovery-point", "resource": RESOURCE, "status": "COMPLETED"})
        self.assertEqual("COMPLETED", self.world.call("backup", "DescribeRecoveryPoint", request)["Status"])

    def test_refusals(self) -> None:
        with self.assertRaises(ApiError):
            self.start(BackupVaultName="nowhere")
        with self.assertRaises(ApiError):
            self.job("none")
        for thing in ({"ends": "SAD"}, {"typo": 1}, {"takes": "long"}):
            with self.subTest(thing), self.assertRaises(Unknown):
                self.world.ail({"ail": "backup-jobs", "resource": RESOURCE, **thing})

    def test_plan_and_restore_test(self) -> None:
        plan = {"backup-plan": "hourly", "resource": RESOURCE, "vault": "checkout", "role": ROLE}
        self.world.given({**plan, "every": "3h"})
        vaults = {"IncludeVaults": ["arn:aws:backup:eu-west-1:111122223333:backup-vault:checkout"]}
        plan = {"RestoreTestingPlanName": "Heal", "RecoveryPointSelection": vaults}
        self.world.given({"AWS::Backup::RestoreTestingPlan": "Test", "properties": plan})
        selection = {"RestoreTestingPlanName": "Heal", "ProtectedResourceArns": [RESOURCE], "IamRoleArn": ROLE}
        self.world.given({"AWS::Backup::RestoreTestingSelection": "Resource", "properties": selection})
        self.world.ail({"ail": "restore-test", "resource": RESOURCE})
        self.minutes(35)
        self.assertEqual(["PENDING", "RUNNING", "COMPLETED"], self.said())
        self.world.ail({"ail": "restore-test", "resource": RESOURCE, "fails": "No subnet."})
        self.minutes(45)
        events, self.world.events = self.world.events, []
        details = [each["detail"] for each in events]
        self.assertEqual(["", "PENDING", "RUNNING", "FAILED"], [each.get("status", "") for each in details])
        self.assertEqual((PLAN, "No subnet."), (details[-1]["restoreTestingPlanArn"], details[-1]["statusMessage"]))
        self.minutes(3 * 60)
        self.assertEqual(["PENDING", "RUNNING", "COMPLETED"], self.said())
        self.world.ail({"ail": "backup-plan", "id": "hourly"})
        self.minutes(3 * 60)
        self.assertEqual([], self.said())


if __name__ == "__main__":
    unittest.main()
