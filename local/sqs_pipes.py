"""AWS::Pipes::Pipe from an SQS queue to a state machine; ministack 1.5.33 has pipes from DynamoDB streams only.

One thread relays for all pipes: it takes messages from the source queue, starts an execution of the target (a machine,
a version or an alias) whose input is the array of records that Pipes delivers, and deletes the messages. Where the
execution does not start, the messages come back after the queue's visibility timeout and meet its redrive policy.

Batches hold one message, and what a pipe could do besides (a filter, an enrichment, an input template) fails its
creation: silently left out, it would make a test pass that must not."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

TYPE = "AWS::Pipes::Pipe"
POLL_SECONDS = 0.05

logger = logging.getLogger("healstack")


def install(provisioners: Any) -> None:
    """Extends the pipe's handlers and starts the relay; `provisioners` is ministack's module of that name."""
    handler = provisioners._RESOURCE_HANDLERS[TYPE]
    create, update = handler["create"], handler["update"]

    def created(logical_id: str, props: Properties, stack_name: str) -> Created:
        check(props)
        result: Created = create(logical_id, props, stack_name)
        keep(provisioners._pipes, result[0], props)
        return result

    def updated(physical_id: str, old: Properties, new: Properties, *rest: Any) -> Created:
        check(new)
        result: Created = update(physical_id, old, new, *rest)
        keep(provisioners._pipes, result[0], new)
        return result

    handler["create"], handler["update"] = created, updated
    provisioners._pipes._describe_response = describe_all(provisioners._pipes._describe_response)
    relay = Relay(provisioners._pipes, provisioners._sqs, provisioners._sfn)
    threading.Thread(target=relay.run, daemon=True, name="healstack-pipes").start()


def check(props: Properties) -> None:
    """Fails for what the relay does not do."""
    if ":sqs:" not in str(props.get("Source", "")):
        return
    source, target = props.get("SourceParameters") or {}, props.get("TargetParameters") or {}
    machine = target.get("StepFunctionStateMachineParameters") or {}
    if machine.get("InvocationType") != "FIRE_AND_FORGET":
        raise ValueError(f"{TYPE}: a Standard state machine needs InvocationType FIRE_AND_FORGET")
    if int((source.get("SqsQueueParameters") or {}).get("BatchSize", 10)) != 1:
        raise ValueError(f"{TYPE}: the local AWS relays one message at a time: BatchSize must be 1")
    for name, given in (
        ("FilterCriteria", source.get("FilterCriteria")),
        ("InputTemplate", target.get("InputTemplate")),
        ("Enrichment", props.get("Enrichment")),
    ):
        if given:
            raise ValueError(f"{TYPE}: the local AWS has no {name}")


def keep(pipes: Any, name: str, props: Properties) -> None:
    """Keeps the parameters that ministack's record leaves out, for DescribePipe."""
    for parameters in ("SourceParameters", "TargetParameters"):
        pipes._pipes[name][parameters] = typed(props.get(parameters) or {})


def typed(value: Any) -> Any:
    """Parameters with numbers where a template has digits."""
    if isinstance(value, dict):
        return {name: typed(item) for name, item in value.items()}
    return int(value) if isinstance(value, str) and value.isdigit() else value


def describe_all(describe: Callable[[Properties], Properties]) -> Callable[[Properties], Properties]:
    """DescribePipe with the parameters of source and target."""

    def described(pipe: Properties) -> Properties:
        kept: Properties = {name: pipe[name] for name in ("SourceParameters", "TargetParameters") if name in pipe}
        return {**describe(pipe), **kept}

    return described


class Relay:
    """The thread that moves messages."""

    def __init__(self, pipes: Any, sqs: Any, sfn: Any) -> None:
        self._pipes, self._sqs, self._sfn = pipes, sqs, sfn

    def run(self) -> None:
        """Polls for as long as the process lives."""
        from ministack.core.responses import request_scope

        while True:
            time.sleep(POLL_SECONDS)
            for account, region, pipe in self._pipes._iter_all_pipes():
                if pipe.get("CurrentState") != "RUNNING" or ":sqs:" not in pipe.get("Source", ""):
                    continue
                with request_scope(account, region):
                    try:
                        self.relay(pipe)
                    except Exception:  # noqa: BLE001 - one pipe must not stop the others
                        logger.exception("pipe %s", pipe.get("Name"))

    def relay(self, pipe: Properties) -> None:
        """Moves every message that is visible now."""
        queue = self._sqs._queue_by_arn(pipe["Source"])
        if queue is None:
            return
        # Without messages nothing is received: receiving sorts out the queue, which is work on every poll.
        while any(message.get("visible_at", 0) <= time.time() for message in queue["messages"]):
            received = self._sqs._receive_messages_for_esm(queue["url"], 1)
            if not received:
                return
            records = [record(self._sqs, message, pipe["Source"]) for message in received]
            request = {"stateMachineArn": pipe["Target"], "input": json.dumps(records)}
            status, _headers, body = self._sfn._start_execution(request)
            if status >= 400:
                logger.warning("pipe %s: %s", pipe["Name"], body)
                return  # with a visibility timeout of 0 it would be received again at once
            self._sqs._delete_messages_for_esm(queue["url"], {message["receipt_handle"] for message in received})


def record(sqs: Any, message: Properties, queue_arn: str) -> dict[str, Any]:
    """A message as Pipes delivers it."""
    attributes = {
        name: {
            "stringValue": attribute.get("StringValue"),
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": attribute.get("DataType", "String"),
        }
        for name, attribute in (message.get("message_attributes") or {}).items()
    }
    return {
        "messageId": message["id"],
        "receiptHandle": message["receipt_handle"],
        "body": message["body"],
        "attributes": sqs._build_sys_attrs(message, ["All"]),
        "messageAttributes": attributes,
        "md5OfBody": message["md5_body"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
