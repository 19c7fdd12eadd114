"""Checks whom policies let in and how much at once: no wildcard in an action, not everybody, no service for others.

A service acts for every customer of AWS. Without `aws:SourceAccount` or `aws:SourceArn` a policy that trusts one trusts
whoever can make it act: the confused deputy (IAM user guide).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import iam_actions
import references
from iam_actions import as_list

SOURCE_KEYS = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths")

# Wildcards in an action that stay, each with what makes them right.
#
# * A key policy without the account's root cannot be repaired by anybody, and IAM policies count for nothing.
# * What AWS documents for a service that publishes to an encrypted topic (SNS developer guide). The actions that it
#   covers differ in what they hand out: a clear copy, none, or a pair.
KEY_OF_ACCOUNT = "kms:*"
KEY_FOR_SERVICE = "kms:GenerateDataKey*"


def check(template: dict[str, Any]) -> Iterator[str]:
    """Every mistake in the policies of a template, as `<logical id>: what is wrong`."""
    for logical_id, resource in template["Resources"].items():
        properties = references.readable(resource.get("Properties") or {}, template)
        for path, policy in iam_actions.policies(properties, ""):
            for number, statement in enumerate(as_list(policy["Statement"]), start=1):
                if isinstance(statement, dict) and statement.get("Effect") == "Allow":
                    where = f"{logical_id}: {path} statement {statement.get('Sid') or number}"
                    yield from (f"{where}: {problem}" for problem in check_statement(statement, path))


def check_statement(statement: dict[str, Any], path: str) -> Iterator[str]:
    """Every mistake in a statement that allows."""
    principal = statement.get("Principal")
    for action in map(str, as_list(statement.get("Action", []))):
        if ("*" in action or "?" in action) and not stays(action, principal, path):
            yield f"wildcard in Action `{action}`"
    if "NotPrincipal" in statement:
        yield "NotPrincipal in an Allow lets in everybody who is not named"
    named = principal.values() if isinstance(principal, dict) else [principal]
    if "*" in [each for value in named for each in as_list(value)]:
        yield "Principal `*` lets in everybody"
    services = as_list(principal.get("Service", [])) if isinstance(principal, dict) else []
    if services and not has_source(statement.get("Condition")):
        yield f"{', '.join(services)} acts for anybody: no condition on aws:SourceAccount or aws:SourceArn"


def stays(action: str, principal: Any, path: str) -> bool:
    """Whether a wildcard is one of those that are explained above."""
    if not path.endswith("KeyPolicy") or not isinstance(principal, dict):
        return False
    if action == KEY_OF_ACCOUNT:
        return set(principal) == {"AWS"} and all(str(each).endswith(":root") for each in as_list(principal["AWS"]))
    return action == KEY_FOR_SERVICE and set(principal) == {"Service"}


def has_source(condition: Any) -> bool:
    """Whether a condition asks for whom a service acts. `…IfExists` does not: it is true where the key is missing."""
    return isinstance(condition, dict) and any(
        str(key).lower() in SOURCE_KEYS
        for operator, keys in condition.items()
        if isinstance(keys, dict) and not str(operator).endswith(("IfExists", "Null")) and "Not" not in str(operator)
        for key in keys
    )
