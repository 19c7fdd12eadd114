"""Inputs for both interpreters, and what both made of them in a form that can be compared.

An input is data (agree_guard.py, agree_recorder.py) in which texts stand for what a run decides: `$now+60` (whole
seconds), `$iso-60`, `$hour`, `$window` (of five minutes), `$account`, `$id(e1)` (the id that a label stands for),
`$long` (a long text), `$run` (the newest automation's id).
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from typing import Any

import agree_guard
import agree_recorder
from agree_rules import document
from core_stack import RESOURCE, RULE, TABLE
from guard_case import SLACK, TIMES, iso
from local_case import REGION

Json = Any

ID = re.compile(r"\$id\((\w+)\)")
CLOCK = re.compile(r"\$(now|iso)([+-]\d+)?")
# The name of an execution that was given none, alone or at the end of its ARN.
UNNAMED = re.compile(r"(?<![^:])[0-9a-f]{8}-[0-9a-f-]{27}$")
# What Step Functions adds to the message of an SDK integration's error, and the local AWS does not.
REQUEST = re.compile(r" \(Service: \w+, Status Code: \d+, Request ID: [\w-]+\)")
DAY = 24 * 3600

INPUTS: dict[str, agree_guard.Input] = {
    f"{group}: {name}": spec
    for group, inputs in (
        ("route", agree_guard.ROUTES),
        ("switch", agree_guard.SWITCHES),
        ("attempt", agree_guard.ATTEMPTS),
        ("budget", agree_guard.BUDGETS),
        ("native healing", agree_guard.NATIVE),
        ("runbook", agree_recorder.RUNBOOKS),
        ("closing", agree_recorder.CLOSING),
        ("not understood", agree_recorder.UNKNOWN),
        ("service", agree_recorder.SERVICES),
        ("agent", agree_recorder.AGENTS),
    )
    for name, spec in inputs.items()
}


class Materials:
    """One input as both interpreters get it."""

    def __init__(self, name: str, spec: dict[str, Any], account: str, now: int) -> None:
        self.name, self.account, self.now = name, account, now
        own = {"schema_version": 1, "ttl": now + 9000}
        self.items = [typed(self.filled({**own, **item})) for item in spec["before"]]
        self.alarms, self.muted = spec.get("alarms", {}), spec.get("muted", [])
        self.steps = [self.step(index, step) for index, step in enumerate(spec["steps"])]

    def line(self) -> dict[str, Any]:
        """What the rehearsal's interpreter is given."""
        given = {"items": self.items, "alarms": self.alarms, "muted": self.muted, "steps": self.steps}
        return {"now": self.now * 1000, "table": TABLE, **given}

    def event_id(self, label: str) -> str:
        """The id that a label stands for: another in each input."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.account} {self.name} {label}"))

    def filled(self, value: Json) -> Json:
        """A value without placeholders, but for `$run`."""
        if isinstance(value, dict):
            return {key: self.filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if not isinstance(value, str):
            return value
        clock = CLOCK.fullmatch(value)
        if clock:
            moment = self.now + int(clock.group(2) or 0)
            return moment if clock.group(1) == "now" else iso(moment)
        words = {"$hour": str(self.now // 3600), "$window": str(self.now // 300), "$long": "Ä long text. " * 120}
        text = words.get(value, value).replace("$account", self.account)
        return ID.sub(lambda found: self.event_id(found.group(1)), text)

    def step(self, index: int, step: dict[str, Any]) -> dict[str, Any]:
        """A step as tests/src/bin/agree.rs has it."""
        ((kind, spec),) = step.items()
        if kind == "finish":
            return step
        if kind == "run":
            rule = spec["rule"]
            parameters = {
                "ResourceId": [spec["resource"]],
                "RuleName": [spec.get("named", rule)],
                "HealEventId": [self.event_id(spec["label"])],
            }
            return {"run": {"DocumentName": document(rule), "Parameters": parameters}}
        if kind == "agent":
            body = json.dumps(self.agent_event(**self.filled(spec)))
            kind, given = "recorder", [{"messageId": "m", "body": body}]
        elif isinstance(spec, dict) and "alarm" in spec:
            given = self.alarm_event(**self.filled(spec))
        else:
            given = self.filled(spec)
        if kind == "bus":
            return {"event": given}
        # The name is the same on both sides, and so is everything that follows from it.
        name = f"{uuid.uuid5(uuid.NAMESPACE_OID, self.name)}-step{index}"
        arn = f"arn:aws:states:{REGION}:{self.account}:stateMachine:heal--core--{kind}:live"
        return {"start": arn, "name": name, "input": given}

    def alarm_event(self, alarm: str, rule: str = RULE, resource: str = RESOURCE, **more: Any) -> dict[str, Any]:
        """A contributor's state change as CloudWatch sends it; members of `detail` that are None are taken out."""
        state = {"value": more.get("state", "ALARM"), "reason": more.get("reason", "Threshold Crossed")}
        detail = {
            "alarmName": f"{document(rule)}--{more.get('signal', 'unrecovered')}",
            "alarmContributor": {"id": f"c-{resource}"[:16], "attributes": {"InstanceId": resource}},
            "state": state,
            **more.get("detail", {}),
        }
        return {
            "version": "0",
            "id": self.event_id(alarm),
            "source": "aws.cloudwatch",
            "account": self.account,
            "region": REGION,
            "detail-type": "CloudWatch Alarm Contributor State Change",
            "time": iso(self.now - more.get("age", 0)),
            "detail": {key: value for key, value in detail.items() if value is not None},
            **more.get("more", {}),
        }

    def agent_event(self, label: str, **more: Any) -> dict[str, Any]:
        """An event as the agent publishes it; members that are None are taken out."""
        event = {
            "event_id": self.event_id(label),
            "stack": "shop",
            "rule_name": "leak",
            "layer": "application",
            "action": "restart",
            "instance_id": RESOURCE,
            "resource_id": "web.service",
            "start_time": iso(self.now),
            "attempt_count": 1,
            "evidence": "91 %",
            **more,
        }
        return {key: value for key, value in event.items() if value is not None}


