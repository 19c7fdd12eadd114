"""The rules that inputs are about: the shipped rule with other figures, and one runbook for all."""

from __future__ import annotations

import json
from typing import Any

from core_stack import RESOURCE, rule_resources

# Resources by what becomes of their runbooks; that of any other goes on for hours.
HEALED, BROKEN, LEFT_ALONE = "i-0aa0000000000900d", "i-0aa00000000000bad", "i-0aa0000000000a1d1"
ASKED = "i-0aa00000000000a5c"

ONE = {"service": "elasticloadbalancing", "type": "loadbalancer"}
VOLUME = {"service": "ec2", "type": "volume", "dimensions": ["VolumeId"]}
AGENTS = {"layer": "application", "signals": {}}

# Figures by rule.
RULES: dict[str, dict[str, Any]] = {
    "shop/heal": {},
    "shop/observing": {"mode": "observe"},
    "shop/off": {"mode": "off"},
    "shop/disabled": {"enabled": False},
    "shop/patient": {"cooldown_seconds": 7200},
    "shop/quiet": {"notify": "none"},
    "shop/failures": {"notify": "failures"},
    "shop/wide": {"budget": {"concurrent": 4, "per_hour": 9}},
    "shop/hourly": {"budget": {"concurrent": 2, "per_hour": 1}},
    "shop/waits": {"suppress_while": "down"},
    "shop/misspelt": {"suppress_while": "dwon"},
    "shop/usage": {"signals": {"usage": "agent", "exhausted": "agent"}},
    "shop/first": {"max_attempts": 1, "escalate_to": "second"},
    "shop/second": {},
    "shop/orphan": {"max_attempts": 1, "escalate_to": "gone"},
    "shop/leak": {**AGENTS, "escalate_to": "heal"},
    "shop/leakdata": {**AGENTS, "escalate_to": "vault"},
    "shop/leakgone": {**AGENTS, "escalate_to": "gone"},
    "shop/leakalone": AGENTS,
    "shop/vault": {"layer": "data"},
    "shop/shift": {"resource": {**ONE, "key": f"elasticloadbalancing:loadbalancer/app/web/{RESOURCE}"}},
    "shop/volume": {
        "resource": {**VOLUME, "also": [{"service": "ec2", "type": "instance", "dimension": "InstanceId"}]}
    },
    "shop/unstartable": {},
    "shop/garbled": {},
}
WITHOUT_RUNBOOK, WITHOUT_VALUE = "shop/unstartable", "shop/garbled"


def choice(resource: str, step: str) -> dict[str, str]:
    """Where a runbook goes for a resource."""
    return {"NextStep": step, "Variable": "{{ ResourceId }}", "StringEquals": resource}


RUNBOOK: dict[str, Any] = {
    "schemaVersion": "0.3",
    "parameters": {
        "ResourceId": {"type": "String"},
        "RuleName": {"type": "String", "default": "-"},
        "HealEventId": {"type": "String", "allowedPattern": "^[0-9a-fA-F-]{36}$"},
    },
    "mainSteps": [
        {
            "name": "choose",
            "action": "aws:branch",
            "inputs": {
                "Choices": [choice(HEALED, "heal"), choice(BROKEN, "fails"), choice(LEFT_ALONE, "leaveAlone"), choice(ASKED, "asks")],
                "Default": "goesOn",
            },
        },
        {"name": "goesOn", "action": "aws:sleep", "inputs": {"Duration": "PT12H"}, "isEnd": True},
        {"name": "heal", "action": "aws:sleep", "inputs": {"Duration": "PT4S"}, "isEnd": True},
        {
            "name": "asks",
            "action": "aws:executeAwsApi",
            "isCritical": False,
            "onFailure": "step:fails",
            "inputs": {"Service": "ec2", "Api": "RebootInstances", "InstanceIds": ["{{ ResourceId }}"]},
            "nextStep": "heal",
        },
        {
            "name": "fails",
            "action": "aws:executeAwsApi",
            "inputs": {"Service": "ec2", "Api": "RebootInstances", "InstanceIds": ["{{ ResourceId }}"]},
            "isEnd": True,
        },
        {"name": "leaveAlone", "action": "aws:sleep", "inputs": {"Duration": "PT4S"}, "isEnd": True},
    ],
}

# An alarm whose state inputs set.
DOWN = {
    "AlarmName": "down",
    "MetricName": "M",
    "Namespace": "N",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
    "Statistic": "Sum",
}


def document(rule: str) -> str:
    """The name of a rule's runbook."""
    return "heal--" + rule.replace("/", "--")


def template() -> dict[str, Any]:
    """A stack with every rule's parameter and runbook, and the alarm."""
    resources: dict[str, Any] = {"Down": {"Type": "AWS::CloudWatch::Alarm", "Properties": DOWN}}
    for index, (identity, figures) in enumerate(RULES.items()):
        parameter = rule_resources(identity, **figures)["Rule"]
        if identity == WITHOUT_VALUE:
            parameter["Properties"]["Value"] = "{"
        resources[f"Rule{index}"] = parameter
        if identity != WITHOUT_RUNBOOK:
            properties = {"Name": document(identity), "DocumentType": "Automation", "Content": RUNBOOK}
            resources[f"Runbook{index}"] = {"Type": "AWS::SSM::Document", "Properties": properties}
    found: dict[str, Any] = json.loads(json.dumps({"Resources": resources}))
    return found
