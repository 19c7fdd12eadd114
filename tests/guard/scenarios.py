"""Short stories that together lead through every Task state of the machines; test_every_fault.py puts faults into each.

A story may be told with faults in it, so it asserts nothing: what it ends in is compared with the same story in calm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core_stack import RECORDER, RESOURCE, RULE, lease
from guard_case import GuardCase
from shapes import STATE

OTHER = "i-0bb00000000000002"
NATIVE = "arn:aws:automate:eu-west-1:ec2:recover"


def healed(case: GuardCase) -> None:
    """A runbook is started and ends well."""
    case.guard(case.alarm_event("e1"))
    if case.automations():
        case.finish()


def in_flight(case: GuardCase) -> None:
    """An event for a resource that is being healed."""
    case.guard(case.alarm_event("e1"))
    case.guard(case.alarm_event("e2"))


def over_budget(case: GuardCase) -> None:
    """No slot is free: what was taken is given back."""
    case.occupy(f"SLOT#{RULE}")
    case.guard(case.alarm_event("e1"))


def over_rate(case: GuardCase) -> None:
    """The hour is spent: what was taken is given back."""
    hour = str(int(case.start) // 3600)
    item = {
        "pk": {"S": f"RATE#{RULE}"},
        "sk": {"S": hour},
        "started": {"SS": ["x"]},
        "schema_version": {"N": "1"},
        "ttl": {"N": str(int(case.start) + 9000)},
    }
    case.clients["dynamodb"].put_item(TableName="heal--core--ledger", Item=item)
    case.rule(RULE, budget={"concurrent": 1, "per_hour": 1})
    case.guard(case.alarm_event("e1"))


def decided_before(case: GuardCase) -> None:
    """The ledger knows the event already."""
    event = case.alarm_event("e1")
    case.put(
        {
            "pk": f"EVENT#{event['id']}",
            "sk": "EVENT",
            "event_id": event["id"],
            "holder": "another",
            "status": "completed",
            "schema_version": 1,
            "account": case.account,
            "region": "eu-west-1",
            "day": "2026-01-01",
            "at": f"2026-01-01T00:00:00.000Z#{event['id']}",
            "ttl": int(case.start) + 9000,
        }
    )
    case.guard(event)


def start_fails(case: GuardCase) -> None:
    """There is no runbook."""
    case.delete_runbook()
    case.guard(case.alarm_event("e1"))


def throttled_for_ever(case: GuardCase) -> None:
    """Systems Manager starts nothing any more. The faults of a story stand beside those of its teller."""
    case.fault_too({"machine": "heal--core--guard", "state": "Start", "kind": "throttle", "times": 10_000})
    case.guard(case.alarm_event("e1"))


def offered_over_budget(case: GuardCase) -> None:
    """An offer of the sweeper that the budget refuses."""
    case.occupy(f"SLOT#{RULE}")
    case.fleet_alarm()
    case.sweep()


def escalated(case: GuardCase) -> None:
    """Attempts are spent, and the next rule takes over."""
    case.rule(RULE, escalate_to="second")
    case.rule("shop/second")
    now = int(case.start)
    case.put(
        {
            "pk": STATE.split("|")[0],
            "sk": "STATE",
            f"att#{RULE}": 3,
            f"win#{RULE}": now - 60,
            f"last#{RULE}": now - 60,
            f"cd#{RULE}": now - 60,
            "schema_version": 1,
            "ttl": now + 9000,
        }
    )
    case.guard(case.alarm_event("e1"))
    case.settle()


def suppressed(case: GuardCase) -> None:
    """Another alarm says that now is not the time."""
    case.rule(RULE, suppress_while="down")
    case.single_alarm("down")
    case.guard(case.alarm_event("e1"))


def native(case: GuardCase) -> None:
    """EC2 recovers an instance."""
    case.guard(case.alarm_event("e1", signal="system"))
    case.settle()
    case.guard(case.alarm_event("ok", signal="system", state="OK"))
    case.settle()


def failed_over(case: GuardCase) -> None:
    """RDS fails over by itself, while nothing heals the instance."""
    for label, number in (("f1", "0013"), ("f2", "0049")):
        event_id = f"00000000-0000-4000-8000-{number:>012}"
        case.labels[event_id] = label
        heal = {"stack": "shop", "rule": "heal", "layer": "platform", "action": "restart", "notify": "all"}
        heal["resource"] = f"arn:aws:rds:eu-west-1:{case.account}:db:orders"
        said = {"source": "aws.rds", "detail-type": "RDS DB Instance Event", "detail": {"EventID": f"RDS-EVENT-{number}"}}
        case.begin(RECORDER, {"id": event_id, "heal": heal, **said})
        case.settle()


def by_hand(case: GuardCase) -> None:
    """A person starts a runbook."""
    case.labels["91981ed1-f03c-576e-afa8-5cf6344d99ed"] = "hand"
    parameters = {"ResourceId": [RESOURCE], "HealEventId": ["91981ed1-f03c-576e-afa8-5cf6344d99ed"]}
    case.clients["ssm"].start_automation_execution(DocumentName="heal--shop--heal", Parameters=parameters)
    case.finish()


def agent_escalates(case: GuardCase) -> None:
    """An agent has spent its attempts."""
    case.rule("shop/leak", layer="application", escalate_to="heal", signals={})
    message = case.agent_event("a1", "failed", escalate=True)
    case.prove("a1")
    case.begin(RECORDER, [{"messageId": "m", "body": case.text(message)}])
    case.settle()


def agent_is_refused(case: GuardCase) -> None:
    """An agent asks for what it may not have."""
    case.rule("shop/leak", layer="application", signals={})
    case.begin(RECORDER, [{"messageId": "m", "body": case.text(case.agent_event("a1", "failed", escalate=True))}])
    case.settle()


def swept(case: GuardCase) -> None:
    """Alarms that go on are offered, by contributor and by resource."""
    case.rule(RULE, budget={"concurrent": 5, "per_hour": 6})
    case.fleet_alarm(resources=(RESOURCE, OTHER))
    case.single_alarm("heal--shop--heal--unrecovered--third", resource="i-0cc00000000000003")
    case.sweep()


def swept_in_pages(case: GuardCase) -> None:
    """More alarms than one page holds."""
    case.rule(RULE, mode="off")
    for index in range(21):
        case.single_alarm(f"heal--shop--heal--unrecovered--n{index:03}", resource=f"i-0{index:08}")
    case.sweep()


def closed(case: GuardCase) -> None:
    """The end of a runbook was not heard of."""
    case.guard(case.alarm_event("e1"))
    case.finish(emit=False)
    case.age(lease() - 300)
    case.sweep()


def extended(case: GuardCase) -> None:
    """A runbook goes on past its lease."""
    case.guard(case.alarm_event("e1"))
    case.age(lease() - 300)
    case.sweep()


def held(case: GuardCase) -> None:
    """A pause disables a native action."""
    case.single_alarm("heal--shop--heal--system", state="OK", AlarmActions=[NATIVE])
    case.pause("shop")
    case.sweep()


def lifted(case: GuardCase) -> None:
    """A pause is over."""
    case.single_alarm("heal--shop--heal--system", state="OK", AlarmActions=[NATIVE], ActionsEnabled=False)
    case.put({"pk": "DISABLED", "sk": "heal--shop--heal--system", "since": int(case.start), "schema_version": 1})
    case.sweep()


def summarised(case: GuardCase) -> None:
    """A storm is over."""
    case.put({"pk": "NOTICE", "sk": str(int(case.start) // 300 - 1), "count": 12, "failed": 12, "schema_version": 1})
    case.sweep()


STORIES: dict[str, Callable[[GuardCase], None]] = {
    story.__name__: story
    for story in (
        healed,
        in_flight,
        over_budget,
        over_rate,
        decided_before,
        throttled_for_ever,
        offered_over_budget,
        start_fails,
        escalated,
        suppressed,
        native,
        failed_over,
        by_hand,
        agent_escalates,
        agent_is_refused,
        swept,
        swept_in_pages,
        closed,
        extended,
        held,
        lifted,
        summarised,
    )
}


def outcome(case: GuardCase) -> dict[str, Any]:
    """What a story ends in: items, automations, alarms' actions. Ids that chance or a sweep gives are numbered."""
    case.settle()
    names = {event_id: label for event_id, label in case.labels.items()}
    ledger = case.ledger()
    unknown = sorted(
        {
            str(item["event_id"]["S"])
            for item in case.scan()
            if "event_id" in item and item["event_id"]["S"] not in names
        },
        key=lambda each: next(
            str(item["resource_id"]["S"]) for item in case.scan() if item.get("event_id", {}).get("S") == each
        ),
    )
    case.labels.update({event_id: f"u{index}" for index, event_id in enumerate(unknown)})
    if unknown:
        ledger = case.ledger()
    automations = sorted(
        (each["DocumentName"], each["Parameters"]["ResourceId"][0], each["AutomationExecutionStatus"])
        for each in case.automations()
    )
    return {"ledger": ledger, "automations": automations, "acting": case.acting()}
