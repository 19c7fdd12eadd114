"""Checks Systems Manager Automation documents against botocore's service models.

`aws:executeAwsApi` and its two siblings are defined in boto3's terms: `Service` is a client name, the other inputs are
the operation's parameters. What botocore refuses here, the step would refuse at three in the morning.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.exceptions
import botocore.session
import yaml
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from templates import STAND_IN

API_ACTIONS = ("aws:executeAwsApi", "aws:waitForAwsResourceProperty", "aws:assertAwsResourceProperty")
OWN_INPUTS = ("Service", "Api", "PropertySelector", "DesiredValues")

# Outputs that a step has without declaring them (Automation actions reference, 2026-11).
BUILT_IN_OUTPUTS: dict[str, dict[str, str]] = {
    "aws:executeAwsApi": {"OutputPayload": "StringMap"},
    "aws:executeAutomation": {"ExecutionId": "String", "Output": "StringList", "Status": "String"},
    "aws:executeScript": {"OutputPayload": "StringMap"},
    "aws:loop": {"CurrentIteratorValue": "String", "CurrentIteration": "Integer"},
    "aws:runCommand": {
        "CommandId": "String", "Output": "String", "OutputPayload": "StringMap",
        "ResponseCode": "Integer", "Status": "String",
    },
}  # fmt: skip

# A value of each type that a document's parameter or output can have; AWS-specific parameter types are strings.
SAMPLES: dict[str, Any] = {
    "Boolean": True,
    "Integer": 1,
    "MapList": [{"key": STAND_IN}],
    "String": STAND_IN,
    "StringList": [STAND_IN],
    "StringMap": {"key": STAND_IN},
}

# botocore shape types that an output of a declared type can be taken from.
FITS: dict[str, tuple[str, ...]] = {
    "Boolean": ("boolean",),
    "Integer": ("integer", "long"),
    "MapList": ("list",),
    "String": ("string", "timestamp", "integer", "long", "float", "double", "boolean", "blob"),
    "StringList": ("list",),
    "StringMap": ("structure", "map"),
}

# Python runtimes of aws:executeScript (Automation actions reference, 2026-11).
RUNTIMES = ("python3.11",)

REFERENCE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
SELECTOR_PART = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\['([^']+)'\]|\[(-?[0-9]+|\*)\]")


class StepError(Exception):
    """What is wrong with a step, without its name."""


def check_document(content: Any) -> Iterator[str]:
    """Every mistake in an Automation document's content, each as `step <name>: what is wrong`."""
    if isinstance(content, str):
        try:
            content = yaml.safe_load(content)
        except yaml.YAMLError as error:
            yield f"Content is neither JSON nor YAML: {error}"
            return
    if not isinstance(content, dict) or not isinstance(content.get("mainSteps"), list):
        yield "Content has no mainSteps"
        return
    steps = list(all_steps(content["mainSteps"]))
    types = declared_types(content, steps)
    for step in steps:
        name = step.get("name", "?")
        for reference in sorted(set(REFERENCE.findall(json.dumps(step, default=str)))):
            if not (reference in types or reference.startswith(("global:", "automation:"))):
                yield f"step {name}: {{{{ {reference} }}}} is neither a parameter nor an output of a step"
        if step.get("action") == "aws:executeScript":
            yield from (f"step {name}: {problem}" for problem in check_script(step.get("inputs") or {}))
        if step.get("action") in API_ACTIONS:
            try:
                yield from (f"step {name}: {problem}" for problem in check_api_step(step, types))
            except StepError as error:
                yield f"step {name}: {error}"


