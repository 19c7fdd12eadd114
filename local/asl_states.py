"""States of the Amazon States Language that ministack 1.5.33 runs differently from AWS.

| state | ministack | Step Functions |
|---|---|---|
| `Assign` | a variable sees those assigned before it | all see the values from before the state |
| Choice | any value is a condition; the state has no `Output` | only a boolean is; `Output` goes with `Default` |
| Task | `TimeoutSeconds` must be a number | a JSONata expression too |
| Parallel | no `Arguments`, `Output`, `Assign`; branches share a context | as in other states; branches are apart |
| Retry, Catch | `States.ALL` matches everything | not States.Runtime and States.DataLimitExceeded |

An expression may take a minute here, not a second: that second is of wall-clock time, and many executions share one
process."""

from __future__ import annotations

import contextvars
import copy
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

Context = dict[str, Any]
State = dict[str, Any]

# Errors that States.ALL does not match (Step Functions developer guide, error names, 2026-11).
TERMINAL = ("States.Runtime", "States.DataLimitExceeded")

EXPRESSION_MILLISECONDS = 60_000


def install(sfn: Any) -> None:
    """Puts right what the header lists; `sfn` is ministack.services.stepfunctions."""
    states = States(sfn)
    sfn._apply_state_assign = states.assign
    sfn._execute_choice = states.choice
    sfn._execute_task = states.task
    sfn._run_parallel_branches = states.parallel
    sfn._error_matches = states.matches
    sfn.jsonata = patient(sfn.jsonata)


def patient(jsonata: Any) -> Any:
    """The JSONata package as ministack uses it, with another time limit than the one that ministack asks for."""

    def parsed(expression: str, timeout: int | None = None) -> Any:  # noqa: ARG001 - this replaces it
        return jsonata.Jsonata.jsonata(expression, timeout=EXPRESSION_MILLISECONDS)

    return SimpleNamespace(Jsonata=SimpleNamespace(jsonata=parsed), utils=jsonata.utils)


class States:
    """What takes the place of ministack's functions of these states."""

    def __init__(self, sfn: Any) -> None:
        self._sfn = sfn
        self._choice, self._task, self._matches = sfn._execute_choice, sfn._execute_task, sfn._error_matches

    def is_jsonata(self, state: State, context: Context | None) -> bool:
        """Whether a state's query language is JSONata."""
        return bool(self._sfn._state_query_language(state, context) == "JSONata")

    def assign(
        self, state: State, data: Any, context: Context | None, result: Any = None, error_output: Any = None
    ) -> None:
        """A state's `Assign`: every value is computed before any variable is set."""
        assigned = state.get("Assign")
        if context is None or not isinstance(assigned, dict) or not self.is_jsonata(state, context):
            return
        values = self._sfn._apply_jsonata_template(assigned, data, context, result=result, error_output=error_output)
        # A copy: what a variable holds must not change with the value that it was taken from.
        context.setdefault("variables", {}).update(copy.deepcopy(values))

    def choice(self, state: State, data: Any, context: Context | None = None) -> tuple[Any, str]:
        """A Choice state."""
        if not self.is_jsonata(state, context):
            output, following = self._choice(state, data, context)
            return output, following
        chosen = next((rule for rule in state.get("Choices", []) if self.holds(rule, data, context)), None)
        following = state.get("Default") if chosen is None else chosen["Next"]
        if following is None:
            raise self._sfn._ExecutionError("States.NoChoiceMatched", "no rule of the Choice state matched")
        # A rule has its own Output and Assign; those of the state go with Default.
        taken = state if chosen is None else {"QueryLanguage": "JSONata", **chosen}
        output = self._sfn._apply_jsonata_output(taken, data, context, default=data)
        self.assign(taken, data, context)
        return output, following

    def holds(self, rule: State, data: Any, context: Context | None) -> bool:
        """A rule's `Condition`, which must be a boolean."""
        return bool(self._sfn._jsonata_state_field(rule, "Condition", "boolean", data, context))

    def task(self, state: State, data: Any, record: Any, context: Context) -> Any:
        """A Task state, with its time limit computed."""
        if isinstance(state.get("TimeoutSeconds"), str):
            limit = self._sfn._jsonata_state_field(state, "TimeoutSeconds", "number", data, context)
            state = {**state, "TimeoutSeconds": limit}
        return self._task(state, data, record, context)

    def parallel(self, state: State, data: Any, record: Any, context: Context) -> tuple[Any, str | None]:
        """The branches of a Parallel state, each with a context of its own."""
        sfn, jsonata = self._sfn, self.is_jsonata(state, context)
        if jsonata:
            given = sfn._apply_jsonata_arguments(state, data, context)
        else:
            given = sfn._apply_parameters(state, sfn._apply_input_path(state, data, context), context)
        branches = state["Branches"]
        with ThreadPoolExecutor(max_workers=len(branches)) as pool:
            futures = [
                pool.submit(
                    contextvars.copy_context().run,
                    sfn._run_sub_machine,
                    branch["States"],
                    branch["StartAt"],
                    given,
                    record,
                    copy.deepcopy(context),
                )
                for branch in branches
            ]
        results = [future.result() for future in futures]
        if jsonata:
            output = sfn._apply_jsonata_output(state, data, context, result=results, default=results)
            self.assign(state, data, context, result=results)
            return output, sfn._next_or_end(state)
        output = sfn._apply_result_path(state, data, sfn._apply_result_selector(state, results))
        return sfn._apply_output_path(state, output, context), sfn._next_or_end(state)

    def matches(self, names: list[str], error: str) -> bool:
        """Whether a Retry or Catch that lists these names is for this error."""
        if error in TERMINAL:
            return error in names
        return bool(self._matches(names, error))
