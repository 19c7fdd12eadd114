"""Shows on a small template that the checks of roles and policies pass what is right and fail what is wrong."""

from __future__ import annotations

import check_runbooks
import iam_actions
import machine_permissions
import references
import templates
from machine_example import EXAMPLE, broken
from test_machine_states import Case

LEDGER = references.regional_arn("dynamodb", "table/ledger")
PUBLISH = "                  - {Effect: Allow, Action: sns:Publish, Resource: !Ref Topic}\n"
SOURCE = 'Condition: {StringEquals: {"aws:SourceAccount": !Ref "AWS::AccountId"}}'
ALARMS = "                Principal: {Service: cloudwatch.amazonaws.com}\n"


class Permissions(Case):
    """A machine's role against what the machine calls."""

    def test_grant_too_few(self) -> None:
        self.found(PUBLISH, "", "state Tell calls sns:Publish, which Role does not grant")
        self.found("dynamodb:GetItem, ", "", "state Read calls dynamodb:GetItem, which Role does not grant")
        self.found(
            "[kms:Decrypt, kms:GenerateDataKey], Resource: !Get",
            "kms:Decrypt, Resource: !Get",
            "calls kms:GenerateDataKey",
        )

    def test_grant_on_something_else(self) -> None:
        self.found(
            "${Ledger.Arn}/index/by-day",
            "${Ledger.Arn}",
            f"state List calls dynamodb:Query on {LEDGER}/index/by-day, on which Role does not grant it",
            f"Role grants dynamodb:Query on {LEDGER}, on which no state calls it",
        )
        self.some(
            PUBLISH,
            PUBLISH.replace("!Ref Topic", "arn:aws:sns:eu-west-1:1:other"),
            "state Tell calls sns:Publish on arn",
        )
        self.found("${Ledger.Arn}/index/by-day", "${Ledger.Arn}/index/*")

    def test_grant_too_many(self) -> None:
        self.found(
            "dynamodb:GetItem, ",
            "dynamodb:GetItem, dynamodb:DeleteItem, ",
            "Role grants dynamodb:DeleteItem, which no state calls",
        )
        self.found(
            "KmsMasterKeyId: !Ref Key",
            "DisplayName: told",
            "grants kms:Decrypt, which",
            "grants kms:GenerateDataKey, which",
        )

    def test_actions_beside_the_calls(self) -> None:
        self.some(
            "          LoggingConfiguration: {Level: ERROR}\n", "", "Role grants logs:CreateLogDelivery, which no"
        )
        self.found(
            "                      - logs:GetLogDelivery\n", "", "Role does not grant logs:GetLogDelivery, which the"
        )
        self.found("Action: iam:PassRole, ", "Action: ssm:StartAutomationExecution, ", "does not grant iam:PassRole")
        self.some(
            "ssm:startAutomationExecution", "ssm:describeDocument", "Role grants iam:PassRole, which no state calls"
        )
        for actions in machine_permissions.BESIDE:
            for action in actions:
                self.assertTrue(iam_actions.matching(action), action)

    def test_role(self) -> None:
        self.found(
            "RoleArn: !GetAtt Role.Arn",
            "RoleArn: arn:aws:iam::1:role/r",
            "RoleArn is not the Arn of a role in this template",
        )
        managed = "          ManagedPolicyArns: [arn:aws:iam::aws:policy/ReadOnlyAccess]\n          Policies:"
        self.found("          Policies:", managed, "Role has managed policies, whose grants")

    def test_policy_of_its_own(self) -> None:
        policy = """
      Policy:
        Type: AWS::IAM::Policy
        Properties:
          Roles: [!Ref Role]
          PolicyDocument: {Statement: {Effect: Allow, Action: sns:Publish, Resource: !Ref Topic}}
      Machine:
"""
        self.assertEqual([], broken((PUBLISH, ""), ("\n      Machine:\n", policy)).problems)

    def test_action_that_is_not_known(self) -> None:
        self.some(
            "aws-sdk:ssm:startAutomationExecution", "aws-sdk:iot:listThings", "Role grants ssm:StartAutomationExecution"
        )
        self.some(
            "aws-sdk:ssm:startAutomationExecution", "aws-sdk:s3:listObjectsV2", "IAM has no action s3:ListObjectsV2"
        )

    def test_actions_exist(self) -> None:
        # check_runbooks.py says it for every policy of a template.
        text = EXAMPLE.replace("dynamodb:GetItem", "dynamodb:ReadItem")
        self.assertIn(
            "`dynamodb:ReadItem` does not exist",
            str(list(check_runbooks.check_template(templates.parse(text, "test")))),
        )


