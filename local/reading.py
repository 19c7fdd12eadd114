"""What the readers of all services share: boto3 clients, and comparing.

A reader is one function for a CloudFormation resource type. It takes a `Clients` (boto3 clients of one account and
region), the physical id, and the properties that the template gives; it returns what is wrong. A resource that is not
there raises the service's own error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3

from stack_values import difference

Properties = dict[str, Any]


# One for all: a session reads each service's model once.
_SESSION = boto3.session.Session()


class Clients:
    """boto3 clients of one endpoint, region and account, made when first asked for."""

    def __init__(self, endpoint: str, region: str, access_key: str = "test") -> None:
        self._options = {
            "endpoint_url": endpoint,
            "region_name": region,
            "aws_access_key_id": access_key,
            "aws_secret_access_key": "test",
        }
        self._made: dict[str, Any] = {}

    def __getitem__(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = _SESSION.client(service, **self._options)
        return self._made[service]


Reader = Callable[[Clients, str, Properties], Iterator[str]]


def compare(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """At most one problem: the first difference."""
    problem = difference(wanted, found, path)
    if problem:
        yield problem


def only(props: Properties, *names: str) -> Properties:
    """The named properties that the template gives."""
    return {name: props[name] for name in names if name in props}


def keyed(items: list[Any], key: str) -> dict[str, Any]:
    """A list whose order means nothing, by its items' identifying member."""
    return {str(item[key]): item for item in items}
