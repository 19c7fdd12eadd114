"""Inputs of the recorder for both interpreters; agree_guard.py has the guard's."""

from __future__ import annotations

from typing import Any

from agree_guard import KEY, UNDO, Input, guard, history, slot, steps
from agree_rules import ASKED, BROKEN, HEALED, LEFT_ALONE
from core_stack import RESOURCE

NOBODYS = "0aa00000-0000-4000-8000-000000000000"
WELL: dict[str, Any] = {"finish": {"status": "Success", "ran": ["choose", "heal"]}}
IDLE: dict[str, Any] = {"finish": {"status": "Success", "ran": ["choose", "leaveAlone"]}}
# As Automation words it: the run's own message names the step.
FAILS: dict[str, Any] = {
    "finish": {
        "status": "Failed",
        "failed_step": "fails",
        "failure_message": "Step fails: UnauthorizedOperation: You may not",
    }
}


def recorder(given: Any) -> dict[str, Any]:
    """The recorder gets this."""
    return {"recorder": given}


def status(execution: str) -> dict[str, Any]:
    """The recorder gets an automation's status event."""
    return recorder({"source": "aws.ssm", "detail": {"ExecutionId": execution}})


def by_hand(label: str = "hand", rule: str = "shop/heal", **more: str) -> dict[str, Any]:
    """A person starts a runbook."""
    return {"run": {"label": label, "rule": rule, "resource": HEALED, **more}}


FAILS_AT_LAST: dict[str, Any] = {"finish": {**FAILS["finish"], "forgiven": ["asks"]}}
RUNBOOKS: dict[str, Input] = {
    "ends well": steps(guard(resource=HEALED), WELL),
    "fails": steps(guard(resource=BROKEN), FAILS),
    "fails after a question whose answer is no": steps(guard(resource=ASKED), FAILS_AT_LAST),
    "leaves its resource alone": steps(guard(resource=LEFT_ALONE), IDLE),
    "leaves its resource alone, whose cooldown is long": steps(guard(resource=LEFT_ALONE, rule="shop/patient"), IDLE),
    "ends well, only failures are told": steps(guard(resource=HEALED, rule="shop/failures"), WELL),
    "fails, only failures are told": steps(guard(resource=BROKEN, rule="shop/failures"), FAILS),
    "ends, heard of twice": steps(guard(resource=HEALED), WELL, status("$run")),
    "goes on, heard of early": steps(guard(), status("$run")),
    "by hand": steps(by_hand(), WELL),
    "by hand for an unknown rule": steps(by_hand(named="shop/nothing"), WELL),
    "by hand with a healing's id": steps(guard(), by_hand("e1", "shop/second"), WELL),
    "of which nobody knows": steps(status(NOBODYS)),
}

EVENT: dict[str, Any] = {
    "pk": "EVENT#$id(e1)",
    "sk": "EVENT",
    "event_id": "$id(e1)",
    "stack": "shop",
    "rule_name": "heal",
    "layer": "infrastructure",
    "action": "replace",
    "resource_id": RESOURCE,
    "resource_key": KEY,
    "evidence": "seen",
    "notify": "all",
    "account": "$account",
    "region": "eu-west-1",
    "attempt_count": 1,
    "start_time": "$iso-9000",
    "day": "2026-01-01",
    "at": "2026-01-01T00:00:00.000Z#$id(e1)",
}
OPEN = {**EVENT, "open": "open", "deadline": "$now-60"}
PLACES = '[{"pk":"SLOT#shop/heal","sk":"0"},{"pk":"SLOT#ALL","sk":"3"}]'
PENDING = {**OPEN, "status": "pending", "source": "runbook", "cooldown": 600, "places": PLACES, "holder": "another"}
OWN = {"leaseUntil": "$now+300", "leaseOwner": "$id(e1)", "leaseHolder": "another", "leaseRule": "shop/heal"}
HELD = {**history(cd="$now+900", last="$now+300", win="$now-8000"), **OWN, **UNDO}
PLACE = slot("SLOT#shop/heal", 0, "$now+300", leaseOwner="$id(e1)")
PLACE_OF_ALL = slot("SLOT#ALL", 3, "$now+300", leaseOwner="$id(e1)")
RUNNING = {**OPEN, "status": "in_progress"}
CLOSE = recorder({"close": "$id(e1)"})


