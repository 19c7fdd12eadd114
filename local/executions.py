"""Runs state machines as Step Functions does where ministack 1.5.33 does not.

ministack runs the machine's *current* definition, read 150 ms after the start, whatever version or alias was started.
Here an execution keeps the definition of the version that its alias pointed to when it was started. Besides:

* a repeated start with the same name and input is the same execution while that runs, and an error afterwards;
* states inside Map and Parallel are in the history, and stopping an execution stops them too;
* a machine's `TimeoutSeconds` ends it with TIMED_OUT, at the next state (ministack has none);
* a state's output above 256 KiB ends the execution with States.DataLimitExceeded.

`GET /_healstack/executions` lists executions with the states that they entered.
"""

from __future__ import annotations

import contextvars
import copy
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from control import BadRequest, Request, Router

# Names that StartExecution takes (API reference, 2026-11).
EXECUTION_NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")

# Step Functions quota, 2026-11: bytes of a task's, state's or execution's input or output.
PAYLOAD_BYTES = 262_144

Context = dict[str, Any]
Record = dict[str, Any]
State = dict[str, Any]


class _Ended(Exception):
    """The execution was stopped, or ran out of time, while it was between two states."""


class Engine:
    """What takes the place of ministack's start, run and sub-machine functions."""

    def __init__(self, sfn: Any) -> None:
        self._sfn = sfn
        self._lock = threading.Lock()
        self._describe, self._add_event = sfn._describe_execution, sfn._add_event

    def install(self, router: Router) -> None:
        """Puts this engine into ministack's Step Functions module."""
        sfn = self._sfn
        sfn._start_execution, sfn._run_execution = self.start, self.run
        sfn._run_sub_machine, sfn._describe_execution = self.run_nested, self.describe
        sfn._add_event = self.add_event
        router.get("/_healstack/executions", self.listing)

    def snapshot(self, arn: str) -> tuple[Record, str | None] | None:
        """What a machine, version or alias ARN stands for now: the record to run, and its version's ARN."""
        base = self._sfn._resolve_state_machine_arn(arn)
        if base not in self._sfn._state_machines:
            return None
        version = self._sfn._execution_version_arn(arn)
        return self._sfn._state_machine_versions.get(version) or self._sfn._state_machines[base], version

    def start(self, request: dict[str, Any]) -> Any:
        """StartExecution."""
        sfn, requested = self._sfn, str(request.get("stateMachineArn", ""))
        found = self.snapshot(requested)
        if found is None:
            message = f"State Machine Does Not Exist: '{requested}'"
            return sfn.error_response_json("StateMachineDoesNotExist", message, 400)
        snapshot, version = found
        text, name = request.get("input") or "{}", str(request.get("name") or sfn.new_uuid())
        if not EXECUTION_NAME.fullmatch(name):
            return sfn.error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
        try:
            json.loads(text)
        except ValueError as error:
            return sfn.error_response_json(
                "InvalidExecutionInput", f"Invalid State Machine Execution Input: {error}", 400
            )
        machine = sfn._state_machines[snapshot["stateMachineArn"]]
        arn = machine["stateMachineArn"].replace(":stateMachine:", ":execution:", 1) + f":{name}"
        with self._lock:
            existing = sfn._executions.get(arn)
            if existing and not (existing["status"] == "RUNNING" and existing["input"] == text):
                return sfn.error_response_json("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'", 400)
            if existing:
                return sfn.json_response({"executionArn": arn, "startDate": existing["startDate"]})
            record = self.record(arn, name, machine, snapshot, text)
            record["stateMachineVersionArn"] = version
            record["stateMachineAliasArn"] = requested if requested in sfn._state_machine_aliases else None
            sfn._executions[arn] = record
        sfn._emit_execution_status_event(record)
        # The thread needs the caller's account and region, which ministack keeps in context variables.
        threading.Thread(target=contextvars.copy_context().run, args=(self.run, arn), daemon=True).start()
        return sfn.json_response({"executionArn": arn, "startDate": record["startDate"]})

    def record(self, arn: str, name: str, machine: Record, snapshot: Record, text: str) -> Record:
        """An execution as ministack stores it, with the definition that it will run."""
        started = self._sfn.now_iso()
        details = {"input": text, "roleArn": snapshot["roleArn"]}
        return {
            "executionArn": arn,
            "stateMachineArn": machine["stateMachineArn"],
            "name": name,
            "status": "RUNNING",
            "startDate": started,
            "stopDate": None,
            "input": text,
            "output": None,
            "testCase": "",
            "mockAttempts": {},
            "encryptionConfiguration": copy.deepcopy(snapshot.get("encryptionConfiguration")),
            "events": [
                {"id": 1, "type": "ExecutionStarted", "timestamp": started, "executionStartedEventDetails": details}
            ],
            "definition": snapshot["definition"],
            "roleArn": snapshot["roleArn"],
            "machine": machine["name"],
            "retries": 0,
        }

    def run(self, arn: str) -> None:
        """Runs an execution to its end."""
        sfn = self._sfn
        record = sfn._executions[arn]
        if "definition" not in record:  # StartSyncExecution makes its own record
            machine = sfn._state_machines[record["stateMachineArn"]]
            record.update(
                {name: machine[name] for name in ("definition", "roleArn")}, machine=machine["name"], retries=0
            )
        try:
            definition, data = json.loads(record["definition"]), json.loads(record["input"])
            if "TimeoutSeconds" in definition:
                record["deadline"] = time.monotonic() + float(definition["TimeoutSeconds"])
            context: Context = {
                "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
                "Execution": {
                    "Id": arn,
                    "Input": data,
                    "Name": record["name"],
                    "RoleArn": record["roleArn"],
                    "StartTime": record["startDate"],
                },
                "StateMachine": {"Id": record["stateMachineArn"], "Name": record["machine"]},
                "variables": {},
            }
            output = self.walk(definition.get("States", {}), definition.get("StartAt"), data, record, context)
            if record["status"] == "RUNNING":
                self.succeed(record, json.dumps(output))
        except _Ended:
            return
        except sfn._ExecutionError as error:
            if record["status"] == "RUNNING":
                sfn._fail_execution(record, error.error, error.cause)
                record["output"] = None  # a failed execution has none
        except Exception as error:  # noqa: BLE001 - whatever it is, the execution must not stay RUNNING
            sfn.logger.exception("execution %s", arn)
            sfn._fail_execution(record, "States.Runtime", str(error))

    def succeed(self, record: Record, output: str) -> None:
        """Ends an execution as succeeded."""
        record.update(output=output, stopDate=self._sfn.now_iso(), status="SUCCEEDED")
        self._sfn._add_event(record, "ExecutionSucceeded", {"executionSucceededEventDetails": {"output": output}})
        self._sfn._emit_execution_status_event(record)

    def time_out(self, record: Record) -> None:
        """Ends an execution whose machine's TimeoutSeconds are over."""
        with self._lock:
            if record["status"] != "RUNNING":
                return
            record.update(status="TIMED_OUT", error="States.Timeout", cause=None, stopDate=self._sfn.now_iso())
        self._sfn._add_event(
            record, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
        )
        self._sfn._emit_execution_status_event(record)

    def run_nested(self, states: dict[str, State], start_at: str, data: Any, record: Record, context: Context) -> Any:
        """The states of one Map item or Parallel branch."""
        return self.walk(states, start_at, copy.deepcopy(data), record, context)

    def walk(self, states: dict[str, State], start_at: str | None, data: Any, record: Record, context: Context) -> Any:
        """States one after the other, until one ends the walk; returns its output."""
        sfn, name = self._sfn, start_at
        while name is not None:
            if record["status"] == "RUNNING" and time.monotonic() > record.get("deadline", float("inf")):
                self.time_out(record)
            if record["status"] != "RUNNING":
                raise _Ended
            if name not in states:
                raise sfn._ExecutionError("States.Runtime", f"there is no state `{name}`")
            state = states[name]
            kind = state.get("Type")
            context["State"] = {"Name": name, "EnteredTime": sfn.now_iso(), "RetryCount": 0}
            entered = {"stateEnteredEventDetails": {"name": name, "input": json.dumps(data)}}
            sfn._add_event(record, f"{kind}StateEntered", entered)
            data, following = self.step(kind, state, data, record, context)
            text = json.dumps(data)
            if len(text) > PAYLOAD_BYTES and len(text.encode()) > PAYLOAD_BYTES:
                cause = f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes"
                raise sfn._ExecutionError("States.DataLimitExceeded", cause)
            sfn._add_event(record, f"{kind}StateExited", {"stateExitedEventDetails": {"name": name, "output": text}})
            name = following
        return data

    def step(self, kind: Any, state: State, data: Any, record: Record, context: Context) -> tuple[Any, str | None]:
        """One state: its output and the next state's name, None at the end."""
        sfn = self._sfn
        if kind == "Succeed":
            if sfn._state_query_language(state, context) == "JSONata":
                return sfn._apply_jsonata_output(state, data, context, default=data), None
            return sfn._apply_output_path(state, sfn._apply_input_path(state, data, context), context), None
        if kind == "Fail":
            raise sfn._ExecutionError(*sfn._fail_state_error(state, data, context))
        simple: dict[Any, Callable[..., Any]] = {
            "Pass": sfn._execute_pass,
            "Choice": sfn._execute_choice,
            "Wait": sfn._execute_wait,
        }
        if kind in simple:
            output, following = simple[kind](state, data, context)
            return output, following
        working: dict[Any, Callable[..., Any]] = {
            "Task": sfn._execute_task,
            "Parallel": sfn._execute_parallel,
            "Map": sfn._execute_map,
        }
        if kind not in working:
            raise sfn._ExecutionError("States.Runtime", f"unknown state type `{kind}`")
        try:
            output, following = working[kind](state, data, record, context)
            return output, following
        finally:
            with self._lock:
                record["retries"] += context["State"]["RetryCount"]

    def add_event(self, record: Record, event_type: str, details: dict[str, Any] | None = None) -> Any:
        """An event of the history; Map items add theirs at the same time, and ids must stay unique."""
        with self._lock:
            return self._add_event(record, event_type, details)

    def describe(self, request: dict[str, Any]) -> Any:
        """DescribeExecution, with the version and alias that ministack leaves out."""
        status, headers, body = self._describe(request)
        record = self._sfn._executions.get(request.get("executionArn"))
        if status >= 400 or record is None:
            return status, headers, body
        more = {name: record[name] for name in ("stateMachineVersionArn", "stateMachineAliasArn") if record.get(name)}
        shown = {name: value for name, value in json.loads(body).items() if value is not None}
        return self._sfn.json_response({**shown, **more})

    def listing(self, request: Request) -> list[dict[str, Any]]:
        """Executions of `machine` (or of all machines), oldest first."""
        machine = request.members.get("machine")
        if machine is not None and not isinstance(machine, str):
            raise BadRequest("`machine` must be a state machine's name")
        records = [each for each in self._sfn._executions.values() if machine in (None, each.get("machine"))]
        return [describe(record) for record in sorted(records, key=lambda each: str(each["startDate"]))]


def describe(record: Record) -> dict[str, Any]:
    """An execution as tests read it: input and output parsed, states in the order in which they were entered."""
    entered = [
        event["stateEnteredEventDetails"]["name"] for event in record["events"] if "stateEnteredEventDetails" in event
    ]
    shown = (
        "name",
        "machine",
        "status",
        "stateMachineVersionArn",
        "stateMachineAliasArn",
        "error",
        "cause",
        "startDate",
    )
    return {
        "arn": record["executionArn"],
        **{name: record.get(name) for name in (*shown, "stopDate")},
        "input": json.loads(record["input"]),
        "output": json.loads(record["output"]) if record["output"] else None,
        "states": entered,
        # Billed: each state entered, and each retry.
        "transitions": len(entered) + record["retries"],
        "retries": record["retries"],
        "events": len(record["events"]),
    }
