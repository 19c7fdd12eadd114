"""Lambda functions: an alias sends its calls to a version, and the version's errors follow it."""

from __future__ import annotations

import unittest
from typing import Any

from behaviour import ApiError, Unknown
from botocore.exceptions import ClientError
from world import World

NAME = "/heal/dev/last-good/lambda/orders/live"


class Functions(unittest.TestCase):
    """One function."""

    def setUp(self) -> None:
        self.world = World("111122223333", "eu-west-1", 7, 0)
        self.addCleanup(self.world.close)
        given = {"lambda_function": "orders", "alias": "live", "versions": ["6", "7"], "version": "7", "calls": 100}
        self.world.given({**given, "last_good": {"name": NAME, "version": "6"}})

    def call(self, api: str, **request: Any) -> Any:
        return self.world.call("lambda", api, {"FunctionName": "orders", **request})

    def rate(self, **more: str) -> tuple[float, float] | None:
        place = {"FunctionName": "orders", "Resource": "orders:live", **more}
        found = {each.name: each.values[0] for each in self.world.metrics() if each.dimensions == place}
        return (found["Errors"], found["Invocations"]) if found else None

    def test_the_alias_decides(self) -> None:
        self.assertEqual(self.rate(), (0, 100))
        self.world.ail({"ail": "function-version", "function": "orders", "version": "7", "percent": 60})
        self.assertEqual(self.rate(), (60, 100))
        alias = self.call("GetAlias", Name="live")
        good = self.world.call("ssm", "GetParameter", {"Name": NAME})["Parameter"]["Value"]
        self.assertEqual((alias["FunctionVersion"], good), ("7", "6"))
        now = self.call(
            "UpdateAlias",
            Name="live",
            FunctionVersion=good,
            RoutingConfig={"AdditionalVersionWeights": {}},
            RevisionId=alias["RevisionId"],
        )
        self.assertEqual(self.rate(), (0, 100))
        self.assertNotEqual(now["RevisionId"], alias["RevisionId"])
        with self.assertRaises(ApiError) as refused:
            self.call("UpdateAlias", Name="live", FunctionVersion="7", RevisionId=alias["RevisionId"])
        self.assertEqual(refused.exception.code, "PreconditionFailedException")

    def test_no_version_helps_against_what_all_need(self) -> None:
        self.world.ail({"ail": "function-errors", "function": "orders", "percent": 60, "for": "10m"})
        self.call("UpdateAlias", Name="live", FunctionVersion="6")
        self.assertEqual(self.rate(), (60, 100))
        self.world.advance(600_000)
        self.assertEqual(self.rate(), (0, 100))

    def test_a_canary(self) -> None:
        self.world.ail({"ail": "function-version", "function": "orders", "version": "7", "percent": 100})
        self.call("UpdateAlias", Name="live", FunctionVersion="6")
        self.call("UpdateAlias", Name="live", RoutingConfig={"AdditionalVersionWeights": {"7": 0.1}})
        self.assertEqual(self.rate(), (10, 100))
        self.assertEqual(self.rate(ExecutedVersion="7"), (10, 10))
        self.assertEqual(self.call("GetAlias", Name="live")["FunctionVersion"], "6")

    def test_nobody_calls(self) -> None:
        self.world.ail({"ail": "function-calls", "function": "orders", "percent": 0})
        self.assertIsNone(self.rate())

    def test_states(self) -> None:
        self.world.ail({"ail": "function-state", "function": "orders", "version": "6", "state": "Inactive"})
        self.assertEqual(self.call("GetFunctionConfiguration", Qualifier="6")["State"], "Inactive")
        self.assertEqual(self.call("GetFunctionConfiguration", Qualifier="7")["State"], "Active")

    def test_given_anew_without_a_record(self) -> None:
        given = {"lambda_function": "orders", "alias": "live", "versions": ["7"], "version": "7", "calls": 100}
        self.world.given(given)
        with self.assertRaises(ClientError):
            self.world.call("ssm", "GetParameter", {"Name": NAME})

    def test_refused(self) -> None:
        with self.assertRaises(ApiError):
            self.call("GetFunctionConfiguration", Qualifier="5")
        with self.assertRaises(ApiError):
            self.call("UpdateAlias", Name="live", FunctionVersion="5")
        with self.assertRaises(ClientError):
            self.world.call("ssm", "GetParameter", {"Name": "/heal/dev/last-good/lambda/other/live"})
        with self.assertRaises(Unknown):
            self.world.ail({"ail": "function-errors", "function": "other", "percent": 1})


if __name__ == "__main__":
    unittest.main()
