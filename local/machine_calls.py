"""Checks what Task states call against botocore's service models: operation, arguments, results, names of errors.

Step Functions spells all three its own way: services as the AWS SDK for Java does, members with a capital, and errors
with a prefix that differs between its own ("optimized") integrations and those of the SDK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

import jsonata_expressions
import machine_variables
from machines import Machine, State

RESOURCE = re.compile(r":states:::(?P<sdk>aws-sdk:)?(?P<service>[a-z0-9]+):(?P<action>[A-Za-z0-9]+)(?P<pattern>\..+)?")

# Optimized integrations whose arguments are the API's: botocore's service, prefix of errors, actions (developer
# guide, 2026-11).
OPTIMIZED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "dynamodb": ("dynamodb", "DynamoDB", ("deleteItem", "getItem", "putItem", "updateItem")),
    "events": ("events", "EventBridge", ("putEvents",)),
    "sns": ("sns", "SNS", ("publish",)),
    "sqs": ("sqs", "SQS", ("sendMessage",)),
    "states": ("stepfunctions", "StepFunctions", ("startExecution",)),
}

# Texts that an optimized integration takes any JSON for.
ANY_JSON = frozenset(
    {"StartExecution.Input", "Publish.Message", "SendMessage.MessageBody", "PutEvents.Entries[].Detail"}
)

# botocore's name of services that the SDK for Java calls otherwise; their serviceId is what both come from.
BOTOCORE_NAMES = {
    "cloudwatchlogs": "logs",
    "elasticloadbalancingv2": "elbv2",
    "eventbridge": "events",
    "sfn": "stepfunctions",
}

# Errors that any AWS service may answer with and that its model does not name (each API reference, common errors).
COMMON_ERRORS = (
    "AccessDeniedException",
    "InternalFailure",
    "ServiceUnavailable",
    "ThrottlingException",
    "ValidationException",
)

# Python types of literals by botocore shape type.
LITERALS: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "double": (float, int),
    "float": (float, int),
    "integer": (int,),
    "long": (int,),
    "string": (str,),
}


class CallError(Exception):
    """What is wrong with a Task's Resource."""


@dataclass(frozen=True)
class Call:
    """The API operation of a Task state."""

    operation: OperationModel
    optimized: bool
    # Before the `.` of its errors: `DynamoDB` of the optimized integration, `DynamoDb` of the SDK's.
    prefix: str

    @property
    def service(self) -> str:
        """botocore's name of the service."""
        return str(self.operation.service_model.service_name)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


@cache
def service_model(name: str) -> ServiceModel:
    """The model of a service by botocore's name."""
    if name not in _session().get_available_services():
        raise CallError(f"botocore has no service `{name}`")
    return _session().get_service_model(name)


@cache
def sdk_service(name: str) -> ServiceModel:
    """The model of a service as `aws-sdk:` resources spell it: its serviceId, small and without spaces."""
    model = service_model(BOTOCORE_NAMES.get(name, name))
    spelled = re.sub(r"[^a-z0-9]", "", str(model.metadata.get("serviceId", "")).lower())
    if spelled != name:
        raise CallError(f"Step Functions spells this service `{spelled}`, not `{name}`")
    return model


def sdk_prefix(model: ServiceModel) -> str:
    """The prefix of errors of a service's SDK integration: DynamoDB's is `DynamoDb`."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", str(model.metadata["serviceId"]))
    return "".join(word.capitalize() for word in words)


def call_of(state: State) -> Call:
    """The operation that a Task's Resource names."""
    resource = str(state.get("Resource"))
    found = RESOURCE.search(resource)
    if not found or found.end() != len(resource):
        raise CallError(f"Resource `{resource}` is no API call")
    service, action = found["service"], found["action"]
    if found["pattern"]:
        raise CallError(f"Resource: nothing here checks what `{found['pattern']}` needs")
    if found["sdk"]:
        model = sdk_service(service)
        prefix = sdk_prefix(model)
    else:
        name, prefix, actions = OPTIMIZED.get(service, ("", "", ()))
        if action not in actions:
            raise CallError(f"Resource: `{service}:{action}` is no optimized integration that is known here")
        model = service_model(name)
    operation = action[:1].upper() + action[1:]
    if action[:1].isupper() or operation not in model.operation_names:
        raise CallError(f"Resource: `{action}` is no operation of {service}")
    return Call(model.operation_model(operation), not found["sdk"], prefix)


