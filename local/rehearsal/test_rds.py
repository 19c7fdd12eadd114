"""RDS instances, restores and probes, and Aurora clusters, as scenarios drive them."""

from __future__ import annotations

import unittest
from typing import Any
from unittest import mock

import world as worlds
from behaviour import ApiError, Unknown
from botocore.exceptions import ParamValidationError
from world import World

ACCOUNT, REGION, BEGIN = "111122223333", "eu-west-1", 1_795_000_020_000
LAST_GOOD = "/heal/dev/last-good/rds/checkout"


class Case(unittest.TestCase):
    """A world of its own."""

    def setUp(self) -> None:
        with mock.patch.object(worlds, "DEFAULT_ACCOUNT_ID", ACCOUNT, create=True):
            self.world = World(ACCOUNT, REGION, 1, BEGIN)
        self.addCleanup(self.world.close)
        self.now = BEGIN

    def minutes(self, count: float) -> dict[tuple[str, ...], tuple[float, ...]]:
        """Advances, and gives the datapoints of the last minute by name and last dimension."""
        points = []
        for _ in range(int(count * 2)):
            self.now += 30_000
            self.world.advance(self.now)
            if self.now % 60_000 == 0:
                points = self.world.metrics()
        return {(each.name, list(each.dimensions.values())[-1]): each.values for each in points}

    def events(self) -> list[str]:
        """The ids of RDS's events since the last time."""
        events, self.world.events = self.world.events, []
        return [each["detail"]["EventID"] for each in events if each["source"] == "aws.rds"]

    def database(self, name: str = "checkout") -> dict[str, Any]:
        """As DescribeDBInstances shows it."""
        found = self.world.call("rds", "DescribeDBInstances", {"DBInstanceIdentifier": name})
        return dict(found["DBInstances"][0])

    def status(self, name: str = "checkout") -> str:
        """Its status."""
        return str(self.database(name)["DBInstanceStatus"])

    def call(self, api: str, **request: Any) -> dict[str, Any]:
        """A call of RDS."""
        return dict(self.world.call("rds", api, request))

    def refused(self, code: str, api: str, **request: Any) -> None:
        """A call that RDS refuses."""
        with self.assertRaises(ApiError) as caught:
            self.call(api, **request)
        self.assertEqual(code, caught.exception.code)


