"""The rehearsed account: moto in process, the behaviours that moto lacks, and a clock that only the caller moves."""

from __future__ import annotations

import heapq
import importlib
import json
import os
import pkgutil
import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import behaviours
import boto3
import botocore.session
import time_machine
from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing, Unknown
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator
from moto import mock_aws
from moto.moto_api._internal import mock_random
from reading import Memory, Reader
from shapes import check_answer, plain

# moto answers from within the process; a retry would only repeat the same answer.
CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=True)

# Clients by service and region. They read a model each, and keep nothing of an account: worlds share them.
CLIENTS: dict[tuple[str, str], Any] = {}


class World:
    """One account in one region. Everything that happens is ordered by time, then by the order in which it was planned."""

    def __init__(self, account: str, region: str, seed: int, now: int) -> None:
        """`now` is in milliseconds since 1970. moto reads its account from MOTO_ACCOUNT_ID when it is loaded."""
        if os.environ.get("MOTO_ACCOUNT_ID") != account:
            raise Unknown(f"the account {account}: MOTO_ACCOUNT_ID is {os.environ.get('MOTO_ACCOUNT_ID')}")
        self.account, self.region, self.random = account, region, random.Random(seed)
        self.now = datetime.fromtimestamp(now / 1000, timezone.utc)
        self.events: list[dict[str, Any]] = []
        self._planned: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = 0
        self._memory = Memory()
        self._mock = mock_aws()
        self._mock.start(reset=True)
        mock_random.seed(seed)
        with self.clock():
            self.behaviours = [kind(self) for kind in behaviour_classes()]

    def clock(self) -> Any:
        """Virtual time for everything inside of the `with`."""
        return time_machine.travel(self.now, tick=False)

    def changing(self) -> Any:
        """The same, where something may happen: what was read before is not relied upon."""
        self._memory.read.clear()
        return self.clock()

    def close(self) -> None:
        """Leaves moto."""
        self._mock.stop()

    # For behaviours

    def client(self, service: str) -> Any:
        """A boto3 client, which reaches moto and no behaviour."""
        key = (service, self.region)
        if key not in CLIENTS:
            CLIENTS[key] = boto3.Session(region_name=self.region).client(service, config=CONFIG)
        return Reader(CLIENTS[key], self._memory)

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Plans a transition."""
        self._order += 1
        heapq.heappush(self._planned, (self.now + timedelta(seconds=seconds), self._order, what))

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str] | None = None) -> None:
        """An event to the default bus; the engine gives it its id, time, account and region."""
        self.events.append(
            {"source": source, "detail-type": detail_type, "resources": resources or [], "detail": plain(detail)}
        )

    def behaviour(self, kind: type[Behaviour]) -> Any:
        """The behaviour of a class, for those that act on one another's resources."""
        return next(each for each in self.behaviours if isinstance(each, kind))

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    # For the engine

    def given(self, thing: Thing) -> None:
        """Makes a thing of a scenario's `given`: its first key names the kind."""
        kind = next(iter(thing))
        with self.changing():
            # A resource of a template may be of interest to several.
            makers = [each.givens[kind] for each in self.behaviours if kind in each.givens]
            for make in makers or [self._find("givens", kind, "given")]:
                make(thing)

    def ail(self, thing: Thing) -> None:
        """Makes something ill: `ail` names the kind."""
        with self.changing():
            self._find("ailments", thing["ail"], "ail")(thing)

    def act(self, action: str, dimensions: dict[str, str]) -> None:
        """A native action of an alarm."""
        with self.changing():
            self._find("actions", action, "alarm action")(dimensions)

    def command(self, document: str, host: str, parameters: Request) -> tuple[int, str]:
        """Run Command on one host: the seconds it takes, and its status."""
        with self.changing():
            return self._find("commands", document, "Run Command document")(host, parameters)

    def call(self, service: str, api: str, request: Request) -> Answer:
        """An API call; parameters are checked by botocore, whoever answers."""
        model = self.validate(service, api, request)
        with self.changing():
            own = [each.apis[f"{service}:{api}"] for each in self.behaviours if f"{service}:{api}" in each.apis]
            if own:
                answer = own[0](request)
                check_answer(f"{service}:{api}", model.output_shape, answer)
            else:
                answer = getattr(self.client(service), botocore.xform_name(api))(**request)
                answer.pop("ResponseMetadata", None)
            for each in self.behaviours:
                if f"{service}:{api}" in each.after:
                    each.after[f"{service}:{api}"](request, answer)
        return plain(answer)

    def validate(self, service: str, api: str, request: Request) -> Any:
        """The model of an operation, if the request is one of it."""
        model = self.client(service).meta.service_model
        if api not in model.operation_names:
            raise Unknown(f"the API {service}:{api}")
        operation = model.operation_model(api)
        if operation.input_shape is not None:
            report = ParamValidator().validate(request, operation.input_shape)
            if report.has_errors():
                raise ParamValidationError(report=report.generate_report())
        return operation

    def advance(self, now: int) -> None:
        """Moves the clock, and does on the way what was planned."""
        until = datetime.fromtimestamp(now / 1000, timezone.utc)
        while self._planned and self._planned[0][0] <= until:
            self.now, _, what = heapq.heappop(self._planned)
            with self.changing():
                what()
        self.now = until

    def due(self) -> int | None:
        """When the next planned transition is, in milliseconds since 1970."""
        return round(self._planned[0][0].timestamp() * 1000) if self._planned else None

    def metrics(self) -> list[Datapoint]:
        """The datapoints of the minute that ends now."""
        with self.clock():
            self._memory.measuring = True
            try:
                return [point for each in self.behaviours for point in each.metrics()]
            finally:
                self._memory.measuring = False

    def _find(self, table: str, name: str, what: str) -> Callable[..., Any]:
        """The one entry of that name in the behaviours' tables."""
        known = {key: value for each in self.behaviours for key, value in getattr(each, table).items()}
        if name not in known:
            raise Unknown(f"`{name}` as {what}; known: {', '.join(sorted(known))}")
        return known[name]


