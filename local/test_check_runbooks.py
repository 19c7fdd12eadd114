"""Shows on small templates that each check of check_runbooks.py passes what is right and fails what is wrong."""

from __future__ import annotations

import tempfile
import textwrap
import unittest
from pathlib import Path

import check_runbooks
import iam_actions
import iam_table
import policy_findings
import templates

# Where DescribeInstances shows the state of one instance.
STATE = "$.Reservations[0].Instances[0].State.Name"

DOCUMENT = """
    Parameters:
      Prefix: {Type: String, Default: heal}
    Resources:
      Runbook:
        Type: AWS::SSM::Document
        Properties:
          Name: !Sub "${Prefix}--web--ec2"
          DocumentType: Automation
          Content:
            schemaVersion: "0.3"
            assumeRole: !GetAtt Role.Arn
            parameters:
              ResourceId: {type: String}
              Ids: {type: StringList}
              Force: {type: Boolean}
            mainSteps:
              - name: describe
                action: aws:executeAwsApi
                inputs: {Service: ec2, Api: DescribeInstances, InstanceIds: ["{{ ResourceId }}"]}
                outputs: [{Name: State, Selector: "$.Reservations[0].Instances[0].State.Name", Type: String}]
              - name: stop
                action: aws:executeAwsApi
                inputs: {Service: ec2, Api: StopInstances, InstanceIds: "{{ Ids }}", Force: "{{ Force }}"}
              - name: stopped
                action: aws:waitForAwsResourceProperty
                inputs:
                  Service: ec2
                  Api: DescribeInstances
                  InstanceIds: ["{{ ResourceId }}"]
                  PropertySelector: $.Reservations[0].Instances[0].State.Name
                  DesiredValues: [stopped, terminated]
              - name: report
                action: aws:executeAwsApi
                inputs:
                  Service: ssm
                  Api: CreateOpsItem
                  Title: "was {{ describe.State }} in {{ automation:EXECUTION_ID }}"
                  Description: !Sub "${Prefix}: look"
                  Source: healstack
"""

POLICY = """
    Resources:
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Version: 2012-10-17
            Statement: [{Effect: Allow, Principal: {Service: ssm.amazonaws.com}, Action: sts:AssumeRole}]
          Policies:
            - PolicyName: heal
              PolicyDocument:
                Version: 2012-10-17
                Statement:
                  - Sid: Read
                    Effect: Allow
                    Action: [ec2:Describe*, cloudwatch:DescribeAlarmContributors]
                    Resource: "*"
                  - {Sid: Act, Effect: Allow, Action: ec2:StopInstances, Resource: !Sub "arn:${AWS::Partition}:ec2:*"}
                  - {Sid: Open, Effect: Allow, Action: ssm:CreateOpsItem, Resource: "*"}
      Key:
        Type: AWS::KMS::Key
        Properties:
          KeyPolicy:
            Statement: {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "kms:*", Resource: "*"}
"""


def problems(text: str, old: str = "", new: str = "") -> list[str]:
    """What is found in a template of which one part was replaced."""
    text = textwrap.dedent(text)
    assert old in text, f"the template has no {old!r}"
    return list(check_runbooks.check_template(templates.parse(text.replace(old, new) if old else text, "test")))


