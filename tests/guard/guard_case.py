"""What tests of the guard share: the core stack in an account of its own, and its ledger compared whole."""

from __future__ import annotations

import copy
import json
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from core_stack import CORE_JSON, GUARD, RECORDER, RESOURCE, RULE, SHIPPED, SWEEPER, TABLE, rule_resources
from local_case import REGION, LocalCase

# Attributes that are whole seconds since 1970, compared with the start of the test.
TIMES = re.compile(r"^(leaseUntil|deadline|until|since|undoCd|undoWin|(cd|last|win|told)#.*)$")
# How far a time may be off, in seconds: what a test and the machines take on a busy machine.
SLACK = 40


def iso(seconds: float) -> str:
    """A time as EventBridge writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class GuardCase(LocalCase):
    """The core stack and one rule, `shop/heal`: cooldown 600 s, 3 attempts in a day, 1 at once, 6 an hour."""

    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        self.labels: dict[str, str] = {}
        self.put_faults: list[dict[str, Any]] = []
        self.create_stack("heal--core", CORE_JSON)
        self.rule(RULE)
        self.start = time.time()

    def eventually(self, probe: Any, seconds: float = 60) -> Any:
        """As elsewhere, with the patience that a busy machine needs."""
        return super().eventually(probe, seconds)

    def faults(self, *faults: dict[str, Any]) -> None:
        """Puts these faults between states and services, and no others."""
        self.put_faults = list(faults)
        self.post("faults", faults=self.put_faults)

    def fault_too(self, fault: dict[str, Any]) -> None:
        """Puts one more."""
        self.faults(*self.put_faults, fault)

    def event_id(self, label: str) -> str:
        """The id that a label stands for."""
        return next(key for key, value in self.labels.items() if value == label)

    def create_stack(self, name: str, text: str, update: bool = False) -> None:
        """Creates or updates a stack and waits for it."""
        cloudformation = self.clients["cloudformation"]
        call = cloudformation.update_stack if update else cloudformation.create_stack
        bucket, key = f"templates-{uuid.uuid4()}", name
        self.clients["s3"].create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.clients["s3"].put_object(Bucket=bucket, Key=key, Body=text.encode())
        url = f"{self.launcher.endpoint}/{bucket}/{key}"
        # As `healstack deploy` tags them; its commands find an environment's stacks so.
        tags = [{"Key": "healstack:environment", "Value": "dev"}]
        call(StackName=name, TemplateURL=url, Capabilities=["CAPABILITY_NAMED_IAM"], Tags=tags)

        def status() -> Any:
            found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return None if found.endswith("_IN_PROGRESS") else found

        self.assertIn(self.eventually(status, 30), ("CREATE_COMPLETE", "UPDATE_COMPLETE"), self.reasons(name))

    def rule(self, identity: str, **figures: Any) -> None:
        """Deploys a rule, or changes its figures."""
        name = "heal--" + identity.replace("/", "--")
        stacks = [each["StackName"] for each in self.clients["cloudformation"].describe_stacks()["Stacks"]]
        # The description makes every deployment a change.
        body = json.dumps({"Description": str(uuid.uuid4()), "Resources": rule_resources(identity, **figures)})
        self.create_stack(name, body, update=name in stacks)
        self.forget_configuration()

    # Events

    def alarm_event(self, label: str, resource: str = RESOURCE, identity: str = RULE, **more: Any) -> dict[str, Any]:
        """A contributor's state change as CloudWatch sends it; `label` stands for its id in what is compared."""
        event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.account}{label}"))
        self.labels[event_id] = label
        signal, state = more.pop("signal", "unrecovered"), more.pop("state", "ALARM")
        age, reason = more.pop("age", 0), more.pop("reason", "Threshold Crossed")
        event = {
            "version": "0",
            "id": event_id,
            "source": "aws.cloudwatch",
            "account": self.account,
            "region": REGION,
            "detail-type": "CloudWatch Alarm Contributor State Change",
            "time": iso(time.time() - age),
            "detail": {
                "alarmName": f"heal--{identity.replace('/', '--')}--{signal}",
                "alarmContributor": {"id": f"c-{resource}"[:16], "attributes": {"InstanceId": resource}},
                "state": {"value": state, "reason": reason},
            },
        }
        event["detail"].update(more.pop("detail", {}))
        return {**event, **more}

    def send(self, event: dict[str, Any]) -> None:
        """Puts an event onto the bus, where the core stack's rules match it."""
        self.post(
            "events",
            events=[{key: event[key] for key in ("id", "time", "source", "detail-type", "detail") if key in event}],
        )
        self.settle()

    def listen(self) -> str:
        """A queue that hears what people hear; returns its URL."""
        url = str(self.clients["sqs"].create_queue(QueueName=f"people-{uuid.uuid4()}")["QueueUrl"])
        queue = self.clients["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        topic = f"arn:aws:sns:{REGION}:{self.account}:heal--core--notifications"
        self.clients["sns"].subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        return url

    def begin(self, target: str, data: Any) -> str:
        """Starts a machine through its alias, as EventBridge does; returns the execution's ARN."""
        arn = f"arn:aws:states:{REGION}:{self.account}:stateMachine:{target}:live"
        started = self.clients["stepfunctions"].start_execution(stateMachineArn=arn, input=json.dumps(data))
        return str(started["executionArn"])

    def guard(self, event: dict[str, Any]) -> dict[str, Any]:
        """Runs the guard over an event, to its end."""
        return self.ended(self.begin(GUARD, event), 60)

    def decision(self, event: dict[str, Any]) -> str:
        """What the guard decides about an event: the decision, or the error that it fails with."""
        execution = self.guard(event)
        return str(execution["output"]["decision"] if execution["status"] == "SUCCEEDED" else execution["error"])

    def ended(self, arn: str, seconds: float = 60) -> dict[str, Any]:
        """An execution, once it has ended."""

        def found() -> Any:
            status = self.clients["stepfunctions"].describe_execution(executionArn=arn)["status"]
            return status != "RUNNING"

        self.eventually(found, seconds)
        return next(each for each in self.get("executions") if each["arn"] == arn)

    def settle(self) -> list[dict[str, Any]]:
        """Waits until nothing runs and nothing new begins; returns every execution."""
        quiet = 0
        while quiet < 3:
            executions: list[dict[str, Any]] = self.get("executions")
            quiet = 0 if any(each["status"] == "RUNNING" for each in executions) else quiet + 1
            time.sleep(0.03)
        return executions

    def executions(self, name: str) -> list[dict[str, Any]]:
        """Every execution of a machine."""
        return [each for each in self.settle() if each["machine"] == name]

    # Runbooks

    def automations(self) -> list[dict[str, Any]]:
        """Every automation that was started, in order."""
        found: list[dict[str, Any]] = self.get("automations")
        return found

    def finish(self, status: str = "Success", index: int = -1, emit: Any = True, **more: Any) -> str:
        """Ends an automation; the event about it goes the way of all events. Returns its id."""
        execution = str(self.automations()[index]["AutomationExecutionId"])
        self.post("automations/finish", execution_id=execution, status=status, emit=emit, **more)
        if emit:
            self.eventually(
                lambda: any(
                    execution in json.dumps(each["input"])
                    for each in self.get("executions")
                    if each["machine"] == RECORDER
                )
            )
        self.settle()
        return execution

    def sweep(self) -> dict[str, Any]:
        """Runs the sweeper, and all that it starts, to the end."""
        execution = self.ended(self.begin(SWEEPER, {}))
        self.settle()
        return execution

    # Alarms

    def fleet_alarm(
        self, signal: str = "unrecovered", resources: tuple[str, ...] = (RESOURCE,), identity: str = RULE
    ) -> str:
        """The shipped rule's fleet alarm under another rule's name, in ALARM for these resources."""
        shipped = copy.deepcopy(SHIPPED[f"Ec2InstanceHealing{signal.capitalize()}"])
        name = f"heal--{identity.replace('/', '--')}--{signal}"
        shipped["Properties"]["AlarmName"] = name
        self.create_stack(f"alarm-{signal}-{uuid.uuid4()}", json.dumps({"Resources": {"Alarm": shipped}}))
        self.set_state(name, "ALARM")
        contributors = [{"id": resource[:16], "attributes": {"InstanceId": resource}} for resource in resources]
        self.post("contributors", alarm=name, contributors=contributors)
        return name

    def single_alarm(self, name: str, resource: str = RESOURCE, state: str = "ALARM", **more: Any) -> str:
        """An alarm for one resource."""
        alarm = {
            "MetricName": "StatusCheckFailed",
            "Namespace": "AWS/EC2",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "Statistic": "Maximum",
            "Dimensions": [{"Name": "InstanceId", "Value": resource}],
        }
        self.clients["cloudwatch"].put_metric_alarm(AlarmName=name, **{**alarm, **more})
        self.set_state(name, state)
        return name

    def set_state(self, name: str, state: str) -> None:
        """Sets an alarm's state. The local AWS sends no event about it."""
        self.clients["cloudwatch"].set_alarm_state(AlarmName=name, StateValue=state, StateReason="Threshold Crossed")

    def acting(self) -> dict[str, bool]:
        """Whether each alarm's actions are enabled."""
        alarms = self.clients["cloudwatch"].describe_alarms()["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["ActionsEnabled"] for alarm in alarms}

    def pause(self, scope: str, mode: str = "pause", **more: int) -> None:
        """Writes a switch, as `healstack pause` does."""
        self.put({"pk": "CONTROL", "sk": scope, "mode": mode, "schema_version": 1, **more})

    def resume(self, scope: str) -> None:
        """Takes a switch away."""
        self.clients["dynamodb"].delete_item(TableName=TABLE, Key={"pk": {"S": "CONTROL"}, "sk": {"S": scope}})

    # Agents

    def agent_event(self, label: str, status: str = "completed", **more: Any) -> dict[str, Any]:
        """An event as the agent publishes it."""
        event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.account}{label}"))
        self.labels[event_id] = label
        return {
            "event_id": event_id,
            "stack": "shop",
            "rule_name": "leak",
            "layer": "application",
            "action": "restart",
            "status": status,
            "instance_id": RESOURCE,
            "resource_id": "web.service",
            "start_time": iso(time.time()),
            "attempt_count": 1,
            "evidence": "91 %",
            **more,
        }

    def publish(self, *messages: Any) -> None:
        """Publishes to the agents' topic and waits for the recorder."""
        topic = f"arn:aws:sns:{REGION}:{self.account}:heal--core--agent-events"
        before = len([each for each in self.get("executions") if each["machine"] == RECORDER])
        for message in messages:
            self.clients["sns"].publish(
                TopicArn=topic, Message=message if isinstance(message, str) else json.dumps(message)
            )
        self.eventually(
            lambda: (
                len([each for each in self.get("executions") if each["machine"] == RECORDER]) >= before + len(messages)
            )
        )
        self.settle()

    @staticmethod
    def text(value: Any) -> str:
        """A value as a message carries it."""
        return json.dumps(value)

    def prove(self, label: str, instance: str = RESOURCE, rule: str = "shop/leak") -> None:
        """What only the instance itself may write: that it asks for an escalation."""
        event_id = self.event_id(label)
        arn = f"arn:aws:ec2:{REGION}:{self.account}:instance/{instance}"
        self.put({"pk": f"AGENT#{arn}", "sk": f"ESCALATION#{event_id}", "rule": rule, "schema_version": 1})

    def delete_runbook(self) -> None:
        """Takes the rule's runbook away, and leaves its parameter."""
        body = json.dumps({"Resources": {"Rule": rule_resources(RULE)["Rule"]}})
        self.create_stack("heal--shop--heal", body, update=True)

    # The ledger

    def notices(self) -> int:
        """How many notifications were due so far, sent or held back."""
        return sum(int(item["count"]["N"]) for item in self.scan() if item["pk"]["S"] == "NOTICE")

    def forget_configuration(self) -> None:
        """Makes the guard read parameters again, as it does after a minute."""
        for item in self.scan():
            if item["pk"]["S"].startswith("CONFIG#"):
                self.clients["dynamodb"].delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})

    def scan(self) -> list[dict[str, Any]]:
        """Every item, as DynamoDB writes it."""
        pages = self.clients["dynamodb"].get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def put(self, item: dict[str, Any]) -> None:
        """Writes an item of strings and numbers."""
        typed = {key: {"N": str(value)} if isinstance(value, int) else {"S": value} for key, value in item.items()}
        self.clients["dynamodb"].put_item(TableName=TABLE, Item=typed)

    def occupy(self, pk: str, sk: int = 0) -> None:
        """Takes a slot for somebody else."""
        until = int(self.start) + 5000
        self.put(
            {"pk": pk, "sk": str(sk), "leaseUntil": until, "leaseOwner": "x", "schema_version": 1, "ttl": until + 4000}
        )

    def age(self, seconds: int) -> None:
        """Lets time pass: everything in the ledger becomes older."""
        for item in self.scan():
            for name, value in item.items():
                if TIMES.match(name) and value.get("N", "0") != "0":
                    item[name] = {"N": str(int(value["N"]) - seconds)}
            if item["pk"]["S"].startswith("RATE#"):
                self.clients["dynamodb"].delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})
                item["sk"] = {"S": str(int(item["sk"]["S"]) - seconds // 3600)}
            self.clients["dynamodb"].put_item(TableName=TABLE, Item=item)

    def ledger(self, *leave_out: str) -> dict[str, dict[str, Any]]:
        """Every item by `pk|sk`, plain values; times are seconds from the start of the test, ids are labels.

        Left out are notices and copies of configuration, and what is checked here: the schema version, `ttl`, and of
        events the index of time, which must be that of the last change."""
        found: dict[str, dict[str, Any]] = {}
        for item in self.scan():
            plain = {key: self.plain(key, value) for key, value in item.items()}
            pk, sk = plain.pop("pk"), plain.pop("sk")
            self.assertEqual(1, plain.pop("schema_version"), pk)
            if pk.startswith(("RES#", "SLOT#", "RATE#", "EVENT#")):
                self.assertGreater(int(item["ttl"]["N"]), time.time(), pk)
            plain.pop("ttl", None)
            if pk.startswith(("NOTICE", "CONFIG#", *leave_out)):
                continue
            if pk.startswith("EVENT#"):
                self.assertEqual(plain.pop("day"), item["at"]["S"][:10])
                self.assertTrue(plain.pop("at").endswith(f"Z#{plain['event_id']}"), item["at"])
                self.assertEqual(("ACCOUNT", REGION), (plain.pop("account"), plain.pop("region")))
                for name in ("holder", "recorder"):
                    plain.pop(name, None)
                sk = ""
            if pk.startswith("RATE#"):
                sk = ""
            if pk.startswith("SLOT#"):
                if "leaseUntil" not in plain:
                    continue  # a place that is free
                sk = plain["leaseOwner"]  # which of them is free chance's choice
            found[f"{self.shown(pk)}|{sk}" if sk else self.shown(pk)] = plain
        return found

    def shown(self, text: str) -> str:
        """A text with ids as labels."""
        for event_id, label in self.labels.items():
            text = text.replace(event_id, label)
        return text.replace(self.account, "ACCOUNT")

    def plain(self, name: str, value: dict[str, Any]) -> Any:
        """An attribute's value."""
        kind, content = next(iter(value.items()))
        if kind == "SS":
            return len(content)
        if kind == "N":
            number = int(content)
            # 0 is "never" and stays apart from the second in which the test began.
            return (number - int(self.start) or 1) if TIMES.match(name) and number else number
        if name.endswith("_time"):
            return int(datetime.fromisoformat(content.replace("Z", "+00:00")).timestamp() - self.start)
        if name == "places":
            return [place["pk"] for place in json.loads(content)]
        if name in ("leaseHolder", "execution_id", "overdue") or name.startswith("toldBy#"):
            return bool(content)
        return self.shown(content)

    def assert_ledger(self, expected: dict[str, dict[str, Any]], *leave_out: str) -> None:
        """The ledger holds this and nothing else; times within the slack."""
        found = self.ledger(*leave_out)
        for key in found.keys() & expected.keys():
            for name, value in found[key].items():
                wanted = expected[key].get(name)
                near = (
                    isinstance(value, int) and isinstance(wanted, int) and (TIMES.match(name) or name.endswith("_time"))
                )
                if near and wanted != 0 and value != 0 and abs(value - wanted) <= SLACK:
                    found[key][name] = wanted
                elif near and name.endswith("_time") and abs(value - wanted) <= SLACK:
                    found[key][name] = wanted
        self.assertEqual(expected, found)
