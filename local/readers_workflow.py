"""Readers of what runs, starts and feeds state machines: Step Functions, Logs, Pipes, Scheduler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reading import Clients, Properties, Reader, compare, only
from stack_values import UNKNOWN

# Stands in a definition for a substitution that only CloudFormation knows.
UNKNOWN_TEXT = "@unknown@"


def state_machine(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeStateMachine; the definitions are compared as JSON."""
    found = clients["stepfunctions"].describe_state_machine(stateMachineArn=physical_id)
    wanted = {
        "name": props.get("StateMachineName", UNKNOWN),
        "roleArn": props["RoleArn"],
        "status": "ACTIVE",
        "type": props.get("StateMachineType", "STANDARD"),
    }
    yield from compare(wanted, found)
    expected, deployed = definition(props), json.loads(found["definition"])
    problems = list(compare(expected, deployed, "Definition"))
    # Elsewhere a service may show more than the template says; a definition has no defaults that are filled in.
    if not problems and masked(deployed, expected) != expected:
        problems = ["Definition has more than the template says"]
    yield from problems
    for name in ("LoggingConfiguration", "TracingConfiguration"):
        if name in props:
            yield from compare(camel(props[name]), found.get(camel_name(name), {}), name)


def definition(props: Properties) -> Any:
    """A machine's definition as data, with its substitutions; values that only CloudFormation knows are unknown."""
    source = props.get("Definition", props.get("DefinitionString", UNKNOWN))
    if source is UNKNOWN:
        return UNKNOWN
    text = source if isinstance(source, str) else json.dumps(source, default=lambda _value: UNKNOWN_TEXT)
    for name, value in (props.get("DefinitionSubstitutions") or {}).items():
        text = text.replace(f"${{{name}}}", UNKNOWN_TEXT if value is UNKNOWN else str(value))
    try:
        return without_unknown(json.loads(text))
    except ValueError:
        # An unknown substitution that is no string leaves text that is no JSON.
        return UNKNOWN if UNKNOWN_TEXT in text else text


def without_unknown(value: Any) -> Any:
    """A definition whose texts with an unknown part are unknown."""
    if isinstance(value, dict):
        return {key: without_unknown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_unknown(item) for item in value]
    return UNKNOWN if isinstance(value, str) and UNKNOWN_TEXT in value else value


def masked(found: Any, wanted: Any) -> Any:
    """What was found, unknown where the template's value is."""
    if wanted is UNKNOWN:
        return UNKNOWN
    if isinstance(found, dict) and isinstance(wanted, dict):
        return {key: masked(item, wanted.get(key)) for key, item in found.items()}
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [masked(item, other) for item, other in zip(found, wanted, strict=True)]
    return found


def camel_name(name: str) -> str:
    """The API's name of a property."""
    return name[:1].lower() + name[1:]


def camel(value: Any) -> Any:
    """Properties with the API's names."""
    if isinstance(value, dict):
        return {camel_name(key): camel(item) for key, item in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value


def state_machine_version(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeStateMachine of the version."""
    found = clients["stepfunctions"].describe_state_machine(stateMachineArn=physical_id)
    yield from compare(props.get("StateMachineRevisionId", UNKNOWN), found["revisionId"], "StateMachineRevisionId")
    yield from compare(props.get("Description", ""), found.get("description", ""), "Description")
    yield from compare(props["StateMachineArn"], physical_id.rsplit(":", 1)[0], "StateMachineArn")


def state_machine_alias(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeStateMachineAlias."""
    found = clients["stepfunctions"].describe_state_machine_alias(stateMachineAliasArn=physical_id)
    yield from compare(props.get("Name", UNKNOWN), found["name"], "Name")
    yield from compare(props.get("Description", ""), found.get("description", ""), "Description")
    preference = props.get("DeploymentPreference")
    if preference:
        wanted = [{"stateMachineVersionArn": preference["StateMachineVersionArn"], "weight": 100}]
    else:
        wanted = camel(props["RoutingConfiguration"])
    yield from compare(wanted, found["routingConfiguration"], "RoutingConfiguration")


def log_group(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeLogGroups."""
    pages = clients["logs"].get_paginator("describe_log_groups").paginate(logGroupNamePrefix=physical_id)
    found = next((group for page in pages for group in page["logGroups"] if group["logGroupName"] == physical_id), None)
    if found is None:
        yield "DescribeLogGroups does not show it"
        return
    yield from compare(props.get("LogGroupName", UNKNOWN), physical_id, "LogGroupName")
    yield from compare(props.get("RetentionInDays"), found.get("retentionInDays"), "RetentionInDays")
    yield from compare(props.get("KmsKeyId"), found.get("kmsKeyId"), "KmsKeyId")
    yield from compare(props.get("LogGroupClass", "STANDARD"), found.get("logGroupClass"), "LogGroupClass")


def metric_filter(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeMetricFilters; its members are named as the properties are, but for their first letter."""
    group = {"logGroupName": props["LogGroupName"], "filterNamePrefix": physical_id}
    found = clients["logs"].describe_metric_filters(**group)["metricFilters"]
    if not found:
        yield "DescribeMetricFilters does not show it"
        return
    wanted = camel(only(props, "FilterPattern", "LogGroupName", "MetricTransformations"))
    for transformation in wanted["metricTransformations"]:
        # The API has a mapping where CloudFormation has a list.
        if "dimensions" in transformation:
            transformation["dimensions"] = {each["key"]: each["value"] for each in transformation["dimensions"]}
    yield from compare(wanted, found[0])


def log_resource_policy(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeResourcePolicies; the document is compared as JSON."""
    found = clients["logs"].describe_resource_policies()["resourcePolicies"]
    documents = {policy["policyName"]: policy["policyDocument"] for policy in found}
    if physical_id not in documents:
        yield "DescribeResourcePolicies does not show it"
        return
    yield from compare(json.loads(props["PolicyDocument"]), json.loads(documents[physical_id]), "PolicyDocument")


def pipe(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribePipe; its members are named as the properties are."""
    found = clients["pipes"].describe_pipe(Name=physical_id)
    yield from compare({"DesiredState": "RUNNING", **only(props, *(props.keys() - {"Tags"}))}, found)


def schedule(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """GetSchedule; its members are named as the properties are."""
    group = {"GroupName": props["GroupName"]} if "GroupName" in props else {}
    found = clients["scheduler"].get_schedule(Name=physical_id, **group)
    yield from compare({"State": "ENABLED", **props}, found)


READERS: dict[str, Reader] = {
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::Logs::ResourcePolicy": log_resource_policy,
    "AWS::Pipes::Pipe": pipe,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::StepFunctions::StateMachine": state_machine,
    "AWS::StepFunctions::StateMachineAlias": state_machine_alias,
    "AWS::StepFunctions::StateMachineVersion": state_machine_version,
}
