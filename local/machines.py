"""State machines of a template: their definitions, the scopes in them, and the ways from state to state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import references

State = dict[str, Any]

STATE_MACHINE = "AWS::StepFunctions::StateMachine"


class MachineError(Exception):
    """Why a definition cannot be read."""


@dataclass(frozen=True)
class Scope:
    """States that lead to each other: the top level, the processor of a Map, or a branch of a Parallel."""

    start: str
    states: dict[str, State]
    # The scope around it and the state there, for all but the top level.
    outer: Scope | None = None
    owner: str = ""
    # A distributed Map's processor, which sees no variables of the scopes around it.
    apart: bool = False

    @property
    def is_top(self) -> bool:
        """Whether nothing is around it that would catch its errors."""
        return self.outer is None


@dataclass(frozen=True)
class Way:
    """A transition out of a state."""

    # As it is written: `Next`, `Default`, `Choices[0].Next`, `Catch[1].Next`.
    field: str
    target: Any
    assigned: dict[str, Any]


@dataclass(frozen=True)
class Machine:
    """A state machine of a template, intrinsics as text (references.readable)."""

    logical_id: str
    properties: dict[str, Any]
    definition: dict[str, Any]
    scopes: tuple[Scope, ...]

    def states(self) -> Iterator[tuple[Scope, str, State]]:
        """Every state with its scope and name."""
        for scope in self.scopes:
            for name, state in scope.states.items():
                yield scope, name, state

    def size(self) -> int:
        """Bytes of the definition as CloudFormation hands it over."""
        return len(json.dumps(self.definition, ensure_ascii=False, separators=(",", ":")).encode())


def logical_ids(template: dict[str, Any]) -> list[str]:
    """The state machines of a template."""
    return [name for name, resource in template["Resources"].items() if resource.get("Type") == STATE_MACHINE]


def read(logical_id: str, template: dict[str, Any]) -> Machine:
    """A state machine of a template."""
    properties = references.readable(template["Resources"][logical_id].get("Properties") or {}, template)
    definition = properties.get("Definition")
    if definition is None and isinstance(properties.get("DefinitionString"), str):
        try:
            definition = json.loads(properties["DefinitionString"])
        except json.JSONDecodeError as error:
            raise MachineError(f"DefinitionString is no JSON: {error}") from error
    if not isinstance(definition, dict):
        raise MachineError("has neither Definition nor DefinitionString")
    return Machine(logical_id, properties, definition, tuple(_scopes(definition, None, "", False)))


def _scopes(part: Any, outer: Scope | None, owner: str, apart: bool) -> Iterator[Scope]:
    where = f"state {owner}: its states" if owner else "definition"
    states = part.get("States") if isinstance(part, dict) else None
    if not isinstance(states, dict) or not all(isinstance(state, dict) for state in states.values()):
        raise MachineError(f"{where}: no States, or one that is no mapping")
    scope = Scope(str(part.get("StartAt", "")), states, outer, owner, apart)
    yield scope
    for name, state in states.items():
        if "ItemProcessor" in state:
            processor = state["ItemProcessor"]
            mode = (processor.get("ProcessorConfig") or {}).get("Mode") if isinstance(processor, dict) else None
            yield from _scopes(processor, scope, name, mode == "DISTRIBUTED")
        for branch in state.get("Branches") or []:
            yield from _scopes(branch, scope, name, False)


def ways(state: State) -> Iterator[Way]:
    """Every way out of a state, with the variables that are assigned on it."""
    own = state.get("Assign") or {}
    if state.get("Type") == "Choice":
        for index, rule in enumerate(state.get("Choices") or []):
            yield Way(f"Choices[{index}].Next", rule.get("Next"), rule.get("Assign") or {})
        if "Default" in state:
            yield Way("Default", state["Default"], own)
    elif "Next" in state:
        yield Way("Next", state["Next"], own)
    for index, catcher in enumerate(state.get("Catch") or []):
        yield Way(f"Catch[{index}].Next", catcher.get("Next"), catcher.get("Assign") or {})