def closed(*before: dict[str, Any]) -> Input:
    """The sweeper asks to close an event."""
    return steps(CLOSE, before=before)


CLOSING: dict[str, Input] = {
    "what was not started": closed(PENDING, HELD, PLACE, PLACE_OF_ALL),
    "what was not started, nothing is held": closed(PENDING),
    "what another holds by now": closed(
        PENDING, {**HELD, "leaseOwner": "x"}, PLACE, {**PLACE_OF_ALL, "leaseOwner": "x"}
    ),
    "a runbook of which nobody knows": closed(
        {**PENDING, "status": "in_progress", "execution_id": NOBODYS}, HELD, PLACE, PLACE_OF_ALL
    ),
    "a runbook that goes on": steps(guard(), CLOSE),
    "a runbook that goes on, twice": steps(guard(), CLOSE, CLOSE),
    "a runbook that has ended": steps(guard(resource=HEALED), WELL, CLOSE),
    "a native healing": closed(
        {**RUNNING, "source": "native", "signal": "system"},
        {"pk": f"NATIVE#shop/heal#{KEY}", "sk": "system", "event": "$id(e1)"},
    ),
    "an agent's healing": closed({**RUNNING, "source": "agent"}),
    "nothing": closed(),
    "what is over": closed({**EVENT, "status": "completed", "source": "runbook"}),
}

UNKNOWN: dict[str, Input] = {
    "an object": steps(recorder({"hello": 1})),
    "a number": steps(recorder(5)),
    "a batch without a message": steps(recorder([])),
    "a message that is a list": steps(recorder([{"messageId": "m", "body": "[1]"}])),
    "a message that is no JSON": steps(recorder([{"messageId": "m", "body": "not json"}])),
}

SERVICE = "arn:aws:ecs:eu-west-1:$account:service/prod/web"
GROUP = "arn:aws:autoscaling:eu-west-1:$account:autoScalingGroup:930d940e-891e:autoScalingGroupName/web"
DEPLOYMENT = "ECS Deployment State Change"


def service(
    source: str, kind: str, detail: dict[str, str], resource: str = SERVICE, label: str = "s1"
) -> dict[str, Any]:
    """A service's event as a rule's own event rule hands it to the recorder."""
    rule = {"stack": "shop", "rule": "web", "layer": "platform", "action": "restart", "notify": "all"}
    heal = {**rule, "resource": resource}
    return recorder(
        {"id": f"$id({label})", "source": f"aws.{source}", "detail-type": kind, "detail": detail, "heal": heal}
    )


def instance(kind: str, **detail: str) -> dict[str, Any]:
    """An event of Auto Scaling."""
    return service("autoscaling", f"EC2 Instance {kind}", detail, GROUP)


def deployment(what: str, reason: str, label: str = "s1", **of: str) -> dict[str, Any]:
    """An event of ECS, perhaps `of` a deployment."""
    named = {"deploymentId": of["of"]} if of else {}
    detail = {"eventName": f"SERVICE_DEPLOYMENT_{what}", "reason": reason, **named}
    return service("ecs", DEPLOYMENT, detail, label=label)


def database(number: str, message: str, label: str = "s1") -> dict[str, Any]:
    """An event of RDS."""
    return service("rds", "RDS DB Instance Event", {"EventID": f"RDS-EVENT-{number}", "Message": message}, label=label)