def typed(item: dict[str, Any]) -> dict[str, Any]:
    """An item of texts, numbers and sets as DynamoDB writes it."""
    kinds = {int: lambda value: {"N": str(value)}, str: lambda value: {"S": value}, list: lambda value: {"SS": value}}
    return {key: kinds[type(value)](value) for key, value in item.items()}


def comparable(outcome: dict[str, Any]) -> dict[str, Any]:
    """An outcome without what chance decides: ids of automations, names of executions that nobody named, which of many
    slots, the order of what runs at once. Nor do the words count that an interpreter has for its own errors."""
    text = REQUEST.sub("", json.dumps(outcome))
    for index, run in enumerate(outcome["runs"]):
        text = text.replace(run["id"], f"run{index}")
    outcome = json.loads(text)
    items: dict[str, list[Any]] = {}
    for item in outcome["items"]:
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        plain = {name: attribute(name, value) for name, value in item.items() if name not in ("pk", "sk")}
        items.setdefault(f"{pk}|*" if pk.startswith("SLOT#") else f"{pk}|{sk}", []).append(plain)
    for execution in outcome["executions"]:
        if execution.get("error", "").startswith("States."):
            del execution["cause"]
    return {
        "executions": sorted(outcome["executions"], key=lambda each: json.dumps(each, sort_keys=True)),
        "items": {key: sorted(each, key=lambda item: str(item.get("leaseOwner"))) for key, each in items.items()},
        "runs": outcome["runs"],
        "messages": [message(each) for each in sorted(outcome["messages"])],
    }


def message(text: str) -> list[Any]:
    """A message's subject and content: which letters JSON escapes is the writer's choice."""
    subject, _, content = text.partition(": {")
    return [subject, json.loads("{" + content)]


def attribute(name: str, value: dict[str, Any]) -> Any:
    """An attribute; one that is a time has the member `time`, in seconds."""
    ((kind, content),) = value.items()
    if kind == "SS":
        return {kind: sorted(UNNAMED.sub("*", each) for each in content)}
    if kind == "N" and (TIMES.match(name) or name == "ttl"):
        return {"time": int(content)} if content != "0" else value
    if kind == "S" and name.endswith("_time"):
        return {"time": seconds(content), "form": shape(content)}
    if kind == "S" and name == "at":
        moment, _, rest = content.partition("#")
        return {"time": seconds(moment), "form": shape(moment), "rest": rest}
    if kind == "S" and name == "day":
        # Both sides may see another day at midnight.
        return {"time": seconds(content + "T00:00:00Z"), "within": DAY}
    if name == "places":
        return [place["pk"] for place in json.loads(content)]
    if name in ("holder", "recorder", "leaseHolder"):
        return {kind: UNNAMED.sub("*", content)}
    return value


def seconds(text: str) -> float:
    """A time of text as seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def shape(text: str) -> str:
    """How a time is written."""
    return re.sub(r"\d", "0", text)


def differences(ours: Json, theirs: Json, at: str = "") -> list[str]:
    """Where two comparable outcomes differ; times may by the slack."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if "time" in ours and "time" in theirs:
            near = abs(ours["time"] - theirs["time"]) <= ours.get("within", SLACK)
            rest = [{key: value for key, value in each.items() if key != "time"} for each in (ours, theirs)]
            return [] if near and rest[0] == rest[1] else [f"{at}: rehearsal {ours}, ministack {theirs}"]
        keys = [*ours, *(key for key in theirs if key not in ours)]
        missing = "is missing"
        pairs = ((key, ours.get(key, missing), theirs.get(key, missing)) for key in keys)
        return [line for key, left, right in pairs for line in differences(left, right, f"{at}/{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs_of = enumerate(zip(ours, theirs, strict=True))
        return [line for index, pair in pairs_of for line in differences(*pair, f"{at}/{index}")]
    return [] if ours == theirs and type(ours) is type(theirs) else [f"{at}: rehearsal {ours!r}, ministack {theirs!r}"]
