"""Lambda functions with versions and an alias: which version is called, how often it fails, and what CloudWatch hears.

moto takes no notice of an alias's revision and has no calls, so what healing uses of Lambda is answered here. What the
pipeline recorded as good is a parameter of Parameter Store, which moto holds.

Given: `{lambda_function: checkout-orders, alias: live, versions: ["6", "7"], version: "7", calls: 100,
last_good: {name: /heal/dev/last-good/lambda/checkout-orders/live, version: "6"}}`; `calls` are invocations a minute by
the alias. Without `last_good` nothing was recorded.

Ailments; `for: 10m` ends the cause by itself, else it stays:
- `{ail: function-version, function: checkout-orders, version: "7", percent: 100}`: invocations of a version fail.
- `{ail: function-errors, function: checkout-orders, percent: 60}`: those of every version do; no rollback mends it.
- `{ail: function-calls, function: checkout-orders, percent: 0}`: percent of the usual calls that come.
- `{ail: function-state, function: checkout-orders, version: "6", state: Inactive}`: Pending, Inactive or Failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from behaviour import Answer, ApiError, Behaviour, Datapoint, Request, Thing, Unknown
from durations import seconds
from things import only
from world import World

# Lambda developer guide, "Lambda function states".
STATES = ("Pending", "Active", "Inactive", "Failed")


@dataclass
class Function:
    """A function with one alias."""

    name: str
    arn: str
    alias: str
    versions: list[str]
    version: str
    # Invocations a minute by the alias, and the percent of them that come.
    calls: int
    percent: int = 100
    # Additional versions of the alias, and the share of the calls that they get.
    weights: dict[str, float] = field(default_factory=dict)
    revision: int = 1
    # Percent of errors, by version; `""` is for all of them.
    errors: dict[str, int] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    # The parameter with the recorded version.
    last_good: str = ""

    def shares(self) -> dict[str, int]:
        """Calls of the minute by version: what the additional ones do not get goes to the alias's own."""
        called = self.calls * self.percent // 100
        found = {version: round(called * weight) for version, weight in self.weights.items()}
        found[self.version] = called - sum(found.values())
        return {version: calls for version, calls in found.items() if calls}

    def failed(self, version: str, calls: int) -> int:
        """How many of a version's calls end in an error."""
        return calls * max(self.errors.get("", 0), self.errors.get(version, 0)) // 100


