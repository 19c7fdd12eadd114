"""Checks the JSONata of a machine: that it parses, and that each variable has a value when a state reads it.

Variables are workflow variables (`Assign`). A state reads those that were assigned before it, on every way to it: what
is undefined fails the expression, and with it the execution, in the one case that no test went through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonata_expressions
import machines
from machines import Machine, Scope, State

# Fields whose expressions are evaluated before a state does its work; those that are evaluated after it see more.
AFTER = ("Assign", "Output")

# Fields that Step Functions takes no expressions in, or that hold states of their own.
CONSTANT = ("Comment", "End", "Next", "QueryLanguage", "Resource", "Retry", "Type")
OWN_SCOPES = ("Branches", "Catch", "Choices", "ItemProcessor")

WITH_RESULT = ("Map", "Parallel", "Task")

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")

Names = frozenset[str]

NOTHING: Names = frozenset()


@dataclass(frozen=True)
class Field:
    """A text in a state that may be an expression, and what of `$states` it may read."""

    path: str
    text: str
    states: tuple[str, ...]


def check(machine: Machine) -> Iterator[str]:
    """Every mistake in the expressions of a machine."""
    # Both by scope: what was assigned on every way to a state, and on some.
    always: dict[int, dict[str, Names]] = {}
    sometimes: dict[int, dict[str, Names]] = {}
    for scope in machine.scopes:
        for found, every in ((always, True), (sometimes, False)):
            outside = outer_names(scope, found)
            found[id(scope)] = {} if outside is None else assigned_before(scope, outside, every)
        for name, before in always[id(scope)].items():
            state = scope.states.get(name, {})
            readable = sometimes[id(scope)][name]
            problems = [
                *check_names(state, outer_names(scope, sometimes) or NOTHING),
                *check_state(state, before, readable),
            ]
            yield from (f"state {name}: {problem}" for problem in dict.fromkeys(problems))


def outer_names(scope: Scope, found: dict[int, dict[str, Names]]) -> Names | None:
    """What a scope can read of the scopes around it; None when nothing leads to it."""
    if scope.outer is None:
        return NOTHING
    before = found[id(scope.outer)].get(scope.owner)
    return NOTHING if scope.apart and before is not None else before


def assigned_before(scope: Scope, outside: Names, every: bool) -> dict[str, Names]:
    """The variables with a value when a state begins, on every way to it or on some. Unreachable states are missing."""
    found: dict[str, Names] = {scope.start: outside}
    left = [scope.start]
    while left:
        name = left.pop()
        if name not in scope.states:
            continue
        for way in machines.ways(scope.states[name]):
            target = str(way.target)
            now = found[name] | set(way.assigned)
            if target in found:
                now = found[target] & now if every else found[target] | now
            if target not in found or now != found[target]:
                found[target] = now
                left.append(target)
    return found


def check_names(state: State, outside: Names) -> Iterator[str]:
    """Names that are assigned: well formed, and not those of a scope around, which a state may only read."""
    for assigned in [state.get("Assign"), *(entry.get("Assign") for entry in entries(state))]:
        for name in assigned or {}:
            if not NAME.fullmatch(name) or name == "states":
                yield f"Assign: `{name}` is no name of a variable"
            elif name in outside:
                yield f"Assign: `{name}` is a variable of the states around these, which can only be read here"


def entries(state: State) -> list[dict[str, Any]]:
    """The rules of a Choice and the catchers of a state."""
    return [*(state.get("Choices") or []), *(state.get("Catch") or [])]


def check_state(state: State, always: Names, sometimes: Names) -> Iterator[str]:
    """Every mistake in the expressions of one state."""
    for key in CONSTANT:
        if key != "Comment" and any("{%" in text for _, text in strings(state.get(key), key)):
            yield f"{key}: Step Functions takes no expression here"
    for field in fields(state):
        if not jsonata_expressions.is_expression(field.text):
            if "{%" in field.text or "%}" in field.text:
                yield f"{field.path}: begins or ends with something else than {{% and %}}, so it is not evaluated"
            continue
        reading = jsonata_expressions.read(field.text)
        yield from (f"{field.path}: {problem}" for problem in reading.problems)
        for path in sorted(reading.states):
            if not path or path[0] not in field.states:
                shown = ".".join(("$states", *path[:1]))
                yield f"{field.path}: `{shown}` is not there; {', '.join(field.states)} are"
        for name, called in sorted(reading.variables):
            problem = check_variable(name, called, always, sometimes)
            if problem:
                yield f"{field.path}: {problem}"


def check_variable(name: str, called: bool, always: Names, sometimes: Names) -> str | None:
    """What is wrong with a name that an expression does not bind itself."""
    if called and name in sometimes:
        return f"`${name}` is a variable here, not the function"
    if name in sometimes and name not in always:
        return f"`${name}` has no value on some way to this state"
    if name in always or name in jsonata_expressions.BUILT_INS:
        return None
    if called:
        return f"function `${name}` does not exist"
    return f"`${name}` is assigned by no state before this one"


def fields(state: State) -> Iterator[Field]:
    """Every text of a state that Step Functions may evaluate."""
    result = ("result",) if state.get("Type") in WITH_RESULT else ()
    for key, value in state.items():
        if key not in CONSTANT and key not in OWN_SCOPES:
            after = result if key in AFTER else ()
            yield from (Field(path, text, ("context", "input", *after)) for path, text in strings(value, key))
    for part, more in (("Choices", ()), ("Catch", ("errorOutput",))):
        for index, entry in enumerate(state.get(part) or []):
            for key, value in entry.items():
                if key not in ("ErrorEquals", "Next", "Comment"):
                    found = strings(value, f"{part}[{index}].{key}")
                    yield from (Field(path, text, ("context", *more, "input")) for path, text in found)


def strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text below a value, with the way to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, f"{path}[{index}]")
