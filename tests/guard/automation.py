"""Runs an Automation document step by step, as the reference of its actions says (Automation actions reference, 2026-11).

The actions that Healstack's compiler knows, without those that wait for hosts or people. Calls go to a function of the test. Stricter
than AWS may be: a selector that finds nothing fails its step, an output must have its declared type, a script gets no import.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Call = Callable[[str, str, dict[str, Any]], dict[str, Any]]

OWN_INPUTS = ("Service", "Api", "PropertySelector", "DesiredValues")
REFERENCE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
PART = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\['([^']+)'\]|\[([0-9]+)\]")
TYPES: dict[str, tuple[type, ...]] = {
    "String": (str, int, float, bool),
    "Integer": (int,),
    "Boolean": (bool,),
    "StringList": (list,),
    "MapList": (list,),
    "StringMap": (dict,),
}
# A wait looks this often before its time is over.
LOOKS = 3
# What a script may use: everything that neither reads nor reaches anything.
BUILTINS = {
    name: value
    for name, value in vars(builtins).items()
    if name not in ("__import__", "open", "eval", "exec", "compile", "input", "breakpoint", "globals", "getattr")
}


class StepFailed(Exception):
    """Why a step failed."""


@dataclass
class Run:
    """What became of an automation."""

    steps: list[str] = field(default_factory=list)
    status: str = "Success"
    failures: dict[str, str] = field(default_factory=dict)


def run(content: dict[str, Any], given: dict[str, Any], call: Call, now: str) -> Run:
    """Runs a document to its end. `given` are the parameters, `now` is the time as `global:DATE_TIME` has it."""
    declared = content["parameters"]
    values = {name: spec["default"] for name, spec in declared.items() if "default" in spec} | given
    for name, value in values.items():
        pattern = declared[name].get("allowedPattern")
        assert pattern is None or re.search(pattern, str(value)), f"{name}: {value} is not {pattern}"
    assert values.keys() == declared.keys(), f"{declared.keys() - values.keys()} have no value"
    values |= {"global:DATE_TIME": now, "automation:EXECUTION_ID": "e"}
    steps = {step["name"]: step for step in content["mainSteps"]}
    result, step = Run(), content["mainSteps"][0]
    while True:
        result.steps.append(step["name"])
        try:
            following = perform(step, values, call)
        except StepFailed as failure:
            result.failures[step["name"]] = str(failure)
            if step.get("isCritical", True):
                result.status = "Failed"
            target = str(step.get("onFailure", "Abort")).partition("step:")[2]
            if step.get("isEnd") or not target:
                return result
            step = steps[target]
            continue
        if step.get("isEnd"):
            return result
        step = steps[following or step["nextStep"]]


def perform(step: dict[str, Any], values: dict[str, Any], call: Call) -> str | None:
    """One step; returns where a branch leads."""
    inputs, action = substitute(step.get("inputs") or {}, values), step["action"].removeprefix("aws:")
    if action == "sleep":
        return None
    if action == "branch":
        chosen = [each["NextStep"] for each in inputs["Choices"] if holds(each)]
        return str(chosen[0] if chosen else inputs["Default"])
    if action == "executeScript":
        found = script(inputs)
    else:
        request = {name: value for name, value in inputs.items() if name not in OWN_INPUTS}
        looks = LOOKS if action == "waitForAwsResourceProperty" else step.get("maxAttempts", 1)
        for look in range(looks):
            try:
                found = call(inputs["Service"], inputs["Api"], request)
                if action != "executeAwsApi":
                    desired(found, inputs)
                break
            except Exception as error:
                if look + 1 == looks:
                    raise StepFailed(f"{type(error).__name__}: {error}") from error
    for output in step.get("outputs") or []:
        value = select(found, output["Selector"])
        if not isinstance(value, TYPES[output["Type"]]):
            raise StepFailed(f"{output['Name']} is {value!r}, no {output['Type']}")
        values[f"{step['name']}.{output['Name']}"] = str(value) if output["Type"] == "String" else value
    return None


def script(inputs: dict[str, Any]) -> dict[str, Any]:
    """The payload of a script, as JSON would carry it."""
    scope: dict[str, Any] = {"__builtins__": BUILTINS}
    try:
        exec(inputs["Script"], scope)  # noqa: S102 - the document's own
        payload = scope[inputs["Handler"]](json.loads(json.dumps(inputs["InputPayload"])), None)
    except Exception as error:
        raise StepFailed(f"{type(error).__name__}: {error}") from error
    return {"Payload": json.loads(json.dumps(payload))}


def desired(found: dict[str, Any], inputs: dict[str, Any]) -> None:
    """Fails unless the property has one of the values."""
    value = select(found, inputs["PropertySelector"])
    if str(value).lower() not in [str(each).lower() for each in inputs["DesiredValues"]]:
        raise StepFailed(f"{inputs['PropertySelector']} is {value}")


def select(found: Any, selector: str) -> Any:
    """What a selector of names and indexes finds."""
    rest = selector.removeprefix("$")
    while rest:
        part = PART.match(rest)
        if not part:
            raise StepFailed(f"`{selector}` is not understood")
        name, index, rest = part.group(1) or part.group(2), part.group(3), rest[part.end() :]
        try:
            found = found[int(index)] if index else found[name]
        except (KeyError, IndexError, TypeError):
            raise StepFailed(f"`{selector}` finds nothing") from None
    return json.loads(json.dumps(found, default=str))


def substitute(value: Any, values: dict[str, Any]) -> Any:
    """A value with its variables replaced: with their type where one is the whole text, as text where it is a part."""
    if isinstance(value, dict):
        return {key: substitute(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, values) for item in value]
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(value)
    if whole:
        return values[whole.group(1)]
    return REFERENCE.sub(lambda found: str(values[found.group(1)]), value)


def holds(choice: dict[str, Any]) -> bool:
    """Whether a choice of a branch is true."""
    if "And" in choice:
        return all(holds(each) for each in choice["And"])
    if "Or" in choice:
        return any(holds(each) for each in choice["Or"])
    if "Not" in choice:
        return not holds(choice["Not"])
    (operation,) = choice.keys() - {"Variable", "NextStep"}
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "StringEquals": lambda left, right: left == right,
        "NumericEquals": lambda left, right: left == right,
        "NumericGreater": lambda left, right: left > right,
    }
    return compare[operation](choice["Variable"], choice[operation])