class Documents(unittest.TestCase):
    """Automation steps."""

    def found(self, old: str, new: str, expected: str) -> None:
        """Replacing `old` gives exactly one problem, which contains `expected`."""
        found = problems(DOCUMENT, old, new)
        self.assertEqual(1, len(found), found)
        self.assertIn(expected, found[0])

    def test_right(self) -> None:
        self.assertEqual([], problems(DOCUMENT))

    def test_service(self) -> None:
        self.found("Service: ssm", "Service: systemsmanager", "step report: Service `systemsmanager` is no boto3")

    def test_api(self) -> None:
        self.found("Api: StopInstances", "Api: stop_instances", "Api `stop_instances` is no operation of ec2")

    def test_unknown_input(self) -> None:
        self.found(", Force: ", ", Forced: ", 'StopInstances: Unknown parameter in input: "Forced"')

    def test_missing_input(self) -> None:
        self.found("Source: healstack", "Priority: 1", 'Missing required parameter in input: "Source"')

    def test_type_of_a_reference(self) -> None:
        self.found('"{{ Ids }}"', '"{{ ResourceId }}"', "Invalid type for parameter InstanceIds")

    def test_reference_inside_text_is_text(self) -> None:
        self.found('Force: "{{ Force }}"', 'Force: "x{{ Force }}"', "Invalid type for parameter Force")

    def test_unknown_reference(self) -> None:
        self.found("{{ describe.State }}", "{{ describe.Stat }}", "{{ describe.Stat }} is neither a parameter")

    def test_literal_outside_its_enum(self) -> None:
        data = "OperationalData: {k: {Value: v, Type: Text}}"
        self.found("Source: healstack", f"{data}\n{' ' * 14}Source: healstack", "`Text` is none of SearchableString")

    def test_selector(self) -> None:
        for selector, expected in (
            ("$.Reservations[0].Instance", "output State: $.Reservations[0].Instance: no `Instance` in"),
            ("$.Reservations.Instances", "`Instances` of a list"),
            ("$.NextToken[0]", "[0] of a string"),
            ("$.NextToken.Text", "`Text` of a string"),
            ("Reservations", "does not begin with $"),
            ("$.Reservations[?(@.x)]", "`[?(@.x)]` is not understood"),
        ):
            with self.subTest(selector):
                self.found(f'"{STATE}"', f'"{selector}"', expected)

    def test_output_type(self) -> None:
        self.found("Type: String}]", "Type: Integer}]", f"Type is Integer, {STATE} is string")
        self.found("Type: String}]", "Type: Text}]", "Type `Text` is none of")
        self.found(f'"{STATE}"', '"$.Reservations[*].OwnerId"', "is a list of string")

    def test_property_selector(self) -> None:
        self.found(f"PropertySelector: {STATE}", "PropertySelector: $.Nope", "no `Nope`")
        self.found("State.Name\n", "State\n", "is a structure, not a single value")

    def test_desired_values(self) -> None:
        self.found("[stopped, terminated]", "[stopped, gone]", "DesiredValues: `gone` is none of")
        self.found("[stopped, terminated]", "[]", "DesiredValues is empty")

    def test_step_in_a_loop(self) -> None:
        step = "{name: in, action: aws:executeAwsApi, inputs: {Service: ec2, Api: Nope}}"
        loop = f"mainSteps:\n          - {{name: loop, action: aws:loop, inputs: {{Steps: [{step}]}}}}"
        self.assertIn("step in: Api `Nope`", str(problems(DOCUMENT, "mainSteps:", loop)))

    def test_script(self) -> None:
        for runtime, script, expected in (
            ("python3.11", "def f(events, context): return events", ""),
            ("python3.8", "def f(events, context): return events", "Runtime `python3.8` is none of python3.11"),
            ("python3.11", "def f(events): return events", "Handler `f` is no function of two parameters"),
            ("python3.11", "def g(events, context): return events", "Handler `f` is no function"),
            ("python3.11", "def f(events, context) return events", "Script is no Python: line 1"),
        ):
            inputs = f"{{Runtime: {runtime}, Handler: f, InputPayload: {{}}, Script: '{script}'}}"
            step = f"mainSteps:\n          - {{name: s, action: aws:executeScript, inputs: {inputs}}}"
            with self.subTest(expected):
                found = problems(DOCUMENT, "mainSteps:", step)
                self.assertEqual(1 if expected else 0, len(found), found)
                self.assertIn(expected, str(found))

    def test_no_steps(self) -> None:
        self.found("mainSteps:", "steps:", "Content has no mainSteps")


