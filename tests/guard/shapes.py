"""What items of the ledger look like, for comparing. Times are seconds from the start of a test."""

from __future__ import annotations

from typing import Any

from core_stack import RESOURCE, RULE, lease


def leased(
    label: str, at: int = 1, attempt: int = 1, identity: str = RULE, begin: int = 1, **undo: int
) -> dict[str, Any]:
    """A resource that is being healed since `at`."""
    end = at + lease()
    return {
        "leaseUntil": end,
        "leaseOwner": label,
        "leaseHolder": True,
        "leaseRule": identity,
        f"cd#{identity}": end + 600,
        f"last#{identity}": end,
        f"att#{identity}": attempt,
        f"win#{identity}": begin,
        "undoCd": undo.get("cd", 0),
        "undoAtt": undo.get("att", 0),
        "undoWin": undo.get("win", 0),
    }


def rested(end: int = 1, attempts: int = 1, identity: str = RULE, begin: int = 1, **more: Any) -> dict[str, Any]:
    """A resource whose healing ended."""
    return {
        f"cd#{identity}": end + 600,
        f"last#{identity}": end,
        f"att#{identity}": attempts,
        f"win#{identity}": begin,
        **more,
    }


STATE = f"RES#ec2:instance/{RESOURCE}|STATE"


def healing(
    label: str, attempt: int = 1, identity: str = RULE, resource: str = RESOURCE, **undo: int
) -> dict[str, dict[str, Any]]:
    """Everything that one running healing holds."""
    return {
        f"RES#ec2:instance/{resource}|STATE": leased(label, attempt=attempt, identity=identity, **undo),
        f"SLOT#{identity}|{label}": place(label, identity=identity),
        f"SLOT#ALL|{label}": place(label, identity=identity),
        f"RATE#{identity}": {"started": 1},
        f"EVENT#{label}": running(label, attempt=attempt, identity=identity, resource=resource),
    }


def place(label: str, at: int = 1, identity: str = RULE) -> dict[str, Any]:
    """A slot that is taken since `at`."""
    return {"leaseUntil": at + lease(), "leaseOwner": label, "leaseHolder": True, "leaseRule": identity}


def event(label: str, status: str, resource: str = RESOURCE, identity: str = RULE, **more: Any) -> dict[str, Any]:
    """An event of a runbook's rule."""
    stack, rule = identity.split("/")
    return {
        "event_id": label,
        "stack": stack,
        "rule_name": rule,
        "layer": "infrastructure",
        "action": "replace",
        "status": status,
        "resource_id": resource,
        "resource_key": f"ec2:instance/{resource}",
        "source": "runbook",
        "notify": "all",
        "evidence": "Threshold Crossed",
        "start_time": 1,
        **more,
    }


def pending(label: str, attempt: int = 1, at: int = 1, identity: str = RULE, **more: Any) -> dict[str, Any]:
    """An event that was claimed."""
    figures = {"attempt_count": attempt, "start_time": at, "open": "open", "deadline": at + lease(), "cooldown": 600}
    return event(label, "pending", identity=identity, **{**figures, "places": [f"SLOT#{identity}", "SLOT#ALL"], **more})


def running(label: str, **more: Any) -> dict[str, Any]:
    """An event whose runbook runs."""
    # It is asked how it is 900 s before its lease ends.
    return {**pending(label, **more), "status": "in_progress", "execution_id": True, "deadline": lease() - 900}


def ended(label: str, status: str = "completed", attempt: int = 1, identity: str = RULE, **more: Any) -> dict[str, Any]:
    """An event whose runbook has ended."""
    figures = {
        "attempt_count": attempt,
        "end_time": 1,
        "cooldown": 600,
        "execution_id": True,
        "places": [f"SLOT#{identity}", "SLOT#ALL"],
    }
    return event(label, status, identity=identity, **{**figures, "reason": "", "error_message": "", **more})


def native_event(label: str, status: str, **more: Any) -> dict[str, Any]:
    """An event of a native healing."""
    return event(label, status, source="native", signal="system", **{"attempt_count": 1, **more})


def skipped(label: str, reason: str, at: int = 1, **more: Any) -> dict[str, Any]:
    """An event that the guard refused."""
    return event(label, "skipped", **{"reason": reason, "attempt_count": 0, "start_time": at, "end_time": at, **more})
