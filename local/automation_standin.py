"""Systems Manager Automation, as far as a caller sees it: executions are started, read and ended, no step runs.

ministack 1.5.33 has no Automation. Here StartAutomationExecution takes the documents that the launcher has recorded
(AWS::SSM::Document of DocumentType Automation), checks the parameters against the document, and keeps an execution
that stays InProgress until `POST /_healstack/automations/finish` ends it, and, if asked, sends the event that
EventBridge gets from Systems Manager. boto3 and `aws-sdk:ssm` integrations reach the same functions."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import Any

import yaml

from control import BadRequest, Request, Router
from event_delivery import put_aws_event

# Final statuses that a test may end an execution with.
FINAL = ("Success", "Failed", "TimedOut", "Cancelled")

# Limits of StartAutomationExecution's Parameters (API reference, 2026-11).
NAME_CHARACTERS, VALUE_CHARACTERS, VALUES = 50, 512, 50

UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")

Execution = dict[str, Any]


class AutomationError(Exception):
    """An error answer: code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Automation:
    """Executions by account, region and id."""

    def __init__(self, document: Callable[[str], dict[str, Any] | None], ministack: Any) -> None:
        """`document(name)` are the properties of a recorded document; `ministack` is its module core.responses."""
        self._document, self._core = document, ministack
        self._lock = threading.Lock()
        self._executions: dict[tuple[str, str], dict[str, Execution]] = {}

    def install(self, ssm: Any, router: Router) -> None:
        """Puts the three operations before ministack's Systems Manager."""
        handle: Callable[..., Awaitable[Any]] = ssm.handle_request
        operations = {
            "AmazonSSM.StartAutomationExecution": self.start,
            "AmazonSSM.GetAutomationExecution": self.get,
            "AmazonSSM.DescribeAutomationExecutions": self.describe,
        }

        async def handle_request(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
            operation = operations.get(headers.get("x-amz-target", ""))
            if operation is None:
                return await handle(method, path, headers, body, query)
            try:
                return self._core.json_response(operation(json.loads(body or "{}")))
            except AutomationError as error:
                return self._core.error_response_json(error.code, str(error), 400)

        ssm.handle_request = handle_request
        router.get("/_healstack/automations", lambda request: list(self.here().values()))
        router.post("/_healstack/automations/finish", self.finish)

    def here(self) -> dict[str, Execution]:
        """The executions of the current account and region."""
        return self._executions.setdefault((self._core.get_account_id(), self._core.get_region()), {})

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartAutomationExecution."""
        name, token = str(request.get("DocumentName", "")), request.get("ClientToken")
        if token is not None and not UUID.fullmatch(str(token)):
            raise AutomationError(
                "ValidationException", f"Value '{token}' at 'clientToken' is no UUID of 36 characters"
            )
        given = request.get("Parameters") or {}
        check_limits(given)
        document = self._document(name)
        if document is None or document.get("DocumentType") != "Automation":
            message = f"Automation definition {name} not found"
            raise AutomationError("AutomationDefinitionNotFoundException", message)
        content = parse_content(document.get("Content"))
        with self._lock:
            same = next((each for each in self.here().values() if token and each["ClientToken"] == token), None)
            if same and (same["DocumentName"], same["Given"]) != (name, given):
                message = f"client token {token} was used with other parameters"
                raise AutomationError("IdempotentParameterMismatch", message)
            if same:
                return {"AutomationExecutionId": same["AutomationExecutionId"]}
            parameters = checked(content.get("parameters") or {}, given)
            execution = self.execution(name, content, parameters)
            execution.update(ClientToken=token, Given=given)
            self.here()[execution["AutomationExecutionId"]] = execution
        return {"AutomationExecutionId": execution["AutomationExecutionId"]}

    def execution(self, name: str, content: dict[str, Any], parameters: dict[str, list[str]]) -> Execution:
        """A new execution; its first step is in progress, and stays so."""
        account, now = self._core.get_account_id(), time.time()
        steps: list[dict[str, Any]] = [
            {
                "StepName": str(step.get("name")),
                "Action": str(step.get("action")),
                "StepStatus": "Pending",
                "IsCritical": bool(step.get("isCritical", True)),
            }
            for step in content.get("mainSteps") or []
        ]
        if steps:
            steps[0].update(StepStatus="InProgress", ExecutionStartTime=now)
        return {
            "AutomationExecutionId": self._core.new_uuid(),
            "DocumentName": name,
            "DocumentVersion": "1",
            "AutomationExecutionStatus": "InProgress",
            "ExecutionStartTime": now,
            "Parameters": parameters,
            "StepExecutions": steps,
            "StepExecutionsTruncated": False,
            "Mode": "Auto",
            "ExecutedBy": f"arn:aws:sts::{account}:assumed-role/local/healstack",
        }

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetAutomationExecution."""
        wanted = str(request.get("AutomationExecutionId", ""))
        execution = self.here().get(wanted)
        if execution is None:
            message = f"Automation execution {wanted} not found"
            raise AutomationError("AutomationExecutionNotFoundException", message)
        return {"AutomationExecution": {key: execution[key] for key in execution.keys() - {"ClientToken", "Given"}}}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeAutomationExecutions, by ExecutionId only; an unknown id is no error, as on AWS."""
        filters = {each["Key"]: each["Values"] for each in request.get("Filters", [])}
        if set(filters) != {"ExecutionId"}:
            raise AutomationError("InvalidFilterKey", "the local AWS knows the filter ExecutionId and no other")
        shown = (
            "AutomationExecutionId",
            "DocumentName",
            "AutomationExecutionStatus",
            "ExecutionStartTime",
            "ExecutionEndTime",
            "FailureMessage",
        )
        found = [self.here()[each] for each in filters["ExecutionId"] if each in self.here()]
        return {"AutomationExecutionMetadataList": [{key: run[key] for key in shown if key in run} for run in found]}

    def finish(self, request: Request) -> dict[str, Any]:
        """Ends an execution, and sends its event as often as asked; a final one may be asked for its event again. Steps that
        are `forgiven` have failed and are not critical."""
        execution = self.here().get(request.text("execution_id"))
        if execution is None:
            raise BadRequest(
                f"there is no automation execution {request.text('execution_id')} in this account and region"
            )
        status, times = request.text("status"), int(request.members.get("emit", True))
        if status not in FINAL:
            raise BadRequest(f"`{status}` is none of {', '.join(FINAL)}")
        if execution["AutomationExecutionStatus"] == "InProgress":
            ran = request.members.get("ran")
            self.end(execution, status, request.members.get("failed_step"), request.members.get("failure_message"), ran)
            for step in execution["StepExecutions"]:
                if step["StepName"] in request.members.get("forgiven", []):
                    step.update(StepStatus="Failed", IsCritical=False, FailureMessage="It is not so")
        elif execution["AutomationExecutionStatus"] != status:
            raise BadRequest(f"it is {execution['AutomationExecutionStatus']} already")
        for _ in range(times):
            put_aws_event(status_event(execution, *request.scope))
        return self.get({"AutomationExecutionId": execution["AutomationExecutionId"]})

    def end(self, execution: Execution, status: str, failed_step: Any, message: Any, ran: Any = None) -> None:
        """Sets the final state of an execution and its steps: of a success those that `ran`, or all that change or verify
        something, which leaves out the one that leaves a resource alone."""
        now, steps = time.time(), execution["StepExecutions"]
        names = [step["StepName"] for step in steps]
        if failed_step is not None and failed_step not in names:
            raise BadRequest(f"`failed_step` is `{failed_step}`; the document's steps are {', '.join(names)}")
        last = names.index(failed_step) if failed_step else (len(steps) - 1 if status == "Success" else 0)
        for step in steps[: last + 1]:
            if step["StepName"] in ran if ran else step["StepName"] != "leaveAlone":
                step.update(StepStatus="Success", ExecutionEndTime=now)
            else:
                step["StepStatus"] = "Pending"
        if status != "Success":
            failure = str(message or f"Step {names[last]} ended as {status}")
            steps[last].update(StepStatus=status, ExecutionEndTime=now, FailureMessage=failure)
        if status != "Success":
            execution["FailureMessage"] = str(message or f"Step {names[last]} ended as {status}")
        execution.update(AutomationExecutionStatus=status, ExecutionEndTime=now)


def check_limits(given: Any) -> None:
    """What the API refuses before it looks at the document."""
    valid = isinstance(given, dict) and all(
        1 <= len(name) <= NAME_CHARACTERS
        and isinstance(values, list)
        and len(values) <= VALUES
        and all(isinstance(value, str) and 1 <= len(value) <= VALUE_CHARACTERS for value in values)
        for name, values in given.items()
    )
    if not valid:
        limits = f"lists of up to {VALUES} strings of 1 to {VALUE_CHARACTERS} characters"
        raise AutomationError("ValidationException", f"Value at 'parameters' failed: {limits}, found {given!r}")


def parse_content(content: Any) -> dict[str, Any]:
    """A document's content, which a template gives as a mapping or as YAML or JSON text."""
    parsed = yaml.safe_load(content) if isinstance(content, str) else content
    return parsed if isinstance(parsed, dict) else {}


def checked(declared: dict[str, Any], given: dict[str, list[str]]) -> dict[str, list[str]]:
    """All parameters of an execution: given ones that the document allows, defaults for the rest."""
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise invalid(f"Parameters not defined in the document: {', '.join(unknown)}")
    parameters: dict[str, list[str]] = {}
    for name, declaration in declared.items():
        if name in given:
            check_values(name, declaration, given[name])
            parameters[name] = given[name]
        elif "default" in declaration:
            default = declaration["default"]
            values = default if isinstance(default, list) else [default]
            parameters[name] = [value if isinstance(value, str) else json.dumps(value) for value in values]
        else:
            raise invalid(f"Parameter {name} is required and has no default")
    return parameters


def check_values(name: str, declaration: dict[str, Any], values: list[str]) -> None:
    """allowedValues and allowedPattern of one parameter."""
    kind = str(declaration.get("type", "String"))
    if kind in ("String", "Boolean", "Integer") and len(values) != 1:
        raise invalid(f"Parameter {name} is a {kind} and takes one value, found {len(values)}")
    allowed, pattern = declaration.get("allowedValues"), declaration.get("allowedPattern")
    for value in values:
        if allowed is not None and value not in [
            item if isinstance(item, str) else json.dumps(item) for item in allowed
        ]:
            raise invalid(f"Parameter {name}: `{value}` is none of the allowed values")
        if pattern is not None and not re.search(str(pattern), value):
            raise invalid(f"Parameter {name}: `{value}` does not match {pattern}")


def invalid(message: str) -> AutomationError:
    """The error for parameters that do not fit the document."""
    return AutomationError("InvalidAutomationExecutionParametersException", message)


def status_event(execution: Execution, account: str, region: str) -> dict[str, Any]:
    """The event of an execution's end, in the shape of the Systems Manager user guide's example."""
    started, ended = execution["ExecutionStartTime"], execution["ExecutionEndTime"]
    arn = f"arn:aws:ssm:{region}:{account}"
    return {
        "source": "aws.ssm",
        "detail-type": "EC2 Automation Execution Status-change Notification",
        "resources": [
            f"{arn}:automation-execution/{execution['AutomationExecutionId']}",
            f"{arn}:automation-definition/{execution['DocumentName']}:{execution['DocumentVersion']}",
        ],
        "detail": {
            "ExecutionId": execution["AutomationExecutionId"],
            "Definition": execution["DocumentName"],
            "DefinitionVersion": float(execution["DocumentVersion"]),
            "Status": execution["AutomationExecutionStatus"],
            "StartTime": clock(started),
            "EndTime": clock(ended),
            "Time": round((ended - started) * 1000, 1),
            "ExecutedBy": execution["ExecutedBy"],
        },
    }


def clock(seconds: float) -> str:
    """`Nov 29, 2016 7:43:20 PM`: how this event writes a time."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return f"{moment:%b} {moment.day}, {moment.year} {moment.hour % 12 or 12}:{moment:%M:%S} {moment:%p}"