class Principals(Case):
    """Who is let in."""

    def test_wildcard_in_an_action(self) -> None:
        self.found("dynamodb:GetItem, dynamodb:UpdateItem", "dynamodb:*Item", "wildcard in Action `dynamodb:*Item`")
        self.found("kms:GenerateDataKey*", "kms:*", "Key: KeyPolicy statement Alarms: wildcard in Action `kms:*`")
        self.found("${AWS::AccountId}:root", "${AWS::AccountId}:role/r", "statement Root: wildcard in Action `kms:*`")

    def test_everybody(self) -> None:
        self.found(ALARMS, '                Principal: "*"\n', "Principal `*` lets in", "wildcard in Action `kms:Gen")
        self.found(
            ALARMS, '                Principal: {AWS: ["*"]}\n', "Principal `*` lets in", "wildcard in Action `kms:Gen"
        )
        self.found(
            ALARMS,
            "                NotPrincipal: {AWS: x}\n",
            "NotPrincipal in an Allow",
            "wildcard in Action `kms:Gen",
        )
        self.found("Sid: Root\n                Effect: Allow", "Sid: Root\n                Effect: Deny")

    def test_service_for_anybody(self) -> None:
        self.found(SOURCE, "Comment: x", "Key: KeyPolicy statement Alarms: cloudwatch.amazonaws.com acts for anybody")
        self.found(
            SOURCE, SOURCE.replace("StringEquals", "StringEqualsIfExists"), "cloudwatch.amazonaws.com acts for anybody"
        )
        self.found(
            SOURCE, SOURCE.replace("StringEquals", "StringNotEquals"), "cloudwatch.amazonaws.com acts for anybody"
        )
        self.found(
            SOURCE, SOURCE.replace("aws:SourceAccount", "aws:PrincipalArn"), "cloudwatch.amazonaws.com acts for anybody"
        )
        self.found(SOURCE, 'Condition: {ArnLike: {"AWS:SourceArn": "arn:*"}}')


class References(Case):
    """Intrinsics as text."""

    TEMPLATE = templates.parse(
        "{Parameters: {P: {Type: String, Default: d}}, Resources: {"
        "T: {Type: 'AWS::SNS::Topic', Properties: {TopicName: t}}, "
        "Q: {Type: 'AWS::SQS::Queue'}, R: {Type: 'AWS::IAM::Role'}}}",
        "test",
    )

    def test_values(self) -> None:
        topic, queue = references.regional_arn("sns", "t"), references.regional_arn("sqs", "${Q}")
        for value, expected in (
            ({"Ref": "T"}, topic),
            ({"Ref": "P"}, "d"),
            ({"Ref": "AWS::Region"}, "${AWS::Region}"),
            ({"Fn::GetAtt": ["Q", "Arn"]}, queue),
            ({"Fn::GetAtt": ["R", "Arn"]}, "${R.Arn}"),
            ({"Fn::GetAtt": ["Q", "QueueName"]}, "${Q.QueueName}"),
            ({"Fn::Sub": "${T}/${Q.Arn}/${!x}/${AWS::Region}"}, f"{topic}/{queue}/${{x}}/${{AWS::Region}}"),
            ({"Fn::Sub": ["${a}", {"a": {"Ref": "P"}}]}, "d"),
            ({"Fn::Join": ["-", ["a", {"Ref": "P"}]]}, "a-d"),
            ({"Fn::If": ["C", "a", "b"]}, "a"),
            ({"Fn::ImportValue": "x"}, "${Fn::ImportValue}"),
            ([{"Ref": "AWS::NoValue"}, 1], [1]),
        ):
            with self.subTest(value):
                self.assertEqual(expected, references.readable(value, self.TEMPLATE))
