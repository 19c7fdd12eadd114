"""Starts ministack as Healstack's local AWS, on 127.0.0.1 only.

    python ministack_launcher.py --port 4566

ministack creates most resources that Healstack's templates hold. This launcher, before it hands over:

* refuses any version of ministack but the one in requirements-ministack.txt, since it reaches into its internals;
* puts right what ministack_extensions.py lists;
* registers create, update and delete handlers that only *record* the resource types of recorded-types.txt;
* installs what state machines need and ministack lacks: executions by version (executions.py, asl_states.py,
  integrations.py, state_machine_resources.py), delivery to them (event_delivery.py, sqs_pipes.py), Automation and
  alarms (automation_standin.py, alarm_standin.py), and faults for tests (faults.py);
* answers `GET /_healstack/health` (who serves this port), `GET /_healstack/recorded` (what was recorded), and the
  endpoints that the modules above name (control.py).

State lives in memory and goes with the process. SIGTERM ends it; a closed terminal or Ctrl-C in it does not.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import os
import signal
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asl_states
import integrations
import ministack_extensions
import sqs_pipes
import state_machine_resources
from alarm_standin import AlarmStandIn
from automation_standin import Automation
from control import Router
from event_delivery import Delivery
from executions import Engine
from faults import Faults
from integrations import ErrorNames

HERE = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

# What `Ref` returns for a recorded type that has a property for it; other recorded types get a generated name.
NAMED_BY: dict[str, str] = {
    "AWS::Backup::RestoreTestingPlan": "RestoreTestingPlanName",
    "AWS::CloudWatch::AlarmMuteRule": "Name",
    "AWS::CodeDeploy::Application": "ApplicationName",
    "AWS::CodeDeploy::DeploymentGroup": "DeploymentGroupName",
    "AWS::ObservabilityAdmin::TelemetryEnrichment": "Scope",
    "AWS::SSM::Document": "Name",
}


# Types whose resources have an id of AWS's making, which is another one each time, and how it begins.
UNNAMED: dict[str, str] = {
    "AWS::EC2::EIP": "eipalloc-",
    "AWS::EC2::NatGateway": "nat-",
    "AWS::Route53::HealthCheck": "",
    "AWS::SSM::PatchBaseline": "",
}

# What `Fn::GetAtt` gives for a recorded type: the attribute, and the service and resource part of its ARN.
ARNS: dict[str, tuple[str, str, str]] = {
    "AWS::Backup::RestoreTestingPlan": ("RestoreTestingPlanArn", "backup", "restore-testing-plan:"),
}


class LauncherError(Exception):
    """A reason not to start; its text is the whole message."""


def pinned_version(requirements: Path) -> str:
    """The version that `ministack==` names in a requirements file."""
    for line in requirements.read_text(encoding="utf-8").splitlines():
        name, separator, version = line.partition("==")
        if separator and name.strip() == "ministack":
            return version.split("#")[0].strip()
    raise LauncherError(f"{requirements}: no line `ministack==<version>`")


def read_types(path: Path) -> list[str]:
    """The resource types of a list file: one a line, `#` starts a comment, no duplicates."""
    types: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        name = line.split("#")[0].strip()
        if not name:
            continue
        if len(name.split("::")) != 3 or name in types:
            raise LauncherError(f"{path}:{number}: `{name}` is not a resource type, or is listed twice")
        types.append(name)
    return types


class RecordedResources:
    """Handlers for one recorded type each, over one shared store keyed by account, region, type and physical id."""

    def __init__(self, physical_name: Callable[..., str], scope: Callable[[], tuple[str, str]]) -> None:
        self._physical_name = physical_name
        self._scope = scope
        self._store: dict[tuple[str, str, str, str], dict[str, Any]] = {}

    def listing(self) -> list[dict[str, Any]]:
        """Every recorded resource, ordered by account, region, type and physical id."""
        return [self._store[key] for key in sorted(self._store)]

    def properties(self, resource_type: str, physical_id: str) -> Properties | None:
        """The properties of a resource recorded in the current account and region."""
        record = self._store.get((*self._scope(), resource_type, physical_id))
        return record["properties"] if record else None

    def handlers(self, resource_type: str) -> dict[str, Any]:
        """What ministack's table of handlers wants for a type."""

        def put(physical_id: str, logical_id: str | None, props: Properties, stack_name: str) -> Created:
            account, region = self._scope()
            key = (account, region, resource_type, physical_id)
            logical_id = logical_id or self._store.get(key, {}).get("logical_id", physical_id)
            self._store[key] = {
                "type": resource_type,
                "physical_id": physical_id,
                "logical_id": logical_id,
                "stack": stack_name,
                "account": account,
                "region": region,
                "properties": props,
            }
            if resource_type == "AWS::EC2::EIP":
                return physical_id, {"AllocationId": physical_id}
            if resource_type not in ARNS:
                return physical_id, {}
            attribute, service, kind = ARNS[resource_type]
            return physical_id, {attribute: f"arn:aws:{service}:{region}:{account}:{kind}{physical_id}"}

        def create(logical_id: str, props: Properties, stack_name: str) -> Created:
            name = props.get(NAMED_BY.get(resource_type, ""))
            begins = UNNAMED.get(resource_type)
            made = (
                self._physical_name(stack_name, logical_id)
                if begins is None
                else f"{begins}{uuid.uuid4().hex[:17]}" if begins else str(uuid.uuid4())
            )
            physical_id = str(name) if name else made
            if (*self._scope(), resource_type, physical_id) in self._store:
                raise ValueError(f"Resource of type '{resource_type}' with identifier '{physical_id}' already exists.")
            return put(physical_id, logical_id, props, stack_name)

        # A changed create-only property never comes here: ministack replaces the resource itself (CREATE_ONLY).
        def update(
            physical_id: str, _old: Properties, new: Properties, stack_name: str, logical_id: str | None = None
        ) -> Created:
            return put(physical_id, logical_id, new, stack_name)

        def delete(physical_id: str, _props: Properties) -> None:
            self._store.pop((*self._scope(), resource_type, physical_id), None)

        return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


