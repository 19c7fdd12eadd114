"""What the tests are about: the generated core stack, and rules like the shipped ones. Nothing is copied by hand."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "local"))

import templates  # noqa: E402

GENERATED = ROOT / "generated" / "dev"
CORE_TEXT = (GENERATED / "core" / "template.yaml").read_text(encoding="utf-8")
CORE = templates.parse(CORE_TEXT, "core")
# The same in JSON, which is read ten times as fast.
CORE_JSON = json.dumps(CORE)
SHIPPED = templates.parse((GENERATED / "checkout" / "template.yaml").read_text(encoding="utf-8"), "checkout")[
    "Resources"
]

TABLE = "heal--core--ledger"
GUARD, RECORDER, SWEEPER = "heal--core--guard", "heal--core--recorder", "heal--core--sweeper"
RULE, RESOURCE = "shop/heal", "i-0aa00000000000001"


def machine(name: str) -> dict[str, Any]:
    """The definition of a state machine in the generated core stack."""
    for resource in CORE["Resources"].values():
        if (
            resource["Type"] == "AWS::StepFunctions::StateMachine"
            and resource["Properties"]["StateMachineName"] == name
        ):
            definition: dict[str, Any] = resource["Properties"]["Definition"]
            return definition
    raise AssertionError(f"no machine {name}")


def rule_resources(identity: str, **figures: Any) -> dict[str, Any]:
    """A rule's parameter and runbook, from the shipped rule for EC2 instances. A figure of None takes the field out."""
    stack, rule = identity.split("/")
    parameter = copy.deepcopy(SHIPPED["Ec2InstanceHealingRule"])
    value = {**json.loads(parameter["Properties"]["Value"]), "rule": identity, **figures}
    value = {key: item for key, item in value.items() if item is not None}
    parameter["Properties"].update(Name=f"/heal/dev/{identity}", Value=json.dumps(value))
    runbook = copy.deepcopy(SHIPPED["Ec2InstanceHealingRunbook"])
    runbook["Properties"]["Name"] = f"heal--{stack}--{rule}"
    content = runbook["Properties"]["Content"]
    content.pop("assumeRole")
    content["parameters"]["RuleName"].update(allowedPattern=f"^{identity}$", default=identity)
    return {"Rule": parameter, "Runbook": runbook}


def lease(identity: str = RULE) -> int:
    """The lease of the shipped rule in seconds."""
    return int(json.loads(SHIPPED["Ec2InstanceHealingRule"]["Properties"]["Value"])["lease_seconds"])
