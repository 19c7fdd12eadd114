"""Values of a template as text that two places can be compared by: an ARN for every reference to one.

templates.plain() puts a stand-in where an intrinsic is, which suits a validator. Whether a role grants what a machine
calls can only be said by who knows *which* table `!GetAtt Ledger.Arn` is.
"""

from __future__ import annotations

import re
from typing import Any

import templates

Template = dict[str, Any]

_REGIONAL = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"

# Of each type: the property with its name, and what its ARN looks like before the name.
ARNS: dict[str, tuple[str, str, str]] = {
    "AWS::DynamoDB::Table": ("TableName", "dynamodb", "table/"),
    "AWS::KMS::Key": ("", "kms", "key/"),
    "AWS::SNS::Topic": ("TopicName", "sns", ""),
    "AWS::SQS::Queue": ("QueueName", "sqs", ""),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "states", "stateMachine:"),
}

# Types whose `Ref` is their ARN.
ARN_BY_REF = ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine")


def regional_arn(service: str, rest: str) -> str:
    """An ARN of this account and region, pseudo parameters left as they are written."""
    return _REGIONAL % (service, rest)


def readable(value: Any, template: Template) -> Any:
    """The value with every intrinsic as text; pseudo parameters and what is not known stay as `${..}`."""
    call = templates.intrinsic(value)
    if call:
        return _evaluate(*call, template)
    if isinstance(value, dict):
        return {key: readable(item, template) for key, item in value.items() if item != {"Ref": "AWS::NoValue"}}
    if isinstance(value, list):
        return [readable(item, template) for item in value if item != {"Ref": "AWS::NoValue"}]
    return value


def name_of(logical_id: str, template: Template) -> str:
    """What a resource is called in ARNs: its name property, or `${<logical id>}` where AWS makes one up."""
    resource = template["Resources"].get(logical_id) or {}
    name_property = ARNS.get(str(resource.get("Type")), ("", "", ""))[0]
    given = (resource.get("Properties") or {}).get(name_property) if name_property else None
    return f"${{{logical_id}}}" if given is None else str(readable(given, template))


def arn_of(logical_id: str, template: Template) -> str:
    """The ARN of a resource, or `${<logical id>.Arn}` for a type that nothing here compares."""
    kind = str((template["Resources"].get(logical_id) or {}).get("Type"))
    if kind not in ARNS:
        return f"${{{logical_id}.Arn}}"
    _, service, before = ARNS[kind]
    return regional_arn(service, before + name_of(logical_id, template))


def _ref(target: str, template: Template) -> Any:
    parameter = (template.get("Parameters") or {}).get(target)
    if isinstance(parameter, dict):
        unknown = f"${{{target}}}"
        # The default of one that is read from Parameter Store is its name there.
        stored = str(parameter.get("Type")).startswith("AWS::SSM::Parameter::Value<")
        return unknown if stored else parameter.get("Default", unknown)
    kind = str((template["Resources"].get(target) or {}).get("Type"))
    if kind in ARN_BY_REF:
        return arn_of(target, template)
    return name_of(target, template)


def _get_att(target: Any, template: Template) -> str:
    logical_id, attribute = target[0], str(target[1])
    return arn_of(logical_id, template) if attribute == "Arn" else f"${{{logical_id}.{attribute}}}"


def _evaluate(name: str, argument: Any, template: Template) -> Any:
    if name == "Ref":
        return _ref(str(argument), template)
    if name == "Fn::GetAtt":
        return _get_att(argument, template)
    if name == "Fn::Sub":
        text, given = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})

        def value(match: re.Match[str]) -> str:
            key = match.group(1)
            if key.startswith("!"):
                return f"${{{key[1:]}}}"
            if key in given:
                return str(readable(given[key], template))
            if key.startswith("AWS::"):
                return match.group(0)
            return _get_att(key.split(".", 1), template) if "." in key else str(_ref(key, template))

        return re.sub(r"\$\{([^}]+)\}", value, str(text))
    if name == "Fn::Join":
        parts = readable(argument[1], template)
        return str(argument[0]).join(map(str, parts)) if isinstance(parts, list) else f"${{{name}}}"
    if name == "Fn::If":
        return readable(argument[1], template)
    return f"${{{name}}}"