class LambdaFunctions(Behaviour):
    """Functions, as callers of the alias and healing see them."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.functions: dict[str, Function] = {}
        self.givens = {"lambda_function": self.given}
        self.ailments = {
            "function-version": self.ail_version,
            "function-errors": self.ail_errors,
            "function-calls": self.ail_calls,
            "function-state": self.ail_state,
        }
        self.apis = {
            "lambda:GetAlias": self.get_alias,
            "lambda:UpdateAlias": self.update_alias,
            "lambda:GetFunctionConfiguration": self.configuration,
        }

    def given(self, thing: Thing) -> None:
        """A function whose alias names one of its versions."""
        only(thing, "lambda_function", "alias", "versions", "version", "calls", "last_good")
        name, versions = thing["lambda_function"], [str(each) for each in thing["versions"]]
        arn = self.world.arn("lambda", f"function:{name}")
        function = Function(name, arn, thing["alias"], versions, str(thing["version"]), thing["calls"])
        before, self.functions[name] = self.functions.get(name), function
        # A scenario may give one of its file's functions anew.
        if before and before.last_good:
            self.world.client("ssm").delete_parameter(Name=before.last_good)
        if "last_good" in thing:
            only(thing["last_good"], "name", "version")
            function.last_good, value = thing["last_good"]["name"], str(thing["last_good"]["version"])
            self.world.client("ssm").put_parameter(Name=function.last_good, Value=value, Type="String")

    def function(self, thing: Thing) -> Function:
        """The one that an ailment names."""
        if thing["function"] not in self.functions:
            raise Unknown(f"the function `{thing['function']}`; it must be given first")
        return self.functions[thing["function"]]

    def ail_version(self, thing: Thing) -> None:
        """A version that fails."""
        only(thing, "ail", "function", "version", "percent", "for")
        self.fails(self.function(thing), str(thing["version"]), thing)

    def ail_errors(self, thing: Thing) -> None:
        """What every version needs fails."""
        only(thing, "ail", "function", "percent", "for")
        self.fails(self.function(thing), "", thing)

    def fails(self, function: Function, version: str, thing: Thing) -> None:
        """Errors from now on."""
        function.errors[version] = thing["percent"]
        self.passes(thing, lambda: function.errors.pop(version, None))

    def ail_calls(self, thing: Thing) -> None:
        """Callers stay away, or come in numbers."""
        only(thing, "ail", "function", "percent", "for")
        function = self.function(thing)
        function.percent = thing["percent"]
        self.passes(thing, lambda: setattr(function, "percent", 100))

    def ail_state(self, thing: Thing) -> None:
        """A version that cannot be invoked."""
        only(thing, "ail", "function", "version", "state", "for")
        if thing["state"] not in STATES:
            raise Unknown(f"the state `{thing['state']}`; known: {', '.join(STATES)}")
        states, version = self.function(thing).states, str(thing["version"])
        states[version] = thing["state"]
        self.passes(thing, lambda: states.pop(version, None))

    def passes(self, thing: Thing, what: Callable[[], Any]) -> None:
        """What ends by itself."""
        if "for" in thing:
            self.world.after(seconds(thing["for"]), what)

    # The API

    def asked(self, request: Request) -> Function:
        """By name, not by ARN."""
        name = request["FunctionName"]
        if name not in self.functions:
            arn = self.world.arn("lambda", f"function:{name}")
            raise ApiError("ResourceNotFoundException", f"Function not found: {arn}")
        return self.functions[name]

    def aliased(self, request: Request) -> Function:
        """A function with the alias that a request names."""
        function = self.asked(request)
        if request["Name"] != function.alias:
            raise ApiError("ResourceNotFoundException", f"Alias not found: {function.arn}:{request['Name']}")
        return function

    def versioned(self, function: Function, version: str) -> None:
        """Fails for a version that is not there (any more)."""
        if version not in function.versions:
            raise ApiError("ResourceNotFoundException", f"Function not found: {function.arn}:{version}")

    def get_alias(self, request: Request) -> Answer:
        """ "GetAlias"."""
        return self.shown(self.aliased(request))

    def update_alias(self, request: Request) -> Answer:
        """What is left out stays. A revision that is not the latest is refused ("UpdateAlias")."""
        function = self.aliased(request)
        only(request, "FunctionName", "Name", "FunctionVersion", "RoutingConfig", "RevisionId")
        if request.get("RevisionId", self.revision(function)) != self.revision(function):
            raise ApiError("PreconditionFailedException", "The RevisionId provided does not match the latest one.")
        weights = request.get("RoutingConfig", {"AdditionalVersionWeights": function.weights})
        version = request.get("FunctionVersion", function.version)
        for each in (version, *weights["AdditionalVersionWeights"]):
            self.versioned(function, each)
        function.version, function.weights = version, dict(weights["AdditionalVersionWeights"])
        function.revision += 1
        return self.shown(function)

    def configuration(self, request: Request) -> Answer:
        """Of a version or, by its alias, of the one that it names."""
        function = self.asked(request)
        version = request.get("Qualifier", "$LATEST")
        version = function.version if version == function.alias else version
        if version != "$LATEST":
            self.versioned(function, version)
        return {
            "FunctionName": function.name,
            "FunctionArn": f"{function.arn}:{version}",
            "Version": version,
            "State": function.states.get(version, "Active"),
            "LastUpdateStatus": "Successful",
        }

    def revision(self, function: Function) -> str:
        """An id that changes with the alias."""
        return f"00000000-0000-4000-8000-{function.revision:012x}"

    def shown(self, function: Function) -> Answer:
        """The alias. Its routing is shown where it has weights."""
        routing = {"RoutingConfig": {"AdditionalVersionWeights": dict(function.weights)}} if function.weights else {}
        return {
            "AliasArn": f"{function.arn}:{function.alias}",
            "Name": function.alias,
            "FunctionVersion": function.version,
            "RevisionId": self.revision(function),
            **routing,
        }

    def metrics(self) -> Iterator[Datapoint]:
        """By function, alias and executed version ("Viewing metrics for Lambda functions"). No call, no datapoint; a
        version that is not active takes none."""
        for function in self.functions.values():
            whole = [
                (version, calls, function.failed(version, calls))
                for version, calls in function.shares().items()
                if function.states.get(version, "Active") == "Active"
            ]
            by_name = {"FunctionName": function.name}
            by_alias = {**by_name, "Resource": f"{function.name}:{function.alias}"}
            for place in (by_name, by_alias):
                yield from counts(place, sum(each[1] for each in whole), sum(each[2] for each in whole))
            for version, calls, failed in whole:
                yield from counts({**by_alias, "ExecutedVersion": version}, calls, failed)


def counts(place: dict[str, str], calls: int, failed: int) -> Iterator[Datapoint]:
    """The invocations of a minute. One without an error says so: Errors is 0 then ("Types of metrics for Lambda")."""
    if calls:
        yield Datapoint("AWS/Lambda", "Invocations", place, (calls,))
        yield Datapoint("AWS/Lambda", "Errors", place, (failed,))