def extend(recorded_types: list[str]) -> tuple[RecordedResources, Router]:
    """Registers everything described in the module's header with the imported ministack."""
    from ministack.core import responses
    from ministack.services import cloudwatch, eventbridge, scheduler, ssm, stepfunctions
    from ministack.services.cloudformation import provisioners

    def scope() -> tuple[str, str]:
        return responses.get_account_id(), responses.get_region()

    router = Router(responses.request_scope)
    ministack_extensions.install(provisioners)
    state_machine_resources.install(provisioners)
    sqs_pipes.install(provisioners)
    # After these the handlers of all types are there: what is still unknown is recorded.
    handlers = provisioners._RESOURCE_HANDLERS
    known = sorted(handlers.keys() & set(recorded_types))
    if known:
        raise LauncherError(f"ministack creates {', '.join(known)}: take it out of recorded-types.txt")
    recorded = RecordedResources(provisioners._physical_name, scope)
    handlers.update({resource_type: recorded.handlers(resource_type) for resource_type in recorded_types})
    integrations.install(stepfunctions)
    asl_states.install(stepfunctions)
    Engine(stepfunctions).install(router)
    Faults(stepfunctions, scope, ErrorNames(stepfunctions).throttling).install(router)
    Automation(lambda name: recorded.properties("AWS::SSM::Document", name), responses).install(ssm, router)
    AlarmStandIn(cloudwatch, scope).install(router)
    Delivery(eventbridge, scheduler, stepfunctions).install(router)
    return recorded, router


def detach_from_terminal() -> None:
    """A session of its own, unless the parent has already made this process the leader of a group (it cannot then)."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.getpgrp() != os.getpid():
        os.setsid()


def main() -> int:
    """Starts ministack and returns when it has ended; 1 and a message on standard error when it must not start."""
    arguments = argparse.ArgumentParser(description="Starts ministack as Healstack's local AWS on 127.0.0.1")
    arguments.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    arguments.add_argument("--recorded-types", type=Path, default=HERE / "recorded-types.txt")
    arguments.add_argument(
        "--wait-scale", type=float, default=1.0, help="what Step Functions' waits and retry intervals are multiplied by"
    )
    options = arguments.parse_args()
    detach_from_terminal()
    # ministack reads these while it is imported. SFTP and MQTT would open ports of their own, on every interface.
    os.environ.update(
        {
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": str(options.port),
            "IOT_MTLS_ENABLED": "0",
            "SFN_WAIT_SCALE": str(options.wait_scale),
            "SFTP_ENABLED": "0",
        }
    )
    sys.argv = sys.argv[:1]  # ministack's main() parses it again
    try:
        wanted, found = pinned_version(HERE / "requirements-ministack.txt"), importlib.metadata.version("ministack")
        if found != wanted:
            raise LauncherError(f"ministack {found} is installed, {wanted} is pinned")
        recorded_types = read_types(options.recorded_types)
        import ministack.app

        recorded, router = extend(recorded_types)
    except (LauncherError, importlib.metadata.PackageNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    logging.getLogger("healstack").info("recording %s", ", ".join(recorded_types))
    health = {"service": "healstack-local", "pid": os.getpid(), "ministack": found, "recorded_types": recorded_types}
    router.plain("/_healstack/health", lambda: health)
    router.plain("/_healstack/recorded", recorded.listing)
    ministack.app.app = router.wrap(ministack.app.app)
    ministack.app.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
