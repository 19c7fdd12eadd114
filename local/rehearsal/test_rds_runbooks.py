"""Every call of the generated runbooks about databases and backups works in the rehearsed account."""

from __future__ import annotations

import re
import unittest
from pathlib import Path
from typing import Any

import yaml
from test_rds import LAST_GOOD, Case

TEMPLATE = Path(__file__).parents[2] / "generated/dev/checkout/template.yaml"
EVENT = "0f8fad5b-d9cb-469f-a165-70867728950e"
# What the engine answers itself.
ENGINE = ("cloudwatch", "dynamodb", "sns")


class Loader(yaml.SafeLoader):
    """CloudFormation's short forms, as what they hold."""


def held(loader: Loader, _: str, node: yaml.Node) -> Any:
    """A text, or a list as of `!Select`."""
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


Loader.add_multi_constructor("!", held)


def runbooks() -> dict[str, dict[str, Any]]:
    """The generated documents of the kinds about databases and backups, by logical id."""
    resources = yaml.load(TEMPLATE.read_text(), Loader)["Resources"]
    kinds = ("AuroraCluster", "BackupVerification", "DatabaseCorruption", "RdsInstance")
    documents = {key: value for key, value in resources.items() if value["Type"] == "AWS::SSM::Document"}
    return {key: value["Properties"]["Content"] for key, value in documents.items() if key.startswith(kinds)}


class Runbooks(Case):
    """The account of the shipped rules."""

    def setUp(self) -> None:
        super().setUp()
        self.world.given({"db-instance": "checkout"})
        members = [{"id": "orders-1", "zone": "a"}, {"id": "orders-2", "zone": "b"}]
        self.world.given({"db-cluster": "checkout-orders", "members": members})
        self.world.given({"backup-vault": "checkout"})
        job = {"integrity-job": "checkout", "stack": "checkout", "rule": "database-corruption-healing"}
        self.world.given({**job, "last-good": LAST_GOOD})
        self.minutes(6)

    def known(self, resource: str) -> dict[str, Any]:
        """What the variables of a runbook hold."""
        shown = self.database()
        point = self.world.call("backup", "StartBackupJob", self.backup())
        self.minutes(40)
        done = self.world.call("backup", "DescribeBackupJob", {"BackupJobId": point["BackupJobId"]})
        return {
            "ResourceId": resource,
            "RuleName": "checkout/rule",
            "HealEventId": EVENT,
            "automation:EXECUTION_ID": EVENT,
            "lastGood.Time": self.world.call("ssm", "GetParameter", {"Name": LAST_GOOD})["Parameter"]["Value"],
            "describe.Class": shown["DBInstanceClass"],
            "describe.SubnetGroup": shown["DBSubnetGroup"]["DBSubnetGroupName"],
            "describe.SecurityGroups": [each["VpcSecurityGroupId"] for each in shown["VpcSecurityGroups"]],
            "describe.ParameterGroup": shown["DBParameterGroups"][0]["DBParameterGroupName"],
            "describe.OptionGroup": shown["OptionGroupMemberships"][0]["OptionGroupName"],
            "describe.MultiAZ": shown["MultiAZ"],
            "describe.Public": shown["PubliclyAccessible"],
            "describe.IamAuthentication": shown["IAMDatabaseAuthenticationEnabled"],
            "describe.MinorUpgrades": shown["AutoMinorVersionUpgrade"],
            "describe.SnapshotTags": shown["CopyTagsToSnapshot"],
            "members.First": "orders-1",
            "members.Second": "orders-2",
            "onItsWay.JobId": point["BackupJobId"],
            "backUp.JobId": point["BackupJobId"],
            "recoveryPoint.Arn": done["RecoveryPointArn"],
            "compare.Because": "why",
        }

    def backup(self) -> dict[str, Any]:
        """A backup job beside the runbook's."""
        role = "arn:aws:iam::111122223333:role/backup"
        resource = "arn:aws:rds:eu-west-1:111122223333:db:checkout"
        return {"BackupVaultName": "checkout", "ResourceArn": resource, "IamRoleArn": role}

    def filled(self, value: Any, known: dict[str, Any]) -> Any:
        """A request with its variables' values, of their own types where they stand alone."""
        if isinstance(value, dict):
            return {key: self.filled(item, known) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item, known) for item in value]
        alone = re.fullmatch(r"{{ ([\w:.]+) }}", value) if isinstance(value, str) else None
        if alone:
            return known[alone[1]]
        if not isinstance(value, str):
            return value
        return re.sub(r"{{ ([\w:.]+) }}", lambda found: str(known[found[1]]), value)

    def test_calls(self) -> None:
        found = runbooks()
        self.assertEqual(6, len(found))
        for name, document in found.items():
            known = self.known("checkout-orders" if name.startswith("Aurora") else "checkout")
            for step in document["mainSteps"]:
                request = dict(step["inputs"])
                service, api = request.pop("Service", None), request.pop("Api", None)
                for other in ("PropertySelector", "DesiredValues"):
                    request.pop(other, None)
                if service is None or service in ENGINE:
                    continue
                with self.subTest(f"{name}.{step['name']}"):
                    if api == "RestoreDBInstanceToPointInTime":
                        self.instances.backend.databases.pop(f"heal-{EVENT}", None)
                    self.read(step, self.world.call(service, api, self.filled(request, known)))
                # So that what one step has begun ends before the next asks.
                self.minutes(35)

    @property
    def instances(self) -> Any:
        """The behaviour that keeps instances."""
        return next(each for each in self.world.behaviours if type(each).__name__ == "DatabaseInstances")

    def read(self, step: dict[str, Any], answer: dict[str, Any]) -> None:
        """Every output's path leads somewhere."""
        selectors = [each["Selector"] for each in step.get("outputs", [])]
        if "PropertySelector" in step["inputs"] and step["inputs"]["Api"] != "ListBackupJobs":
            selectors.append(step["inputs"]["PropertySelector"])
        for selector in selectors:
            value: Any = answer
            for name, index in re.findall(r"\.(\w+)|\[(\d+|\*)\]", selector):
                if name:
                    value = [each[name] for each in value] if isinstance(value, list) else value[name]
                elif index != "*":
                    value = value[int(index)]
            self.assertIsNotNone(value, selector)


if __name__ == "__main__":
    unittest.main()