class Policies(unittest.TestCase):
    """IAM policies."""

    def found(self, old: str, new: str, expected: str) -> None:
        """Replacing `old` gives exactly one problem, which contains `expected`."""
        found = problems(POLICY, old, new)
        self.assertEqual(1, len(found), found)
        self.assertIn(expected, found[0])

    def test_right(self) -> None:
        self.assertEqual([], problems(POLICY))

    def test_action_that_does_not_exist(self) -> None:
        self.found("ec2:StopInstances", "ec2:HaltInstances", "statement Act: Action `ec2:HaltInstances` does not exist")
        self.found("ec2:Describe*", "ec2:Explain*", "Action `ec2:Explain*` does not exist")
        self.found("sts:AssumeRole", "sts:Assume", "AssumeRolePolicyDocument statement 1: Action `sts:Assume`")
        self.found('"kms:*"', '"kmz:*"', "Key: KeyPolicy statement 1: Action `kmz:*`")

    def test_write_on_everything(self) -> None:
        self.found('!Sub "arn:${AWS::Partition}:ec2:*"', '"*"', "ec2:StopInstances on Resource `*`")
        self.found("ssm:CreateOpsItem", "ssm:*OpsItem", "on Resource `*`")

    def test_negated(self) -> None:
        self.found("Action: ssm:CreateOpsItem", "NotAction: ssm:CreateOpsItem", "NotAction in an Allow")

    def test_known_gap_is_still_one(self) -> None:
        for action in iam_actions.KNOWN_GAPS:
            self.assertEqual((), iam_actions.matching(action), "the database has it: no gap any more")


class Findings(unittest.TestCase):
    """What parliament says."""

    def found(self, action: str, resource: str, condition: str = "{}") -> list[str]:
        """The findings of a role with one statement."""
        text = f"""
            Resources:
              Role:
                Type: AWS::IAM::Role
                Properties:
                  Policies:
                    - PolicyName: heal
                      PolicyDocument:
                        Version: 2012-10-17
                        Statement:
                          - Effect: Allow
                            Action: {action}
                            Resource: {resource}
                            Condition: {condition}
        """
        return list(policy_findings.check(templates.parse(textwrap.dedent(text), "test")))

    def test_right(self) -> None:
        arn = '!Sub "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*"'
        self.assertEqual([], self.found("ec2:StopInstances", arn))
        self.assertEqual([], self.found("cloudwatch:DescribeAlarms", '"*"'))
        self.assertEqual([], self.found("ecs:StopServiceDeployment", '"*"'), "younger than parliament's list")
        known_later = '!Sub "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:${Resource}"'
        self.assertEqual([], self.found("ec2:StopInstances", known_later))

    def test_wrong(self) -> None:
        volume = '!Sub "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:volume/*"'
        for expected, found in (
            ("RESOURCE_MISMATCH", self.found("ec2:StopInstances", volume)),
            ("RESOURCE_MISMATCH", self.found("ec2:StopInstances", volume.replace("*", "${Volume}"))),
            ("ec2:StopInstances on `*`", self.found("ec2:StopInstances", '"*"')),
            ("UNKNOWN_ACTION", self.found("ec2:StopInstance", '"*"')),
            ("INVALID_ARN", self.found("ec2:StopInstances", '"arn:aws:ec2"')),
            ("UNKNOWN_CONDITION", self.found("ec2:DescribeInstances", '"*"', '{StringEquals: {"ec2:Nothing": x}}')),
        ):
            with self.subTest(expected):
                self.assertEqual(1, len(found), found)
                self.assertIn(expected, found[0])


class Files(unittest.TestCase):
    """Reading templates, and the table for the compiler."""

    def test_short_intrinsics(self) -> None:
        parsed = templates.parse("Resources: {A: {B: !GetAtt R.Arn.X, C: !Join ['', [!Ref P]], D: 2012-10-17}}", "test")
        expected = {"B": {"Fn::GetAtt": ["R", "Arn.X"]}, "C": {"Fn::Join": ["", [{"Ref": "P"}]]}, "D": "2012-10-17"}
        self.assertEqual(expected, parsed["Resources"]["A"])

    def test_sub_keeps_literals(self) -> None:
        self.assertEqual(f"{templates.STAND_IN}/${{b}}", templates.plain({"Fn::Sub": "${a}/${!b}"}, {}))

    def test_no_template(self) -> None:
        for text in ("a: [", "Parameters: {}", "Resources: {A: 1}"):
            with self.subTest(text), self.assertRaisesRegex(templates.TemplateError, "test: "):
                templates.parse(text, "test")

    def test_table_is_compared(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.txt"
            self.assertEqual(1, iam_table.run(path, check=True))
            self.assertEqual(0, iam_table.run(path, check=False))
            self.assertEqual(0, iam_table.run(path, check=True))
            path.write_text(path.read_text(encoding="utf-8").replace("ssm:CreateOpsItem\n", ""), encoding="utf-8")
            self.assertEqual(1, iam_table.run(path, check=True))


if __name__ == "__main__":
    unittest.main()
