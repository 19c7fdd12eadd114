"""Checks that a state machine's role grants what its states call, and nothing else.

A grant too few fails at the call, a grant too many is found by somebody who has taken over an execution. Resources are
compared where both sides are known: a table, an index, a topic, a key.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import iam_actions
import jsonata_expressions
import machine_calls
import references
from iam_actions import as_list
from machines import Machine, State

Template = dict[str, Any]

# IAM's prefix of services that botocore calls otherwise.
IAM_PREFIXES = {"stepfunctions": "states", "elbv2": "elasticloadbalancing"}

LOG_DELIVERY = frozenset({
    "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
})  # fmt: skip

# What a publisher needs of the key of an encrypted topic (SNS developer guide, key management, 2026-11).
KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")


@dataclass(frozen=True)
class Need:
    """An action that a state calls, on a resource where it is known."""

    state: str
    action: str
    resource: str | None


@dataclass(frozen=True)
class Grant:
    """One action of a statement that allows, with the statement's resources."""

    action: str
    resources: tuple[str, ...]

    def covers(self, need: Need) -> bool:
        """Whether the grant allows what is needed."""
        return self.allows(need.action) and (
            need.resource is None or any(match(p, need.resource) for p in self.resources)
        )

    def allows(self, action: str) -> bool:
        """Whether the grant is for an action, whatever the resource."""
        return match(self.action.lower(), action.lower())


# Actions that no state calls and a role has all the same, each with when it is needed.
BESIDE: dict[frozenset[str], Callable[[Machine, list[Need]], bool]] = {
    # Step Functions makes the delivery of an execution's log under the machine's role.
    LOG_DELIVERY: lambda machine, _: "LoggingConfiguration" in machine.properties,
    # Systems Manager runs a runbook under the role that it names, and asks whether its starter may pass that role.
    frozenset({"iam:PassRole"}): lambda _, needs: any(need.action == "ssm:StartAutomationExecution" for need in needs),
}


def match(pattern: str, text: str) -> bool:
    """IAM's wildcards; a `[` is only a `[`."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def check(machine: Machine, template: Template) -> Iterator[str]:
    """Every difference between what a machine calls and what its role grants."""
    role_id = role_of(machine, template)
    if role_id is None:
        yield "RoleArn is not the Arn of a role in this template, so what it grants cannot be compared"
        return
    needs, problems = needed(machine, template)
    yield from problems
    given, problems = grants(role_id, template)
    yield from problems
    for need in dict.fromkeys(needs):
        if not any(grant.allows(need.action) for grant in given):
            yield f"state {need.state} calls {need.action}, which {role_id} does not grant"
        elif not any(grant.covers(need) for grant in given):
            yield f"state {need.state} calls {need.action} on {need.resource}, on which {role_id} does not grant it"
    beside = {action for actions, needed_for in BESIDE.items() if needed_for(machine, needs) for action in actions}
    for action in sorted(beside):
        if not any(grant.allows(action) for grant in given):
            yield f"{role_id} does not grant {action}, which the machine needs beside its calls"
    for grant in dict.fromkeys(given):
        if grant.action in beside:
            continue
        calls = [need for need in needs if grant.allows(need.action)]
        if not calls:
            yield f"{role_id} grants {grant.action}, which no state calls"
        elif all(need.resource is not None for need in calls):
            for resource in grant.resources:
                if not any(match(resource, str(need.resource)) for need in calls):
                    yield f"{role_id} grants {grant.action} on {resource}, on which no state calls it"


def role_of(machine: Machine, template: Template) -> str | None:
    """The logical id of a machine's role."""
    arn = machine.properties.get("RoleArn")
    for logical_id, resource in template["Resources"].items():
        if resource.get("Type") == "AWS::IAM::Role" and arn == references.arn_of(logical_id, template):
            return str(logical_id)
    return None


def needed(machine: Machine, template: Template) -> tuple[list[Need], list[str]]:
    """What the Tasks of a machine call, and for which calls no IAM action is known."""
    needs: list[Need] = []
    problems: list[str] = []
    keys = topic_keys(template)
    for _, name, state in machine.states():
        if state.get("Type") != "Task":
            continue
        try:
            call = machine_calls.call_of(state)
        except machine_calls.CallError:
            continue
        action = f"{IAM_PREFIXES.get(call.service, call.service)}:{call.operation.name}"
        if not iam_actions.matching(action) and action not in iam_actions.KNOWN_GAPS:
            problems.append(
                f"state {name}: IAM has no action {action}, and what else this call needs is not known here"
            )
        resources = resources_of(call.service, state)
        needs.extend(Need(name, action, resource) for resource in resources)
        if action == "sns:Publish":
            found = [keys[resource] for resource in resources if resource in keys]
            needs.extend(Need(name, each, key) for key in found for each in KEY_ACTIONS)
    return needs, problems


def topic_keys(template: Template) -> dict[str, str]:
    """ARNs of a template's encrypted topics, each with that of its key."""
    found = {}
    for logical_id, resource in template["Resources"].items():
        key = (resource.get("Properties") or {}).get("KmsMasterKeyId")
        if resource.get("Type") == "AWS::SNS::Topic" and key is not None:
            name = str(references.readable(key, template))
            arn = name if name.startswith("arn:") else references.regional_arn("kms", f"key/{name}")
            found[references.arn_of(logical_id, template)] = arn
    return found


def resources_of(service: str, state: State) -> list[str | None]:
    """The resources that a call is for, as a policy names them; one None where that is not known here."""
    arguments = state.get("Arguments")
    if not isinstance(arguments, dict):
        return [None]
    if service == "dynamodb":
        items = arguments.get("RequestItems")
        names = list(items) if isinstance(items, dict) else [arguments.get("TableName")]
        if not all(isinstance(name, str) and not jsonata_expressions.is_expression(name) for name in names):
            return [None]
        index = f"/index/{arguments['IndexName']}" if "IndexName" in arguments else ""
        return [references.regional_arn("dynamodb", f"table/{name}{index}") for name in names]
    topic = arguments.get("TopicArn") if service == "sns" else None
    return [topic if isinstance(topic, str) and not jsonata_expressions.is_expression(topic) else None]


def grants(role_id: str, template: Template) -> tuple[list[Grant], list[str]]:
    """What a role's policies allow, and such policies as are not looked into."""
    problems: list[str] = []
    role = references.readable(template["Resources"][role_id].get("Properties") or {}, template)
    documents = [policy.get("PolicyDocument") for policy in role.get("Policies") or []]
    if role.get("ManagedPolicyArns"):
        problems.append(f"{role_id} has managed policies, whose grants are not in this template")
    for resource in template["Resources"].values():
        if resource.get("Type") in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy"):
            properties = references.readable(resource.get("Properties") or {}, template)
            roles = [*as_list(properties.get("Roles", [])), properties.get("RoleName")]
            if references.name_of(role_id, template) in roles or role.get("RoleName", role_id) in roles:
                documents.append(properties.get("PolicyDocument"))
    found: list[Grant] = []
    for document in documents:
        for statement in as_list((document or {}).get("Statement", [])):
            if statement.get("Effect") == "Allow":
                resources = tuple(map(str, as_list(statement.get("Resource", []))))
                found.extend(Grant(str(action), resources) for action in as_list(statement.get("Action", [])))
    return found, problems