def check(machine: Machine) -> tuple[list[str], int]:
    """Every mistake in the calls of a machine, and how many Tasks have arguments that only an execution knows."""
    problems: list[str] = []
    skipped = 0
    prefixes = {prefix: service_model(name) for name, prefix, _ in OPTIMIZED.values()}
    calls: list[tuple[str, State, Call]] = []
    for _, name, state in machine.states():
        if state.get("Type") == "Task":
            try:
                call = call_of(state)
            except CallError as error:
                problems.append(f"state {name}: {error}")
                continue
            calls.append((name, state, call))
            prefixes[call.prefix] = call.operation.service_model
    # Every machine shares a list of errors, so what is listed may be of a service that this one does not call.
    prefixes.setdefault("Ssm", service_model("ssm"))
    for name, state, call in calls:
        arguments = state.get("Arguments", {})
        skipped += jsonata_expressions.is_expression(arguments)
        found = [
            *check_members(arguments, call.operation.input_shape, call.operation.name, call.optimized),
            *check_result(state, call),
            *check_error_names(state, call, prefixes),
        ]
        problems.extend(f"state {name}: {problem}" for problem in found)
    return problems, skipped


def members(shape: StructureShape) -> dict[str, Shape]:
    """The members of a structure as Step Functions spells them."""
    return {name[:1].upper() + name[1:]: member for name, member in shape.members.items()}


def check_members(value: Any, shape: Shape | None, where: str, optimized: bool) -> Iterator[str]:
    """Literal arguments that the operation does not take, and required ones that are missing."""
    if jsonata_expressions.is_expression(value) or (optimized and where in ANY_JSON):
        return
    if shape is None:
        if value:
            yield f"{where} takes no arguments"
    elif isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            yield f"{where}: not a mapping"
            return
        known = members(shape)
        for key, item in value.items():
            if key in known:
                yield from check_members(item, known[key], f"{where}.{key}", optimized)
            else:
                yield f"{where} has no member `{key}`"
        required = (name[:1].upper() + name[1:] for name in shape.required_members)
        yield from (f"{where} lacks its required member `{name}`" for name in required if name not in value)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            yield f"{where}: not a list"
            return
        for item in value:
            yield from check_members(item, shape.member, f"{where}[]", optimized)
    elif isinstance(shape, MapShape):
        if not isinstance(value, dict):
            yield f"{where}: not a mapping"
            return
        for key, item in value.items():
            yield from check_members(item, shape.value, f"{where}.{key}", optimized)
    else:
        yield from check_literal(value, shape, where)


def check_literal(value: Any, shape: Shape, where: str) -> Iterator[str]:
    """A literal of another type than the operation takes, or outside its enum."""
    types = LITERALS.get(shape.type_name)
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        yield f"{where}: `{value}` is no {shape.type_name}"
    enum = getattr(shape, "enum", [])
    if enum and value not in enum:
        yield f"{where}: `{value}` is none of {', '.join(enum)}"


def check_result(state: State, call: Call) -> Iterator[str]:
    """Paths below `$states.result` that the operation's answer does not have."""
    for field in machine_variables.fields(state):
        if "result" not in field.states or not jsonata_expressions.is_expression(field.text):
            continue
        for path in sorted(jsonata_expressions.read(field.text).states):
            missing = missing_member(call.operation.output_shape, path[1:]) if path[:1] == ("result",) else None
            if missing:
                where = f"{field.path}: $states.{'.'.join(path)}"
                yield f"{where}: the answer of {call.operation.name} has no `{missing}`"


def missing_member(shape: Shape | None, path: tuple[str, ...]) -> str | None:
    """The first name of a path that a shape does not have. A list is the same as its items, as in JSONata."""
    for name in path:
        while isinstance(shape, ListShape):
            shape = shape.member
        if isinstance(shape, MapShape):
            shape = shape.value
        elif isinstance(shape, StructureShape) and name in members(shape):
            shape = members(shape)[name]
        else:
            return name
    return None


def check_error_names(state: State, call: Call, prefixes: dict[str, ServiceModel]) -> Iterator[str]:
    """Errors of services that do not exist, and such in a Catch as this call does not end with."""
    for field in ("Retry", "Catch"):
        for index, entry in enumerate(state.get(field) or []):
            for error in entry.get("ErrorEquals") or []:
                prefix, _, name = str(error).partition(".")
                if prefix == "States":
                    continue
                if field == "Catch" and prefix != call.prefix:
                    yield f"Catch[{index}]: errors of this call begin with `{call.prefix}.`, not as `{error}` does"
                elif prefix not in prefixes:
                    yield f"{field}[{index}]: `{error}` is an error of no service that is called"
                elif not is_error(name, prefixes[prefix]):
                    yield f"{field}[{index}]: {prefixes[prefix].service_name} has no error `{name}`"


def is_error(name: str, model: ServiceModel) -> bool:
    """Whether a service has an error. Step Functions ends all names with `Exception`, as the SDK for Java does."""
    return name in COMMON_ERRORS or name in model.shape_names or name.removesuffix("Exception") in model.shape_names