class Instances(Case):
    """Restarts, failovers, and what RDS does alone."""

    def setUp(self) -> None:
        super().setUp()
        self.world.given({"db-instance": "checkout"})
        self.world.given({"db-probe": "checkout", "stack": "checkout", "rule": "rds-instance-healing"})

    def test_lets_people_in_and_says_so(self) -> None:
        points = self.minutes(1)
        self.assertEqual((0.0, 0.0), points["DbProbeFailed", "checkout"])
        self.assertIn(("CPUUtilization", "checkout"), points)
        shown = self.database()
        self.assertEqual("in-sync", shown["DBParameterGroups"][0]["ParameterApplyStatus"])
        self.assertRegex(shown["DbiResourceId"], "^db-[A-Z2-7]{26}$")

    def test_restart_mends_what_a_restart_mends(self) -> None:
        self.world.ail({"ail": "db-instance", "id": "checkout", "logins": "fail", "until": "reboot"})
        self.assertEqual((1.0, 1.0), self.minutes(1)["DbProbeFailed", "checkout"])
        answer = self.call("RebootDBInstance", DBInstanceIdentifier="checkout", ForceFailover=False)
        self.assertEqual("rebooting", answer["DBInstance"]["DBInstanceStatus"])
        self.refused("InvalidDBInstanceState", "RebootDBInstance", DBInstanceIdentifier="checkout")
        self.assertEqual((0.0, 0.0), self.minutes(2)["DbProbeFailed", "checkout"])
        self.assertEqual(["RDS-EVENT-0004", "RDS-EVENT-0006"], self.events())

    def test_restart_does_not_mend_what_needs_another_host(self) -> None:
        self.world.ail({"ail": "db-instance", "id": "checkout", "logins": "fail", "until": "failover"})
        self.call("RebootDBInstance", DBInstanceIdentifier="checkout")
        self.assertEqual((1.0, 1.0), self.minutes(3)["DbProbeFailed", "checkout"])
        self.assertEqual("available", self.status())

    def test_crash_recovery_takes_its_time(self) -> None:
        self.world.ail(
            {"ail": "db-instance", "id": "checkout", "logins": "fail", "until": "reboot", "recovery": "20m"}
        )
        self.call("RebootDBInstance", DBInstanceIdentifier="checkout")
        self.minutes(20)
        self.assertEqual("rebooting", self.status())
        self.minutes(2)
        self.assertEqual("available", self.status())

    def test_metrics_that_do_not_arrive(self) -> None:
        self.world.ail({"ail": "db-instance", "id": "checkout", "metrics": "missing", "for": "5m"})
        self.assertNotIn(("CPUUtilization", "checkout"), self.minutes(4))
        self.assertIn(("CPUUtilization", "checkout"), self.minutes(2))

    def test_recovers_by_itself(self) -> None:
        self.world.ail({"ail": "db-instance", "id": "checkout", "logins": "fail", "for": "5m"})
        self.assertEqual((1.0, 1.0), self.minutes(4)["DbProbeFailed", "checkout"])
        self.assertEqual((0.0, 0.0), self.minutes(2)["DbProbeFailed", "checkout"])

    def test_failover_needs_a_standby(self) -> None:
        self.refused(
            "InvalidParameterCombination", "RebootDBInstance", DBInstanceIdentifier="checkout", ForceFailover=True
        )

    def test_lost_host_without_a_standby(self) -> None:
        self.world.ail({"ail": "db-instance", "id": "checkout", "host": "lost"})
        points = self.minutes(9)
        self.assertEqual((1.0, 1.0), points["DbProbeFailed", "checkout"])
        self.assertNotIn(("CPUUtilization", "checkout"), points)
        self.assertIn(("CPUUtilization", "checkout"), self.minutes(2))
        self.assertEqual(["RDS-EVENT-0020", "RDS-EVENT-0021"], self.events())

    def test_status_of_people_and_of_rds(self) -> None:
        self.call("StopDBInstance", DBInstanceIdentifier="checkout")
        self.assertEqual("stopping", self.status())
        self.assertNotIn(("CPUUtilization", "checkout"), self.minutes(5))
        self.assertEqual("stopped", self.status())
        self.refused("InvalidDBInstanceState", "RebootDBInstance", DBInstanceIdentifier="checkout")
        self.call("StartDBInstance", DBInstanceIdentifier="checkout")
        self.minutes(5)
        self.assertEqual(("available", ["RDS-EVENT-0087", "RDS-EVENT-0088"]), (self.status(), self.events()))
        self.world.ail({"ail": "db-instance", "id": "checkout", "status": "storage-full"})
        self.call("ModifyDBInstance", DBInstanceIdentifier="checkout", AllocatedStorage=200, ApplyImmediately=True)
        self.minutes(11)
        self.assertEqual("available", self.status())

    def test_one_host_cut_off(self) -> None:
        self.world.ail({"ail": "db-probe", "id": "checkout", "hosts": 1, "for": "2m"})
        self.assertEqual((1.0, 0.0), self.minutes(1)["DbProbeFailed", "checkout"])
        self.assertEqual((0.0, 0.0), self.minutes(2)["DbProbeFailed", "checkout"])
        self.world.ail({"ail": "db-probe", "id": "checkout", "silent": True})
        self.assertNotIn(("DbProbeFailed", "checkout"), self.minutes(1))

    def test_unknown_words(self) -> None:
        for thing in (
            {"ail": "db-instance", "id": "checkout", "logins": "maybe"},
            {"ail": "db-instance", "id": "checkout", "logins": "fail", "until": "prayer"},
            {"ail": "db-instance", "id": "checkout", "logins": "fail"},
            {"ail": "db-instance", "id": "checkout", "status": "sad"},
            {"ail": "db-instance", "id": "checkout", "status": "failed", "host": "lost"},
            {"ail": "db-instance", "id": "checkout", "typo": 1},
            {"ail": "db-probe", "id": "orders", "hosts": 1},
        ):
            with self.subTest(thing), self.assertRaises(Unknown):
                self.world.ail(thing)


class Standby(Case):
    """Multi-AZ."""

    def setUp(self) -> None:
        super().setUp()
        self.world.given({"db-instance": "checkout", "multi-az": True})

    def test_failover_changes_the_host(self) -> None:
        self.world.ail({"ail": "db-instance", "id": "checkout", "logins": "fail", "until": "failover"})
        self.call("RebootDBInstance", DBInstanceIdentifier="checkout", ForceFailover=True)
        self.minutes(2)
        self.assertEqual(["RDS-EVENT-0013", "RDS-EVENT-0006", "RDS-EVENT-0049"], self.events())
        self.assertEqual("eu-west-1b", self.database()["AvailabilityZone"])
        # Another one at once is abandoned.
        self.call("RebootDBInstance", DBInstanceIdentifier="checkout", ForceFailover=True)
        self.assertEqual((["RDS-EVENT-0034"], "available"), (self.events(), self.status()))

    def test_lost_host(self) -> None:
        self.world.ail({"ail": "db-instance", "id": "checkout", "host": "lost"})
        self.minutes(2)
        self.assertEqual("available", self.status())
        self.assertEqual(["RDS-EVENT-0013", "RDS-EVENT-0006", "RDS-EVENT-0049"], self.events())


