"""What a service of the rehearsed account does that moto lacks: the base class of everything in `behaviours/`.

A behaviour is a set of small state machines over the state that the service's own API shows. Every transition cites AWS's documentation.
Nothing here heals: what is ill stays ill until a call that the documentation says would mend it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from world import World

Request = dict[str, Any]
Answer = dict[str, Any]
Thing = dict[str, Any]


class ApiError(Exception):
    """An error answer of an API: its code, as boto3 shows it, and its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unknown(Exception):
    """Something that the rehearsal does not know. It stops the rehearsal: guessing would prove nothing."""


@dataclass(frozen=True)
class Datapoint:
    """What a service says to CloudWatch for the minute that has just ended."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    # The samples of the minute: a count has one, a latency may have many.
    values: tuple[float, ...]
    # The resource's tags, for queries that select by them (telemetry enrichment).
    tags: Mapping[str, str] = field(default_factory=dict)


class Behaviour:
    """One service, or one part of it. Subclasses fill the tables with their own methods."""

    def __init__(self, world: World) -> None:
        self.world = world
        # What `given` of a scenario may name: makes the thing, through the API where it has one.
        self.givens: dict[str, Callable[[Thing], None]] = {}
        # What `ail` of a scenario may name: makes something ill.
        self.ailments: dict[str, Callable[[Thing], None]] = {}
        # APIs that moto lacks or answers wrongly, `service:Api`: answered here instead.
        self.apis: dict[str, Callable[[Request], Answer]] = {}
        # Run after moto has answered, with the request and the answer, which they may change.
        self.after: dict[str, Callable[[Request, Answer], None]] = {}
        # Native actions of alarms, `ec2:reboot`, with the dimensions of what is in ALARM.
        self.actions: dict[str, Callable[[dict[str, str]], None]] = {}
        # Documents of Run Command on one host: seconds that it takes, and its final status.
        self.commands: dict[str, Callable[[str, Request], tuple[int, str]]] = {}

    def metrics(self) -> Iterator[Datapoint]:
        """The datapoints of the minute that ends now."""
        return iter(())
