"""What tests of the local AWS share: one launcher for a whole run, and an account of its own for each test."""

from __future__ import annotations

import atexit
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from readers import Clients

HERE = Path(__file__).resolve().parent
REGION = "eu-west-1"

_ACCOUNTS = itertools.count(100_000_000_001)


class Launcher:
    """A launcher on a free port, with waits switched off."""

    def __init__(self, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.endpoint, self._folder = f"http://127.0.0.1:{port}", tempfile.TemporaryDirectory()
        command = [sys.executable, str(HERE / "ministack_launcher.py"), "--port", str(port), *options]
        environment = {**os.environ, "TMPDIR": self._folder.name}
        # HEALSTACK_LOCAL_LOG names a file for what the launcher prints.
        with open(os.environ.get("HEALSTACK_LOCAL_LOG", os.devnull), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, env=environment, stderr=log, stdout=log)
        for _ in range(200):
            try:
                self.health = self.control("GET", "health")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise AssertionError("the launcher does not answer")

    def control(self, method: str, path: str, **members: Any) -> Any:
        """A request to the launcher's own endpoints; an error answer is a ValueError."""
        url = f"{self.endpoint}/_healstack/{path}"
        if method == "GET" and members:
            url += "?" + "&".join(f"{name}={value}" for name, value in members.items())
        body = json.dumps(members).encode() if method == "POST" else None
        request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - our own server
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from error

    def stop(self) -> None:
        """Ends the launcher."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)
        self._folder.cleanup()


class LocalCase(unittest.TestCase):
    """A test with an account of its own."""

    _shared: Launcher | None = None
    launcher: Launcher

    @classmethod
    def setUpClass(cls) -> None:
        if LocalCase._shared is None:
            LocalCase._shared = Launcher("--wait-scale", "0")
            atexit.register(LocalCase._shared.stop)
        cls.launcher = LocalCase._shared

    def setUp(self) -> None:
        self.account = str(next(_ACCOUNTS))
        self.clients = Clients(self.launcher.endpoint, REGION, self.account)

    def get(self, path: str, **members: Any) -> Any:
        """GET of a control endpoint for this test's account."""
        return self.launcher.control("GET", path, account=self.account, region=REGION, **members)

    def post(self, path: str, **members: Any) -> Any:
        """POST to a control endpoint for this test's account."""
        return self.launcher.control("POST", path, account=self.account, region=REGION, **members)

    def eventually(self, probe: Callable[[], Any], seconds: float = 10) -> Any:
        """What `probe` returns once it is true."""
        deadline = time.monotonic() + seconds
        while True:
            found = probe()
            if found or time.monotonic() > deadline:
                self.assertTrue(found, "it did not happen in time")
                return found
            time.sleep(0.01)

    def deploy(
        self, resources: dict[str, Any], name: str = "s", outputs: dict[str, Any] | None = None
    ) -> dict[str, str]:
        """Creates or updates a stack; returns its outputs."""
        cloudformation = self.clients["cloudformation"]
        declared = {key: {"Value": value} for key, value in (outputs or {}).items()}
        body = json.dumps({"Resources": resources, "Outputs": declared})
        exists = any(each["StackName"] == name for each in cloudformation.describe_stacks()["Stacks"])
        (cloudformation.update_stack if exists else cloudformation.create_stack)(StackName=name, TemplateBody=body)

        def ended() -> Any:
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

        stack = self.eventually(ended)
        self.assertIn(stack["StackStatus"], ("CREATE_COMPLETE", "UPDATE_COMPLETE"), self.reasons(name))
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def reasons(self, name: str) -> list[str]:
        """Why a stack failed."""
        events = self.clients["cloudformation"].describe_stack_events(StackName=name)["StackEvents"]
        return [event["ResourceStatusReason"] for event in events if event.get("ResourceStatusReason")]

    def machine(self, states: dict[str, Any], name: str = "m", **more: Any) -> str:
        """Creates a JSONata machine that begins with its first state; returns its ARN."""
        created = self.clients["stepfunctions"].create_state_machine(
            name=name, definition=definition(states, **more), roleArn=f"arn:aws:iam::{self.account}:role/r"
        )
        return str(created["stateMachineArn"])

    def run_machine(self, arn: str, data: Any = None, **more: Any) -> dict[str, Any]:
        """Runs an execution to its end; returns it as /_healstack/executions shows it."""
        started = self.clients["stepfunctions"].start_execution(stateMachineArn=arn, input=json.dumps(data), **more)
        return self.ended(started["executionArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        """An execution, once it has ended."""

        def found() -> Any:
            executions = [each for each in self.get("executions") if each["arn"] == arn]
            return executions[0] if executions and executions[0]["status"] != "RUNNING" else None

        result: dict[str, Any] = self.eventually(found)
        return result

    def call(self, resource: str, arguments: Any, **state: Any) -> dict[str, Any]:
        """Runs one Task state (without a retry); returns the execution."""
        task = {
            "Type": "Task",
            "Resource": f"arn:aws:states:::{resource}",
            "Arguments": arguments,
            "End": True,
            **state,
        }
        return self.run_machine(self.machine({"Call": task}, f"m{next(_ACCOUNTS)}"))

    def messages(self, url: str) -> list[dict[str, Any]]:
        """Takes what is in a queue now."""
        answer = self.clients["sqs"].receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        for message in found:
            self.clients["sqs"].delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


def definition(states: dict[str, Any], **more: Any) -> str:
    """A JSONata machine's definition, beginning with its first state."""
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **more})


def machine_resource(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An AWS::StepFunctions::StateMachine."""
    properties = {"DefinitionString": definition(states), "RoleArn": "arn:aws:iam::100000000001:role/r", **more}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


def passing(output: Any) -> dict[str, Any]:
    """A machine's only state, which outputs a value."""
    return {"Only": {"Type": "Pass", "Output": output, "End": True}}