def check_script(inputs: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a script: it does not parse, has no handler, or runs on something that Automation does not have."""
    runtime, handler = inputs.get("Runtime"), inputs.get("Handler")
    if runtime not in RUNTIMES:
        yield f"Runtime `{runtime}` is none of {', '.join(RUNTIMES)}"
    try:
        body = ast.parse(str(inputs.get("Script", ""))).body
    except SyntaxError as error:
        yield f"Script is no Python: line {error.lineno}: {error.msg}"
        return
    functions = {each.name: len(each.args.args) for each in body if isinstance(each, ast.FunctionDef)}
    if functions.get(str(handler)) != 2:
        yield f"Handler `{handler}` is no function of two parameters of the Script"


def all_steps(steps: list[Any]) -> Iterator[dict[str, Any]]:
    """The steps of a document in order, those inside `aws:loop` included."""
    for step in steps:
        if isinstance(step, dict):
            yield step
            yield from all_steps((step.get("inputs") or {}).get("Steps") or [])


def declared_types(content: dict[str, Any], steps: list[dict[str, Any]]) -> dict[str, str]:
    """The type of everything that `{{ .. }}` may name: parameters, variables and step outputs."""
    types = {str(name): str(spec.get("type", "String")) for name, spec in (content.get("parameters") or {}).items()}
    for name, spec in (content.get("variables") or {}).items():
        types[f"variable:{name}"] = str(spec.get("type", "String"))
    for step in steps:
        for output, kind in BUILT_IN_OUTPUTS.get(str(step.get("action")), {}).items():
            types[f"{step.get('name')}.{output}"] = kind
        for output in step.get("outputs") or []:
            if isinstance(output, dict):
                types[f"{step.get('name')}.{output.get('Name')}"] = str(output.get("Type", "String"))
    return types


def sample(kind: str) -> Any:
    """A value of a declared type."""
    return [STAND_IN] if kind.startswith("List<") else SAMPLES.get(kind, STAND_IN)


def substitute(value: Any, types: dict[str, str]) -> Any:
    """The value with references replaced: typed where a scalar is one reference, as text where it is part of one."""
    if isinstance(value, dict):
        return {substitute(key, types): substitute(item, types) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, types) for item in value]
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(value.strip())
    if whole:
        return sample(types.get(whole.group(1), "String"))
    return REFERENCE.sub(STAND_IN, value)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


@cache
def _service(name: str) -> ServiceModel:
    """The model of a boto3 client name."""
    if name not in _session().get_available_services():
        raise StepError(f"Service `{name}` is no boto3 client name")
    return _session().get_service_model(name)


def operation(service: Any, api: Any) -> OperationModel:
    """The operation that a step's Service and Api name."""
    model = _service(str(service))
    if api not in model.operation_names:
        raise StepError(f"Api `{api}` is no operation of {service}")
    return model.operation_model(str(api))


def check_api_step(step: dict[str, Any], types: dict[str, str]) -> Iterator[str]:
    """Every mistake in one API step: its inputs, selectors, output types and desired values."""
    inputs = step.get("inputs") or {}
    model = operation(inputs.get("Service"), inputs.get("Api"))
    given = {key: value for key, value in inputs.items() if key not in OWN_INPUTS}
    yield from check_inputs(model, given, types)
    if step["action"] != "aws:executeAwsApi":
        yield from check_property(model, inputs)
    for output in step.get("outputs") or []:
        name, selector, kind = output.get("Name"), str(output.get("Selector", "")), str(output.get("Type", "String"))
        try:
            shape, several = resolve(model.output_shape, selector)
        except StepError as error:
            yield f"output {name}: {error}"
            continue
        if kind not in FITS:
            yield f"output {name}: Type `{kind}` is none of {', '.join(FITS)}"
        elif ("list" if several else shape.type_name) not in FITS[kind]:
            found = f"a list of {shape.type_name}" if several else shape.type_name
            yield f"output {name}: Type is {kind}, {selector} is {found}"


def check_inputs(model: OperationModel, given: dict[str, Any], types: dict[str, str]) -> Iterator[str]:
    """What botocore's validator says about an operation's parameters, and literals that are not in their enum."""
    if model.input_shape is None:
        if given:
            yield f"{model.name} takes no inputs, found {', '.join(sorted(given))}"
        return
    report = ParamValidator().validate(substitute(given, types), model.input_shape)
    if report.has_errors():
        yield f"{model.name}: {'; '.join(report.generate_report().splitlines())}"
    yield from check_literals(given, model.input_shape, model.name)


def check_literals(value: Any, shape: Shape | None, where: str) -> Iterator[str]:
    """Strings without references that are not in the enum of their shape (ParamValidator does not look at enums)."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for key, item in value.items():
            yield from check_literals(item, shape.members.get(key), f"{where}.{key}")
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for item in value:
            yield from check_literals(item, shape.member, f"{where}[]")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for key, item in value.items():
            yield from check_literals(item, shape.value, f"{where}.{key}")
    elif isinstance(value, str) and not REFERENCE.search(value):
        enum = getattr(shape, "enum", [])
        if enum and value not in enum:
            yield f"{where}: `{value}` is none of {', '.join(enum)}"


def check_property(model: OperationModel, inputs: dict[str, Any]) -> Iterator[str]:
    """A wait's or assertion's PropertySelector and DesiredValues."""
    selector, desired = str(inputs.get("PropertySelector", "")), inputs.get("DesiredValues")
    if not isinstance(desired, list) or not desired:
        yield "DesiredValues is empty or no list"
        desired = []
    try:
        shape, _several = resolve(model.output_shape, selector)
    except StepError as error:
        yield f"PropertySelector: {error}"
        return
    if shape.type_name in ("structure", "map", "list"):
        yield f"PropertySelector: {selector} is a {shape.type_name}, not a single value"
    enum = ["true", "false"] if shape.type_name == "boolean" else list(getattr(shape, "enum", []))
    for value in desired:
        text = str(value).lower() if shape.type_name == "boolean" else str(value)
        if enum and not REFERENCE.search(text) and text not in enum:
            yield f"DesiredValues: `{value}` is none of {', '.join(enum)} ({selector})"


def resolve(shape: Shape | None, selector: str) -> tuple[Shape, bool]:
    """The shape that a JSONPath selects in a response, and whether it selects several (`[*]`)."""
    if shape is None:
        raise StepError(f"{selector}: the operation returns nothing")
    rest, several = selector, False
    if not rest.startswith("$"):
        raise StepError(f"{selector or '(empty)'}: does not begin with $")
    rest = rest[1:]
    while rest:
        part = SELECTOR_PART.match(rest)
        if not part:
            raise StepError(f"{selector}: `{rest}` is not understood")
        name, index, rest = part.group(1) or part.group(2), part.group(3), rest[part.end() :]
        if index is not None:
            if not isinstance(shape, ListShape):
                raise StepError(f"{selector}: [{index}] of a {shape.type_name}")
            several, shape = several or index == "*", shape.member
        elif isinstance(shape, StructureShape):
            if name not in shape.members:
                raise StepError(f"{selector}: no `{name}` in {shape.name}, which has {', '.join(shape.members)}")
            shape = shape.members[name]
        elif isinstance(shape, MapShape):
            shape = shape.value
        else:
            raise StepError(f"{selector}: `{name}` of a {shape.type_name}")
    return shape, several