class Restores(Case):
    """Copies and names."""

    def setUp(self) -> None:
        super().setUp()
        self.world.given({"db-instance": "checkout"})
        job = {"integrity-job": "checkout", "stack": "checkout", "rule": "database-corruption-healing"}
        self.world.given({**job, "last-good": LAST_GOOD})

    def restore(self, **time: Any) -> None:
        """A copy, available half an hour later."""
        source = {"SourceDBInstanceIdentifier": "checkout", "TargetDBInstanceIdentifier": "heal-1"}
        answer = self.call("RestoreDBInstanceToPointInTime", **source, **time)
        self.assertEqual("creating", answer["DBInstance"]["DBInstanceStatus"])
        self.minutes(25)
        self.assertEqual("backing-up", self.status("heal-1"))
        self.minutes(10)
        self.assertEqual("available", self.status("heal-1"))

    def test_failed_engine(self) -> None:
        self.minutes(10)
        self.world.ail({"ail": "db-instance", "id": "checkout", "status": "failed"})
        points = self.minutes(1)
        self.assertEqual((["RDS-EVENT-0031"], "failed"), (self.events(), self.status()))
        self.assertNotIn(("CPUUtilization", "checkout"), points)
        self.assertNotIn(("DbIntegrityFailed", "checkout"), points)
        self.restore(UseLatestRestorableTime=True)
        rename = {"NewDBInstanceIdentifier": "old", "ApplyImmediately": True}
        self.refused("InvalidDBInstanceState", "ModifyDBInstance", DBInstanceIdentifier="checkout", **rename)
        copy = self.database("heal-1")["DbiResourceId"]
        self.world.ail({"ail": "db-cut-over", "id": "checkout"})
        self.minutes(15)
        self.assertEqual(("available", copy), (self.status(), self.database()["DbiResourceId"]))

    def test_corrupt_data_is_gone_in_a_copy_of_the_last_good_time(self) -> None:
        self.assertEqual((0.0,), self.minutes(1)["DbIntegrityFailed", "checkout"])
        good = self.world.call("ssm", "GetParameter", {"Name": LAST_GOOD})["Parameter"]["Value"]
        self.minutes(6)
        self.world.ail({"ail": "db-instance", "id": "checkout", "data": "corrupt"})
        self.assertEqual((1.0,), self.minutes(4)["DbIntegrityFailed", "checkout"])
        self.world.given({"verify-document": "healstack-verify-checkout"})
        self.restore(RestoreTime=good)
        named = {"DBInstanceIdentifier": ["heal-1"]}
        self.assertEqual("Success", self.world.command("healstack-verify-checkout", "i-1", named)[1])
        self.world.ail({"ail": "db-cut-over", "id": "checkout"})
        self.minutes(25)
        self.assertEqual("available", self.status("checkout-old"))
        self.assertEqual((0.0,), self.minutes(5)["DbIntegrityFailed", "checkout"])

    def test_latest_time_restores_the_corruption_too(self) -> None:
        self.minutes(7)
        self.world.ail({"ail": "db-instance", "id": "checkout", "data": "corrupt"})
        self.minutes(10)
        self.world.given({"verify-document": "healstack-verify-checkout"})
        self.restore(UseLatestRestorableTime=True)
        named = {"DBInstanceIdentifier": ["heal-1"]}
        self.assertEqual("Failed", self.world.command("healstack-verify-checkout", "i-1", named)[1])

    def test_refusals(self) -> None:
        restore = {"SourceDBInstanceIdentifier": "checkout", "TargetDBInstanceIdentifier": "heal-1"}
        api = "RestoreDBInstanceToPointInTime"
        self.refused("InvalidParameterCombination", api, **restore)
        self.refused("InvalidParameterValue", api, **restore, RestoreTime="2099-01-01T00:00:00Z")
        with self.assertRaises(ParamValidationError):
            self.call(api, **restore, RestoreTime="yesterday, I think")
        same = {**restore, "TargetDBInstanceIdentifier": "checkout"}
        self.refused("DBInstanceAlreadyExists", api, **same, UseLatestRestorableTime=True)
        self.world.given({"db-instance": "bare", "backup-days": 0})
        bare = {**restore, "SourceDBInstanceIdentifier": "bare"}
        self.refused("PointInTimeRestoreNotEnabled", api, **bare, UseLatestRestorableTime=True)
        self.world.ail({"ail": "db-restore", "id": "checkout", "ends": "restore-error"})
        self.call(api, **restore, UseLatestRestorableTime=True)
        self.minutes(60)
        self.assertEqual("restore-error", self.status("heal-1"))

    def test_new_name_takes_its_time(self) -> None:
        before = self.database()["DbiResourceId"]
        rename = {"NewDBInstanceIdentifier": "old", "ApplyImmediately": True}
        self.call("ModifyDBInstance", DBInstanceIdentifier="checkout", **rename)
        found = {"Filters": [{"Name": "dbi-resource-id", "Values": [before]}]}
        names = []
        for wait in (0, 2):
            self.minutes(wait)
            names += [each["DBInstanceIdentifier"] for each in self.call("DescribeDBInstances", **found)["DBInstances"]]
        self.assertEqual(["checkout", "old"], names)
        self.assertEqual("rebooting", self.status("old"))
        self.minutes(9)
        self.assertEqual("available", self.status("old"))


if __name__ == "__main__":
    unittest.main()
