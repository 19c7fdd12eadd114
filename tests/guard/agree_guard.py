"""Inputs of the guard for both interpreters: by name, the ledger's items before, alarms, and steps.

agreement.py says how they are read.
"""

from __future__ import annotations

import json
from typing import Any

from core_stack import RESOURCE

Input = dict[str, Any]

KEY = f"ec2:instance/{RESOURCE}"
STATE = {"pk": f"RES#{KEY}", "sk": "STATE"}
LEASE = {"leaseOwner": "x", "leaseHolder": "x", "leaseRule": "shop/x"}
UNDO = {"undoCd": 0, "undoAtt": 0, "undoWin": 0}
VOLUME = {"VolumeId": "vol-0aa1"}
GROUP = "autoScalingGroup:930d940e-891e-4781-a11a-7b0acd480f03:autoScalingGroupName/web"
# As the guard has a rule's configuration; one that Parameter Store does not have.
COPY = {
    "enabled": False,
    "mode": "enforce",
    "cooldown_seconds": 60,
    "layer": "platform",
    "action": "restart",
    "notify": "all",
    "signals": {"unrecovered": "runbook"},
    "budget": {"concurrent": 1, "per_hour": 1},
    "resource": {"service": "ec2", "type": "instance", "dimensions": ["InstanceId"]},
}


def steps(*of: dict[str, Any], before: tuple[dict[str, Any], ...] = (), **more: Any) -> Input:
    """An input of several steps."""
    return {"steps": list(of), "before": list(before), **more}


def guard(label: str = "e1", **more: Any) -> dict[str, Any]:
    """The guard gets an alarm's event."""
    return {"guard": {"alarm": label, **more}}


def one(*before: dict[str, Any], **more: Any) -> Input:
    """An alarm's event meets these items."""
    return steps(guard(**more), before=before)


def offer(*before: dict[str, Any], **more: Any) -> Input:
    """The same as an offer of the sweeper."""
    return one(*before, more={"offer": True}, **more)


def injected(**heal: str) -> dict[str, Any]:
    """What a rule's own event rule injects."""
    return {"heal": {"stack": "shop", "rule": "heal", "signal": "unrecovered", **heal}}


def dimensions(**attributes: str) -> dict[str, Any]:
    """A contributor's attributes."""
    return {"alarmContributor": {"id": "c", "attributes": attributes}}


def metrics(*of: dict[str, Any]) -> dict[str, Any]:
    """An alarm without contributors."""
    return {"alarmContributor": None, "configuration": {"metrics": list(of)}}


def metric(**attributes: str) -> dict[str, Any]:
    """A metric of an alarm."""
    return {"metricStat": {"metric": {"dimensions": attributes}}}


def slot(pk: str, sk: int = 0, until: str = "$now+5000", **more: str) -> dict[str, Any]:
    """A place that somebody else has."""
    return {"pk": pk, "sk": str(sk), "leaseUntil": until, **LEASE, **more}


def history(rule: str = "shop/heal", **more: Any) -> dict[str, Any]:
    """A resource that a rule has healed once, whose cooldown is over."""
    past = {"att": 1, "win": "$now-3000", "last": "$now-700", "cd": "$now-100"}
    figures = {name: more.pop(name, value) for name, value in past.items()}
    return {**STATE, **{f"{name}#{rule}": value for name, value in figures.items()}, **more}


def control(scope: str, mode: str = "pause", **more: str) -> dict[str, Any]:
    """A switch."""
    return {"pk": "CONTROL", "sk": scope, "mode": mode, **more}


def config(rule: str, value: dict[str, Any], until: str) -> dict[str, Any]:
    """A copy of a rule's configuration."""
    return {"pk": f"CONFIG#{rule}", "sk": "CONFIG", "value": json.dumps(value), "until": until}


