"""Faults that tests put between a state machine's Task states and the services that they call.

`POST /_healstack/faults` replaces an account's list. A fault is about one Task state of one machine (inside Map and
Parallel too) and hits attempts in the order in which they are made, so a retried state meets the next one:

| kind | what the attempt meets |
|---|---|
| `throttle` | the service's own throttling error, before the call |
| `timeout_before` | States.Timeout, before the call |
| `timeout_after` | States.Timeout, after the call has had its effect |
| `error` | the error that `error` names, before the call |
| `error_after` | the same, after the call has had its effect |
| `hang` | the state waits, outside its own time limit, until `POST /_healstack/faults/release` |

`times` attempts are hit (1 when absent), after `skip` attempts that are let through. `execution` narrows a fault to
executions of one name."""

from __future__ import annotations

import contextvars
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from control import BadRequest, Request, Router

KINDS = ("throttle", "timeout_before", "timeout_after", "error", "error_after", "hang")
MEMBERS = {"machine", "state", "kind", "error", "times", "skip", "execution"}

# A hanging state that nobody releases ends all the same, so that a failed test leaves no thread behind for ever.
HANG_SECONDS = 120.0


@dataclass
class Fault:
    """One entry of the list, and how often it has met an attempt."""

    machine: str
    state: str
    kind: str
    error: str = ""
    times: int = 1
    skip: int = 0
    execution: str = ""
    seen: int = 0
    hits: int = 0

    def meets(self, place: Place) -> bool:
        """Whether this attempt is one to hit; counts it."""
        if (place.machine, place.state) != (self.machine, self.state) or self.execution not in ("", place.execution):
            return False
        self.seen += 1
        if self.seen <= self.skip or self.hits >= self.times:
            return False
        self.hits += 1
        return True


@dataclass(frozen=True)
class Place:
    """The Task state that is running."""

    machine: str
    state: str
    execution: str


_PLACE: contextvars.ContextVar[Place | None] = contextvars.ContextVar("healstack_place", default=None)


class Faults:
    """The lists of all accounts and regions."""

    def __init__(self, sfn: Any, scope: Callable[[], tuple[str, str]], throttling_error: Callable[[str], str]) -> None:
        self._sfn, self._scope, self._throttling_error = sfn, scope, throttling_error
        self._task, self._invoke = sfn._execute_task, sfn._invoke_resource
        self._lock = threading.Lock()
        self._faults: dict[tuple[str, str], list[Fault]] = {}
        self._released: defaultdict[tuple[str, str], threading.Event] = defaultdict(threading.Event)
        self._hanging: defaultdict[tuple[str, str], int] = defaultdict(int)

    def install(self, router: Router) -> None:
        """Puts the faults into ministack's Step Functions, and the endpoints before it."""
        self._sfn._execute_task, self._sfn._invoke_resource = self.execute_task, self.invoke
        router.post("/_healstack/faults", self.replace)
        router.post("/_healstack/faults/release", self.release)
        router.get("/_healstack/faults", self.listing)

    def replace(self, request: Request) -> dict[str, Any]:
        """A new list; what hung goes on."""
        faults = [parse(item) for item in request.mappings("faults")]
        self.release(request)
        with self._lock:
            self._faults[request.scope] = faults
            self._released[request.scope] = threading.Event()
        return self.listing(request)

    def release(self, request: Request) -> dict[str, Any]:
        """Lets everything go on that hangs."""
        with self._lock:
            self._released.pop(request.scope, threading.Event()).set()
        return self.listing(request)

    def listing(self, request: Request) -> dict[str, Any]:
        """The list with its hits, and how many states hang now."""
        with self._lock:
            faults = [vars(fault) for fault in self._faults.get(request.scope, [])]
            return {"faults": faults, "hanging": self._hanging[request.scope]}

    def next(self, kinds: tuple[str, ...]) -> Fault | None:
        """The first fault of these kinds that meets the attempt that is being made."""
        place = _PLACE.get()
        if place is None:
            return None
        with self._lock:
            candidates = (fault for fault in self._faults.get(self._scope(), []) if fault.kind in kinds)
            return next((fault for fault in candidates if fault.meets(place)), None)

    def execute_task(self, state: Any, data: Any, record: Any, context: dict[str, Any]) -> Any:
        """A Task state: notes where it is, since the call is made in another thread, and hangs where it shall."""
        machine, execution = context["StateMachine"]["Name"], context["Execution"]["Name"]
        token = _PLACE.set(Place(machine, context["State"]["Name"], execution))
        try:
            if self.next(("hang",)):
                self.hang()
            return self._task(state, data, record, context)
        finally:
            _PLACE.reset(token)

    def hang(self) -> None:
        """Waits for the release."""
        scope = self._scope()
        with self._lock:
            released = self._released[scope]
            self._hanging[scope] += 1
        try:
            released.wait(HANG_SECONDS)
        finally:
            with self._lock:
                self._hanging[scope] -= 1

    def invoke(self, resource: str, data: Any) -> Any:
        """One attempt of a Task state's call."""
        fault = self.next(tuple(kind for kind in KINDS if kind != "hang"))
        if fault is None:
            return self._invoke(resource, data)
        if fault.kind.endswith("_after"):
            self._invoke(resource, data)
        names = {"throttle": self._throttling_error(resource), "error": fault.error, "error_after": fault.error}
        name = names.get(fault.kind, "States.Timeout")
        raise self._sfn._ExecutionError(name, f"fault injected into {fault.machine} {fault.state}")


def parse(item: dict[str, Any]) -> Fault:
    """A fault from a request."""
    unknown = sorted(item.keys() - MEMBERS)
    if unknown:
        raise BadRequest(f"a fault has no `{unknown[0]}`: its members are {', '.join(sorted(MEMBERS))}")
    for name in ("machine", "state", "kind"):
        if not isinstance(item.get(name), str):
            raise BadRequest(f"a fault needs `{name}`")
    if item["kind"] not in KINDS:
        raise BadRequest(f"`{item['kind']}` is no kind of fault: {', '.join(KINDS)}")
    if item["kind"].startswith("error") and not item.get("error"):
        raise BadRequest(f"a fault of kind `{item['kind']}` needs `error`")
    return Fault(**item)
