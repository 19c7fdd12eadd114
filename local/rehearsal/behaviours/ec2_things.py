"""What the behaviours of EC2, EBS and Auto Scaling share: moto's own objects, things with exactly the wanted ids, and
how files say times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from behaviour import ApiError, Request, Thing, Unknown
from moto.backends import get_backend
from moto.core.exceptions import ServiceException
from moto.ec2.utils import filter_dict_attribute_mapping
from world import World

# DescribeInstances has this filter (EC2 API reference); moto's instances have the attribute, and lack only the name.
filter_dict_attribute_mapping.setdefault("root-device-name", "root_device_name")

# EC2 user guide, "Amazon EC2 instance state changes", with the codes of EC2 API reference, InstanceState.
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

# moto's way to a backend is long, and each instance goes it several times a minute.
EC2: WeakKeyDictionary[World, Any] = WeakKeyDictionary()


def ec2(world: World) -> Any:
    """moto's EC2 of this account and region."""
    if world not in EC2:
        EC2[world] = get_backend("ec2")[world.account][world.region]
        # The first call by a client makes moto's own account too, to find out which addresses are EC2's.
        world.client("ec2").describe_regions()
    return EC2[world]


@contextmanager
def as_answered() -> Iterator[None]:
    """What moto itself raises inside of the `with` is an answer of the API."""
    try:
        yield
    except ServiceException as error:
        raise ApiError(error.code, error.message) from error


def auto_scaling(world: World) -> Any:
    """moto's Auto Scaling of this account and region."""
    return get_backend("autoscaling")[world.account][world.region]


@contextmanager
def with_ids(world: World, instances: Iterable[str] = (), volumes: Iterable[str] = ()) -> Iterator[None]:
    """What moto makes inside of the `with` gets these ids first, in this order, and then ids of its own."""
    # When it is first reached, moto makes volumes of its own, for the images of each account.
    ec2(world)
    from moto.ec2.models import elastic_block_store as disks
    from moto.ec2.models import instances as machines

    wanted, made = (iter(instances), iter(volumes)), (machines.random_instance_id, disks.random_volume_id)
    with (
        patch.object(machines, "random_instance_id", lambda: next(wanted[0], None) or made[0]()),
        patch.object(disks, "random_volume_id", lambda: next(wanted[1], None) or made[1]()),
    ):
        yield


def seconds(text: Any, what: str) -> int:
    """A duration of a scenario: 30s, 10m30s, 2h, 1d."""
    if not re.fullmatch(r"(\d+[smhd])+", str(text)):
        raise Unknown(f"`{text}` as {what}; write 30s, 10m, 10m30s, 2h or 1d")
    parts = re.findall(r"(\d+)([smhd])", str(text))
    return sum(int(count) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] for count, unit in parts)


def later(world: World, after: int) -> datetime:
    """The moment in so many seconds."""
    return world.now + timedelta(seconds=after)


def only(thing: Thing, *known: str) -> Thing:
    """The thing, if it says nothing that nobody would read."""
    odd = [key for key in thing if key not in known]
    if odd:
        raise Unknown(f"`{odd[0]}` of {thing}; known: {', '.join(known)}")
    return thing


def one_of(value: Any, what: str, *known: str) -> str:
    """The value, if it is one of those."""
    if value not in known:
        raise Unknown(f"`{value}` as {what}; known: {', '.join(known)}")
    return str(value)


def tag_list(tags: dict[str, str] | None) -> list[dict[str, str]]:
    """Tags as the API writes them."""
    return [{"Key": key, "Value": str(value)} for key, value in (tags or {}).items()]


def tag_specifications(kind: str, tags: dict[str, str] | None) -> list[Request]:
    """Tags of something that is made; none where there are none."""
    return [{"ResourceType": kind, "Tags": tag_list(tags)}] if tags else []


def tags_of(world: World, resource: str) -> dict[str, str]:
    """The tags of a resource of EC2."""
    # moto's own table: its DescribeTags looks through the tags of everything, for each of a thousand instances.
    return dict(ec2(world).tags.get(resource, {}))


def passes(filters: list[Request], values: dict[str, Any], place: str) -> bool:
    """Whether something with these values of filters passes all of them; a filter without its value here is unknown."""
    for each in filters:
        if each["Name"] not in values:
            if not each["Name"].startswith("tag:"):
                raise Unknown(f"the filter `{each['Name']}` of {place}")
            found = values.get("tags", {}).get(each["Name"][4:])
        else:
            found = values[each["Name"]]
        found = found if isinstance(found, list) else [found]
        if not set(found) & set(each["Values"]):
            return False
    return True