BACKUP = {"state": "FAILED", "statusMessage": "The job failed."}
ALARM = "heal--shop--heal--unrecovered"
DECIDED = {
    "pk": "EVENT#$id(e1)",
    "sk": "EVENT",
    "event_id": "$id(e1)",
    "holder": "another",
    "status": "completed",
    "account": "$account",
    "region": "eu-west-1",
    "day": "2026-01-01",
    "at": "2026-01-01T00:00:00.000Z#$id(e1)",
}
ESCALATION = {"signal": "escalation", "resource": KEY, "from": "shop/first"}

ROUTES: dict[str, Input] = {
    "an alarm's contributor": one(),
    "an alarm's event over the bus": steps({"bus": {"alarm": "e1"}}),
    "metric math": one(detail=metrics({"expression": "a-b"}, metric(InstanceId=RESOURCE))),
    "two metrics": one(detail=metrics(metric(InstanceId=RESOURCE), metric(InstanceId=RESOURCE, Extra="x"))),
    "a fleet alarm's own event": one(detail=metrics({"expression": "SELECT MAX(a) FROM b Group By InstanceId"})),
    "OK": one(state="OK"),
    "OK of a resource that is being healed": steps(guard(), guard("ok", state="OK")),
    "an unknown rule": one(rule="shop/nothing"),
    "an offer for an unknown rule": offer(rule="shop/nothing"),
    "an alarm that names no rule": one(detail={"alarmName": "heal--shop"}),
    "an offer of an alarm that names no rule": offer(detail={"alarmName": "heal--nonsense"}),
    "an unknown signal": one(signal="unheard"),
    "another dimension than the rule's": one(detail=dimensions(**VOLUME)),
    "an event without anything": steps({"guard": {"id": "$id(e1)", "time": "$iso-0"}}),
    "an event without a time": steps({"guard": {"id": "$id(e1)", "detail": {"alarmName": ALARM}}}),
    "a rule that is no JSON": one(rule="shop/garbled"),
    "an ARN": one(detail={}, more=injected(resource=f"arn:aws:ec2:eu-west-1:$account:instance/{RESOURCE}")),
    "an ARN with colons": one(more=injected(resource=f"arn:aws:autoscaling:eu-west-1:$account:{GROUP}")),
    "a muted alarm's service": steps(
        guard(detail=BACKUP, more=injected(resource=RESOURCE, alarm=ALARM)), muted=[ALARM]
    ),
    "a service's event as evidence": steps(
        guard(detail={**BACKUP, "state": {}}, more=injected(resource=RESOURCE, alarm=ALARM)), muted=["another"]
    ),
    "long evidence": one(slot("SLOT#shop/heal"), reason="$long"),
    "evidence in other letters": one(slot("SLOT#shop/heal"), reason='Überschritten: „5“ > 4 😀\n\t"\\\u007f/'),
    "the one resource that a rule names": one(rule="shop/shift", detail=dimensions(AvailabilityZone="eu-west-1a")),
    "two resources": one(rule="shop/volume", detail=dimensions(**VOLUME, InstanceId=RESOURCE)),
    "two resources, one of them leased": one(
        {**STATE, "leaseUntil": "$now+900", **LEASE},
        rule="shop/volume",
        detail=dimensions(**VOLUME, InstanceId=RESOURCE),
    ),
    "two resources, one of them missing": one(rule="shop/volume", detail=dimensions(**VOLUME)),
    "an escalation": one(more={"offer": True, **injected(**ESCALATION)}, detail={"alarmName": None}),
}