def behaviour_classes() -> list[type[Behaviour]]:
    """Every class below `behaviours/`, in the order of their names: a new one is a new file."""
    found: list[type[Behaviour]] = []
    for module in sorted(pkgutil.iter_modules(behaviours.__path__), key=lambda each: each.name):
        loaded = importlib.import_module(f"behaviours.{module.name}")
        found += [
            each
            for each in vars(loaded).values()
            if isinstance(each, type) and issubclass(each, Behaviour) and each.__module__ == loaded.__name__
        ]
    return found


def failure(error: Exception) -> dict[str, Any]:
    """An error as the engine reads it: an answer of AWS, or something unknown, which ends the rehearsal."""
    if isinstance(error, ClientError):
        said = error.response["Error"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        if said.get("Message") == "Not yet implemented":
            return {"unknown": f"{error}; a behaviour must answer it"}
        return {"code": said["Code"], "message": said.get("Message", ""), "status": status}
    if isinstance(error, ApiError):
        return {"code": error.code, "message": str(error), "status": 400}
    if isinstance(error, ParamValidationError):
        return {"code": "ParamValidationError", "message": str(error), "status": 400}
    return {"unknown": f"{type(error).__name__}: {error}"}


def run_script(source: str, handler: str, payload: Any) -> dict[str, Any]:
    """The payload of a script of aws:executeScript, as JSON carries it, or what it raised. A script gets the language and no import."""
    scope: dict[str, Any] = {"__builtins__": ALLOWED}
    try:
        exec(source, scope)  # noqa: S102 - the document's own
        return {"ok": json.loads(json.dumps(scope[handler](payload, {})))}
    except Exception as error:  # noqa: BLE001 - whatever it raises fails the step, and no more
        return {"raised": f"{type(error).__name__}: {error}"}


# What a script may use: everything that neither reads nor reaches anything.
ALLOWED = {
    name: value
    for name, value in (__builtins__ if isinstance(__builtins__, dict) else vars(__builtins__)).items()
    if name not in ("__import__", "open", "eval", "exec", "compile", "input", "breakpoint", "globals", "getattr")
}
