"""Aurora clusters, as scenarios drive them."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import Unknown
from test_rds import Case

MEMBERS = [{"id": "orders-1", "zone": "a"}, {"id": "orders-2", "zone": "b"}, {"id": "orders-3", "zone": "c", "tier": 0}]


class Clusters(Case):
    """A writer and its readers."""

    def setUp(self) -> None:
        super().setUp()
        self.given()
        self.world.given({"db-probe": "orders", "stack": "shop", "rule": "aurora", "cluster": True})

    def given(self) -> None:
        """Two readers, of which the last is promoted first."""
        self.world.given({"db-cluster": "orders", "members": MEMBERS})

    def cluster(self) -> dict[str, Any]:
        """As DescribeDBClusters shows it."""
        return dict(self.call("DescribeDBClusters", DBClusterIdentifier="orders")["DBClusters"][0])

    def writer(self) -> str:
        """The member that writes."""
        members = self.cluster()["DBClusterMembers"]
        return next(str(each["DBInstanceIdentifier"]) for each in members if each["IsClusterWriter"])

    def test_well(self) -> None:
        points = self.minutes(1)
        self.assertEqual(((0.0, 0.0), (0.0,)), (points["DbProbeFailed", "orders"], points["LoginFailures", "WRITER"]))
        shown = self.cluster()
        self.assertEqual(("available", True, "orders-1"), (shown["Status"], shown["MultiAZ"], self.writer()))

    def test_failover_mends_a_writer_that_lets_nobody_in(self) -> None:
        self.world.ail({"ail": "db-cluster", "id": "orders", "logins": "fail", "until": "failover"})
        points = self.minutes(1)
        self.assertEqual(((1.0, 1.0), (5.0,)), (points["DbProbeFailed", "orders"], points["LoginFailures", "WRITER"]))
        self.call("FailoverDBCluster", DBClusterIdentifier="orders")
        self.assertEqual("available", self.cluster()["Status"])
        self.minutes(0.5)
        self.assertEqual("failing-over", self.cluster()["Status"])
        self.refused("InvalidDBClusterStateFault", "FailoverDBCluster", DBClusterIdentifier="orders")
        points = self.minutes(1.5)
        self.assertEqual(((0.0, 0.0), (0.0,)), (points["DbProbeFailed", "orders"], points["LoginFailures", "WRITER"]))
        self.assertEqual(("available", "orders-3"), (self.cluster()["Status"], self.writer()))
        self.assertEqual(["RDS-EVENT-0073", "RDS-EVENT-0006", "RDS-EVENT-0006", "RDS-EVENT-0071"], self.events())

    def test_failover_does_not_mend_what_follows_the_writer(self) -> None:
        self.world.ail({"ail": "db-cluster", "id": "orders", "logins": "hang", "until": "never"})
        self.call("FailoverDBCluster", DBClusterIdentifier="orders")
        points = self.minutes(3)
        self.assertEqual(((1.0, 1.0), (0.0,)), (points["DbProbeFailed", "orders"], points["LoginFailures", "WRITER"]))

    def test_wrong_passwords_keep_no_agent_out(self) -> None:
        self.world.ail({"ail": "db-cluster", "id": "orders", "passwords": "wrong", "for": "3m"})
        points = self.minutes(1)
        self.assertEqual(((0.0, 0.0), (5.0,)), (points["DbProbeFailed", "orders"], points["LoginFailures", "WRITER"]))
        self.assertEqual((0.0,), self.minutes(3)["LoginFailures", "WRITER"])

    def test_own_failover(self) -> None:
        self.world.ail({"ail": "db-cluster", "id": "orders", "writer": "lost"})
        self.minutes(1)
        self.assertEqual("orders-3", self.writer())

    def test_no_reader_that_is_ready(self) -> None:
        for name in ("orders-2", "orders-3"):
            self.world.ail({"ail": "db-member", "id": name, "status": "rebooting", "for": "10m"})
        self.refused("InvalidDBClusterStateFault", "FailoverDBCluster", DBClusterIdentifier="orders")

    def test_stopped_by_people_or_waiting_for_a_restart(self) -> None:
        self.world.ail({"ail": "db-member", "id": "orders-2", "parameters": "pending-reboot"})
        self.assertEqual("pending-reboot", self.cluster()["DBClusterMembers"][1]["DBClusterParameterGroupStatus"])
        self.call("StopDBCluster", DBClusterIdentifier="orders")
        self.assertEqual("stopping", self.cluster()["Status"])
        self.minutes(5)
        self.assertEqual("stopped", self.cluster()["Status"])

    def test_alone(self) -> None:
        self.world.given({"db-cluster": "lone", "members": [{"id": "lone-1"}]})
        self.refused("InvalidDBClusterStateFault", "FailoverDBCluster", DBClusterIdentifier="lone")
        self.assertFalse(self.call("DescribeDBClusters", DBClusterIdentifier="lone")["DBClusters"][0]["MultiAZ"])
        self.world.given({"db-probe": "lone", "stack": "shop", "rule": "aurora", "cluster": True})
        self.world.ail({"ail": "db-cluster", "id": "lone", "writer": "lost"})
        self.assertEqual((1.0, 1.0), self.minutes(7)["DbProbeFailed", "lone"])
        self.assertEqual((0.0, 0.0), self.minutes(2)["DbProbeFailed", "lone"])

    def test_unknown_words(self) -> None:
        refuses = {"logins": "fail", "until": "reboot"}
        unknown = ({"logins": "fail"}, refuses, {"status": "sad"}, {"writer": "tired"}, {})
        for thing in unknown:
            with self.subTest(thing), self.assertRaises(Unknown):
                self.world.ail({"ail": "db-cluster", "id": "orders", **thing})


if __name__ == "__main__":
    unittest.main()
