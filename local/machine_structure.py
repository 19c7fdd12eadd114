"""Checks how the states of a machine hang together, and that each call is limited, repeated and caught.

What is not caught ends an execution with everything it has taken still taken. What has no time limit may wait for
99999999 seconds, which is what AWS takes where none is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonata_expressions
import machines
from machines import Machine, Scope, State

# Amazon States Language and Step Functions quotas, 2026-11.
LONGEST_NAME = 80
LARGEST_DEFINITION = 1_048_576
LONGEST_SECONDS = 99_999_999
LONGEST_DELAY = 31_622_400

# (smallest, largest) of the numbers of a retrier.
RETRY_BOUNDS: dict[str, tuple[float, float]] = {
    "BackoffRate": (1, float("inf")),
    "IntervalSeconds": (1, LONGEST_SECONDS),
    "MaxAttempts": (0, LONGEST_SECONDS),
    "MaxDelaySeconds": (1, LONGEST_DELAY),
}

FINAL = ("Succeed", "Fail")
TYPES = ("Choice", "Fail", "Map", "Parallel", "Pass", "Succeed", "Task", "Wait")
WITH_SCOPES = ("Map", "Parallel")


def check(machine: Machine) -> Iterator[str]:
    """Every mistake in the structure of a machine."""
    if machine.definition.get("QueryLanguage") != "JSONata":
        yield "QueryLanguage is not JSONata, so its expressions cannot be checked"
    if not is_seconds(machine.definition.get("TimeoutSeconds")):
        yield f"TimeoutSeconds is not 1 to {LONGEST_SECONDS}: an execution that hangs would never end"
    if machine.size() > LARGEST_DEFINITION:
        yield f"the definition has {machine.size()} bytes, more than {LARGEST_DEFINITION}"
    for name, count in Counter(name for _, name, _ in machine.states()).items():
        if count > 1:
            yield f"state {name}: {count} states have this name; names are the whole machine's"
    for scope in machine.scopes:
        yield from check_scope(scope)


def check_scope(scope: Scope) -> Iterator[str]:
    """Every mistake in the states of one scope."""
    inside = f" in {scope.owner}" if scope.owner else ""
    if scope.start not in scope.states:
        yield f"StartAt{inside} is `{scope.start}`, which is no state there"
    reached = reachable(scope)
    for name, state in scope.states.items():
        problems = [*check_ways(scope, state), *check_errors(state, caught=not scope.is_top)]
        if name not in reached and scope.start in scope.states:
            problems.append("nothing leads there")
        if len(name) > LONGEST_NAME:
            problems.append(f"its name has more than {LONGEST_NAME} characters")
        yield from (f"state {name}: {problem}" for problem in problems)


def reachable(scope: Scope) -> set[str]:
    """The states that an execution of a scope can come to."""
    found: set[str] = set()
    left = [scope.start]
    while left:
        name = left.pop()
        if name not in found and name in scope.states:
            found.add(name)
            left.extend(str(way.target) for way in machines.ways(scope.states[name]))
    return found


def check_ways(scope: Scope, state: State) -> Iterator[str]:
    """Targets that do not exist, and an end that is missing or too many."""
    kind = state.get("Type")
    if kind not in TYPES:
        yield f"Type `{kind}` is none of {', '.join(TYPES)}"
    for way in machines.ways(state):
        if way.target not in scope.states:
            yield f"{way.field} `{way.target}` is no state {'of ' + scope.owner if scope.owner else 'here'}"
    if kind == "Choice":
        if not state.get("Choices"):
            yield "Choices is empty"
        if "Default" not in state:
            yield "no Default: what no rule matches would fail"
    leaves = [key for key in ("Next", "End") if key in state]
    if kind in FINAL or kind == "Choice":
        yield from (f"{key} in a {kind}" for key in leaves)
    elif len(leaves) != 1:
        yield "both Next and End" if leaves else "neither Next nor End"
    elif "End" in state and state["End"] is not True:
        yield "End is not true"


def check_errors(state: State, caught: bool) -> Iterator[str]:
    """Time limit, retriers and catchers. `caught`: a state around this one catches what this one does not."""
    kind = state.get("Type")
    if kind == "Task":
        yield from check_time_limit(state)
        yield from check_retry(state.get("Retry"))
    elif "Retry" in state:
        yield from check_retry(state["Retry"])
    if (kind == "Task" or kind in WITH_SCOPES) and (state.get("Catch") or not caught):
        yield from check_errors_equal("Catch", state.get("Catch"), last_takes_all=not caught)


def check_time_limit(state: State) -> Iterator[str]:
    """TimeoutSeconds of a Task, and its heartbeat."""
    limit, heartbeat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
    if jsonata_expressions.is_expression(limit):
        return
    if limit is None or not is_seconds(limit):
        yield f"TimeoutSeconds is not 1 to {LONGEST_SECONDS}"
    elif isinstance(heartbeat, int) and heartbeat >= limit:
        yield "HeartbeatSeconds is not below TimeoutSeconds"


def check_retry(retry: Any) -> Iterator[str]:
    """The retriers of a state."""
    yield from check_errors_equal("Retry", retry, last_takes_all=True)
    for index, retrier in enumerate(retry if isinstance(retry, list) else []):
        for key, (smallest, largest) in RETRY_BOUNDS.items():
            value = retrier.get(key, smallest)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            whole = key == "BackoffRate" or isinstance(value, int)
            if not (number and whole and smallest <= value <= largest):
                yield f"Retry[{index}].{key} is {value}, not {smallest} to {largest}"
        delay, interval = retrier.get("MaxDelaySeconds"), retrier.get("IntervalSeconds", 1)
        if isinstance(delay, int) and isinstance(interval, int) and delay <= interval:
            yield f"Retry[{index}].MaxDelaySeconds is not above IntervalSeconds"
        if retrier.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
            yield f"Retry[{index}].JitterStrategy is neither FULL nor NONE"


def check_errors_equal(field: str, entries: Any, last_takes_all: bool) -> Iterator[str]:
    """ErrorEquals of retriers or catchers: States.ALL is the last and stands alone."""
    if not isinstance(entries, list) or not entries:
        yield f"no {field}"
        return
    for index, entry in enumerate(entries):
        errors = entry.get("ErrorEquals")
        if not isinstance(errors, list) or not errors:
            yield f"{field}[{index}] has no ErrorEquals"
        elif "States.ALL" in errors and (len(errors) > 1 or index < len(entries) - 1):
            yield f"{field}[{index}]: States.ALL must stand alone and last"
    if last_takes_all and "States.ALL" not in (entries[-1].get("ErrorEquals") or []):
        yield f"{field} does not end with States.ALL"


def is_seconds(value: Any) -> bool:
    """Whether AWS takes the value as a number of seconds."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LONGEST_SECONDS