SERVICES: dict[str, Input] = {
    "replaces an instance": steps(instance("Terminate Successful", Cause="an ELB system Health Check failure")),
    "scales in": steps(instance("Terminate Successful", Cause="a user request")),
    "cannot launch": steps(instance("Launch Unsuccessful", StatusMessage="no capacity")),
    "fails a deployment": steps(deployment("FAILED", "tasks failed to start")),
    "rolls back, which ends well": steps(
        deployment("IN_PROGRESS", "Rolling Back to x"), deployment("COMPLETED", "completed", "s2")
    ),
    "ends a deployment well": steps(deployment("COMPLETED", "completed")),
    "rolls back, and tells of the failure later": steps(
        deployment("IN_PROGRESS", "Rolling Back to x", of="ecs-svc/2"), deployment("FAILED", "tasks", "s2", of="ecs-svc/1")
    ),
    "rolls back, which fails": steps(
        deployment("IN_PROGRESS", "Rolling Back to x", of="ecs-svc/2"), deployment("FAILED", "tasks", "s2", of="ecs-svc/2")
    ),
    "rolls back for a runbook": steps(
        deployment("IN_PROGRESS", "Rolling Back to x"),
        deployment("COMPLETED", "completed", "s2"),
        before=({**OWN, "pk": "RES#ecs:service/prod/web", "sk": "STATE", "schema_version": 1, "ttl": "$now+9000"},),
    ),
    "fails over": steps(database("0013", "began"), database("0049", "failover completed", "s2")),
    "says something else": steps(database("0003", "said")),
    "misses a backup": steps(
        service("backup", "Backup Job State Change", {"state": "EXPIRED", "statusMessage": "window missed"})
    ),
    "ends an autoshift": steps(service("arc-zonal-shift", "Autoshift Completed", {})),
}


def agent(status: str = "completed", **more: Any) -> dict[str, Any]:
    """The recorder gets an agent's message."""
    return {"agent": {"label": "a1", "status": status, **more}}


def proof(rule: str, instance_id: str = RESOURCE) -> dict[str, Any]:
    """What only the instance itself may write."""
    pk = f"AGENT#arn:aws:ec2:eu-west-1:$account:instance/{instance_id}"
    return {"pk": pk, "sk": "ESCALATION#$id(a1)", "rule": rule}


def escalation(rule: str, *before: dict[str, Any], **more: Any) -> Input:
    """An agent asks for the next rule."""
    return steps(agent("failed", rule_name=rule, escalate=True, **more), before=before)


ODD: dict[str, Any] = {"reason": {"a": [1, 2.5, None]}, "error_message": ["x", True], "attempt_count": "2", "action": 7}
BAD: tuple[dict[str, Any], ...] = (
    {"status": "great"},
    {"stack": "../x"},
    {"resource_id": ""},
    {"resource_id": 5},
    {"instance_id": "*"},
    {"event_id": None},
    {"layer": "infrastructure"},
    {"start_time": "yesterday"},
)

AGENTS: dict[str, Input] = {
    **{each: steps(agent(each)) for each in ("completed", "failed", "skipped", "in_progress", "pending")},
    "begin and end": steps(agent("in_progress"), agent()),
    "end before begin": steps(agent(), agent("in_progress")),
    "twice": steps(agent(), agent()),
    "a cache": steps(agent(resource_type="cache", resource_id="orders", layer="data")),
    "a breaker": steps(agent(resource_type="breaker", resource_id="payments")),
    "of no known type": steps(agent(resource_type="../x")),
    "long and odd texts": steps(agent("failed", evidence="$long", notify="failures", **ODD)),
    "numbers for texts": steps(agent("failed", evidence=91.5, reason=1e21, error_message=0.1, attempt_count=3)),
    "nobody wants to hear": steps(agent(notify="none")),
    "an event that the guard has": steps(guard(), agent(event_id="$id(e1)")),
    **{f"bad: {bad}": steps(agent(**bad)) for bad in BAD},
    "escalates": escalation("leak", proof("shop/leak")),
    "escalates twice": steps(*[agent("failed", rule_name="leak", escalate=True)] * 2, before=(proof("shop/leak"),)),
    "escalates without proof": escalation("leak"),
    "escalates with another's proof": escalation("leak", proof("shop/leak", "i-0bb00000000000002")),
    "escalates with proof for another rule": escalation("leak", proof("shop/other")),
    "escalates to the data layer": escalation("leakdata", proof("shop/leakdata")),
    "escalates to what is not deployed": escalation("leakgone", proof("shop/leakgone")),
    "names the rule itself": escalation("leakalone", proof("shop/leakalone"), escalate_to="heal"),
    "escalates from an unknown rule": escalation("nowhere", proof("shop/nowhere")),
}
