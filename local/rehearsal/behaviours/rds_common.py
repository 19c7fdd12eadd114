"""What the behaviours of RDS and AWS Backup share: what a scenario may say, and RDS's events."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from behaviour import Thing, Unknown
from world import World

# RDS user guide, "Amazon RDS event categories and event messages"; Aurora has the same ids for clusters.
EVENTS = {
    "RDS-EVENT-0004": ("availability", "DB instance shutdown"),
    "RDS-EVENT-0005": ("creation", "DB instance created"),
    "RDS-EVENT-0006": ("availability", "DB instance restarted"),
    "RDS-EVENT-0001": ("backup", "Backing up DB instance"),
    "RDS-EVENT-0002": ("backup", "Finished DB instance backup"),
    "RDS-EVENT-0013": ("failover", "Multi-AZ instance failover started."),
    "RDS-EVENT-0019": ("restoration", "Restored from DB instance {} to {}"),
    "RDS-EVENT-0020": (
        "recovery",
        "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered.",
    ),
    "RDS-EVENT-0021": ("recovery", "Recovery of the DB instance is complete."),
    "RDS-EVENT-0031": (
        "failure",
        "DB instance put into {} state. RDS recommends that you initiate a point-in-time-restore.",
    ),
    "RDS-EVENT-0034": (
        "failover",
        "Abandoning user requested failover since a failover recently occurred on the database instance.",
    ),
    "RDS-EVENT-0049": ("failover", "Multi-AZ instance failover completed"),
    "RDS-EVENT-0069": (
        "failover",
        "Cluster failover failed, check the health of your cluster instances and try again.",
    ),
    "RDS-EVENT-0071": ("failover", "Completed failover to DB instance: {}"),
    "RDS-EVENT-0072": ("failover", "Started same AZ failover to DB instance: {}"),
    "RDS-EVENT-0073": ("failover", "Started cross AZ failover to DB instance: {}"),
    "RDS-EVENT-0087": ("notification", "DB instance stopped"),
    "RDS-EVENT-0088": ("notification", "DB instance started"),
    "RDS-EVENT-0221": (
        "availability",
        "DB instance has reached the storage-full threshold, and the database has been shut down. "
        "You can increase the allocated storage to address this issue.",
    ),
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: object) -> int:
    """A duration of a scenario, `90s`, `10m`, `2h` or `1d`."""
    found = re.fullmatch(r"(\d+)([smhd])", str(text))
    if not found:
        raise Unknown(f"the duration `{text}`; known: 30s, 10m, 2h, 1d")
    return int(found[1]) * UNITS[found[2]]


def read(thing: Thing, needs: tuple[str, ...], may: dict[str, Any]) -> Thing:
    """What a scenario says of a thing, with what it leaves out. `ail` is its kind and no option."""
    said = {key: value for key, value in thing.items() if key != "ail"}
    for key in needs:
        if key not in said:
            raise Unknown(f"{thing} without `{key}`")
    for key in said:
        if key not in needs and key not in may:
            raise Unknown(f"`{key}` of {thing}; known: {', '.join([*needs, *may])}")
    return {**may, **said}


def one_of(what: str, value: object, known: tuple[str, ...]) -> str:
    """A word that must be known."""
    if value not in known:
        raise Unknown(f"`{value}` as {what}; known: {', '.join(known)}")
    return str(value)


def moment(value: object) -> datetime:
    """A time of a request, as RFC 3339 or already read. One without a zone is UTC, as AWS takes it."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(re.sub(r"Z$", "+00:00", str(value)))


def tell(world: World, source: str, name: str, event: str, *words: str) -> None:
    """An event of a `db` or `cluster` (RDS user guide, "Creating a rule that triggers on an Amazon RDS event")."""
    category, message = EVENTS[event]
    arn = world.arn("rds", f"{source}:{name}")
    kind, what = {"db": ("DB_INSTANCE", "Instance"), "cluster": ("CLUSTER", "Cluster")}[source]
    detail = {
        "EventCategories": [category],
        "SourceType": kind,
        "SourceArn": arn,
        "Date": world.now,
        "Message": message.format(*words),
        "SourceIdentifier": name,
        "EventID": event,
    }
    world.emit("aws.rds", f"RDS DB {what} Event", detail, [arn])


def resource_id(world: World, prefix: str) -> str:
    """An id such as db-M5ENSHXFPU6XHZ4G4ZEI5QIO2U, which a name never gets again."""
    return prefix + "".join(world.random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=26))
