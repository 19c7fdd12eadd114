"""EventBridge and EventBridge Scheduler delivering to state machines.

ministack 1.5.33 drops an event whose state machine cannot be started, refuses events of AWS services (rightly:
PutEvents may not send them), and fires schedules only by the clock. Here

* an event or schedule whose execution does not start goes to the target's dead-letter queue, with AWS's message
  attributes;
* an input transformer's path may have indices (`$.resources[0]`), as in AWS's own examples;
* `POST /_healstack/events` puts events of any source, with their own id and time, onto the default bus;
* `POST /_healstack/schedules/fire` fires a schedule now, with `<aws.scheduler.…>` in its Input replaced."""

from __future__ import annotations

import contextvars
import json
import re
import time
from datetime import datetime, timezone
from typing import Any

from control import BadRequest, Request, Router

# Members of an event that POST /_healstack/events takes.
MEMBERS = {"id", "source", "detail-type", "detail", "resources", "time"}

_TARGET: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("healstack_target", default=None)
_RULE_ARN: contextvars.ContextVar[str] = contextvars.ContextVar("healstack_rule_arn", default="")


def put_aws_event(event: dict[str, Any]) -> str:
    """Puts an event onto the default bus of the current account and region; returns its id."""
    from ministack.core.responses import get_account_id, get_region, new_uuid
    from ministack.services import eventbridge

    record = {
        "EventId": event.get("id") or new_uuid(),
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "EventBusName": "default",
        "Time": event.get("time") or int(time.time()),
        "Resources": event.get("resources", []),
        "Account": get_account_id(),
        "Region": get_region(),
    }
    eventbridge._events_log_list().append(record)
    eventbridge._dispatch_event(record)
    return str(record["EventId"])


def put_events(request: Request) -> dict[str, Any]:
    """POST /_healstack/events."""
    events = request.mappings("events")
    for event in events:
        unknown = sorted(event.keys() - MEMBERS)
        if unknown:
            raise BadRequest(f"an event has no `{unknown[0]}` here: {', '.join(sorted(MEMBERS))}")
        if not isinstance(event.get("source"), str) or not isinstance(event.get("detail-type"), str):
            raise BadRequest("an event needs `source` and `detail-type`")
        if not isinstance(event.get("detail"), dict):
            raise BadRequest("an event needs `detail`, a mapping")
    return {"ids": [put_aws_event(event) for event in events]}


class Delivery:
    """What takes the place of ministack's delivery to state machines."""

    def __init__(self, eventbridge: Any, scheduler: Any, sfn: Any) -> None:
        self._events, self._scheduler, self._sfn = eventbridge, scheduler, sfn
        self._invoke, self._transform = eventbridge._invoke_target, eventbridge._apply_input_transformer

    def install(self, router: Router) -> None:
        """Puts itself into ministack's EventBridge."""
        self._events._invoke_target = self.invoke_target
        self._events._apply_input_transformer = self.transform
        self._events._dispatch_to_stepfunctions = self.start_execution
        router.post("/_healstack/events", put_events)
        router.post("/_healstack/schedules/fire", self.fire)

    def invoke_target(self, target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None) -> None:
        """One target of a rule or schedule; remembered, since a failed delivery needs its dead-letter queue."""
        if event.get("Source") == "aws.scheduler" and target.get("Input"):
            target = {**target, "Input": with_context(target["Input"], event, rule)}
        tokens = _TARGET.set(target), _RULE_ARN.set(str(rule.get("Arn", "")))
        try:
            self._invoke(target, event, rule, view)
        finally:
            _TARGET.reset(tokens[0])
            _RULE_ARN.reset(tokens[1])

    def transform(self, transformer: dict[str, Any], rule: dict[str, Any], view: Any) -> str:
        """ministack's input transformer, with the values of paths that have indices put where it finds them."""
        paths, event, found = dict(transformer.get("InputPathsMap") or {}), view.event_with_detail(), {}
        for number, (name, path) in enumerate(paths.items()):
            if "[" in path or path == "$":
                found[f"healstack{number}"], paths[name] = value_at(event, path), f"$.healstack{number}"
        if not found:
            return str(self._transform(transformer, rule, view))
        return str(self._transform({**transformer, "InputPathsMap": paths}, rule, View(view, {**event, **found})))

    def start_execution(self, arn: str, payload: str) -> None:
        """Starts the execution of a target that is a state machine, a version or an alias."""
        status, _headers, body = self._sfn._start_execution({"stateMachineArn": arn, "input": payload})
        if status < 400:
            return
        error = json.loads(body)
        self.dead_letter(arn, payload, str(error.get("__type", "")), str(error.get("message", "")))

    def dead_letter(self, arn: str, payload: str, code: str, message: str) -> None:
        """Sends what could not be delivered to the target's dead-letter queue, if it has one."""
        from ministack.services import sqs

        queue_arn = ((_TARGET.get() or {}).get("DeadLetterConfig") or {}).get("Arn")
        queue = sqs._queue_by_arn(queue_arn) if queue_arn else None
        if queue is None:
            self._events.logger.warning("not delivered to %s, and no dead-letter queue: %s %s", arn, code, message)
            return
        told = {"RULE_ARN": _RULE_ARN.get(), "TARGET_ARN": arn, "ERROR_CODE": code, "ERROR_MESSAGE": message}
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items() if value}
        request = {"QueueUrl": queue["url"], "MessageBody": payload, "MessageAttributes": attributes}
        sqs._act_send_message(request, queue["url"])

    def fire(self, request: Request) -> dict[str, Any]:
        """POST /_healstack/schedules/fire."""
        key = f"{request.members.get('group', 'default')}/{request.text('name')}"
        schedule = self._scheduler._schedules.get(key)
        if schedule is None:
            raise BadRequest(f"there is no schedule {key} in this account and region")
        event = {
            "EventId": self._sfn.new_uuid(),
            "Source": "aws.scheduler",
            "DetailType": "Scheduled Event",
            "Detail": "{}",
            "Time": int(time.time()),
            "Resources": [schedule["Arn"]],
            "Account": request.account,
            "Region": request.region,
        }
        self._events._invoke_target(schedule["Target"], event, schedule)
        return {"fired": schedule["Arn"]}


class View:
    """A ministack view of an event, with another event to take values from."""

    def __init__(self, view: Any, event: dict[str, Any]) -> None:
        self._view, self._event = view, event

    def event_with_detail(self) -> dict[str, Any]:
        """The other event."""
        return self._event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)


def value_at(event: Any, path: str) -> Any:
    """The value of a path of names and indices, such as `$.resources[0]`; an empty text where there is none."""
    for part in re.findall(r"[^.\[\]$]+", path):
        try:
            event = event[int(part)] if isinstance(event, list) else event[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return ""
    return event


def with_context(text: str, event: dict[str, Any], schedule: dict[str, Any]) -> str:
    """A schedule's Input with its context attributes (EventBridge Scheduler user guide, 2026-11)."""
    values = {
        "schedule-arn": str(schedule.get("Arn", "")),
        "scheduled-time": datetime.fromtimestamp(event["Time"], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": str(event["EventId"]),
        "attempt-number": "1",
    }
    return re.sub(r"<aws\.scheduler\.([a-z-]+)>", lambda match: values.get(match.group(1), match.group(0)), text)