SWITCHES: dict[str, Input] = {
    "muted": one(detail={"muteDetail": {"mutedByArn": "arn"}}),
    "stale": one(age=601),
    "not stale where the cooldown is long": one(rule="shop/patient", age=880),
    "stale in spite of a long cooldown": one(rule="shop/patient", age=905),
    **{f"paused for {scope}": one(control(scope)) for scope in ("ALL", "shop", "shop/heal")},
    "another's pause, and one that is over": one(control("depot"), control("ALL", until="$now-5")),
    "an offer during a pause": offer(control("ALL", until="$now+600")),
    "observed by a switch": one(control("shop", "observe")),
    "observed and paused": one(control("shop", "observe"), control("ALL")),
    "observed by the rule": one(rule="shop/observing"),
    "a rule that is off": one(rule="shop/off"),
    "a rule that is disabled": one(rule="shop/disabled"),
    "a signal of the agent": one(rule="shop/usage", signal="usage"),
    "an agent that tries no more": one(rule="shop/usage", signal="exhausted"),
    "suppressed": steps(guard(rule="shop/waits"), alarms={"down": "ALARM"}),
    "a suppressor that is OK": steps(guard(rule="shop/waits"), alarms={"down": "OK"}),
    "a suppressor that does not exist": one(rule="shop/misspelt"),
    "a copy of the configuration": one(config("shop/copied", COPY, "$now+50"), rule="shop/copied"),
    "a copy that is too old": one(config("shop/heal", {}, "$now-1")),
}

ATTEMPTS: dict[str, Input] = {
    "in flight": steps(guard(), guard("e2")),
    "in flight by another rule": steps(guard(), guard("e2", rule="shop/second")),
    "the same event twice": steps(guard(), guard()),
    "decided before": one(DECIDED),
    "cooling down": one(history(cd="$now+300")),
    "cooldown is over": one(history(cd="$now-1")),
    "a lease that has ended": one(history(cd="$now-1", leaseUntil="$now-1", **LEASE, **UNDO)),
    "attempts are spent": one(history(att=3)),
    "attempts are spent, told before": one(
        history(att=3, **{"told#shop/heal": "$now-3000", "toldBy#shop/heal": "another"})
    ),
    "an offer whose attempts are spent": offer(history(att=3)),
    "attempts renew after health": one(history(att=3, win="$now-9000", last="$now-3700", cd="$now-3000")),
    "attempts renew with the window": one(history(att=3, win="$now-86500")),
    "the next rule takes over": one(history("shop/first"), rule="shop/first"),
    "the next rule takes over once": steps(
        guard(rule="shop/first"), guard("e2", rule="shop/first"), before=(history("shop/first"),)
    ),
    "the next rule is not deployed": one(history("shop/orphan"), rule="shop/orphan"),
    "a runbook that does not exist": one(rule="shop/unstartable"),
}

BUDGETS: dict[str, Input] = {
    **{f"the slot of {rule} is taken": one(slot(f"SLOT#{rule}"), rule=rule) for rule in ("shop/heal", "shop/quiet")},
    "the slot was left behind": one(slot("SLOT#shop/heal", until="$now-1")),
    "an offer whose slot is taken": offer(slot("SLOT#shop/heal")),
    "the rule's last free slot": one(*(slot("SLOT#shop/wide", index) for index in (0, 1, 3)), rule="shop/wide"),
    "all slots are taken": one(*(slot("SLOT#ALL", index) for index in range(10))),
    "the last free slot of all": one(*(slot("SLOT#ALL", index) for index in range(10) if index != 7)),
    "the hour is spent": one({"pk": "RATE#shop/hourly", "sk": "$hour", "started": ["x"]}, rule="shop/hourly"),
    "the hour is not spent": one({"pk": "RATE#shop/wide", "sk": "$hour", "started": ["x", "y"]}, rule="shop/wide"),
    "the eleventh notification": one(slot("SLOT#shop/heal"), {"pk": "NOTICE", "sk": "$window", "count": 10}),
}

NATIVE: dict[str, Input] = {
    "begins": one(signal="system"),
    "ends": steps(guard(signal="system"), guard("ok", signal="system", state="OK")),
    "its series vanishes": steps(
        guard(signal="system"),
        guard("ok", signal="system", state="OK", reason="No data was returned for this contributor"),
    ),
    "ends without a beginning": one(signal="system", state="OK"),
    "is offered": offer(signal="system"),
    "begins twice": steps(guard(signal="system"), guard("e2", signal="system")),
}
