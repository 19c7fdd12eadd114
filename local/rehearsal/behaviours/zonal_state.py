"""What ARC knows of zonal shifts, and what is wrong with zones."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from behaviour import ApiError

# ARC developer guide, "How a zonal shift works": at most three days at first.
LONGEST_HOURS = 72


@dataclass
class Shift:
    """A zonal shift or a practice run."""

    id: str
    name: str
    zone: str
    comment: str
    started: datetime
    expires: datetime
    kind: str = "ZONAL_SHIFT"
    status: str = "ACTIVE"
    outcome: str = ""


@dataclass
class Autoshift:
    """A shift of AWS's own."""

    name: str
    zone: str
    started: datetime


@dataclass
class Trouble:
    """What is wrong with a load balancer's zones."""

    failing: dict[str, int] = field(default_factory=dict)
    # Percent of errors of a zone with more requests than usual.
    overload: int = 0
    usual: int = 0
    kept: bool = False


def said(applied: bool) -> str:
    """`appliedStatus`."""
    return "APPLIED" if applied else "NOT_APPLIED"


def lifetime(text: str) -> timedelta:
    """StartZonalShift, `expiresIn`: whole minutes or hours."""
    found = re.fullmatch(r"([1-9][0-9]*)([mh])", text)
    lasts = timedelta(minutes=int(found[1]) * {"m": 1, "h": 60}[found[2]]) if found else None
    if lasts is None or lasts > timedelta(hours=LONGEST_HOURS):
        raise ApiError("ValidationException", f"InvalidExpiresIn: {text}")
    return lasts
