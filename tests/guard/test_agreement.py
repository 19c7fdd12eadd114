"""Guard and recorder make the same of the same inputs on the local AWS and in the rehearsal's interpreter.

Compared are all executions' statuses with output or error, every item of the ledger, automations, and messages to
people.
Not compared are the states that executions went through, metrics, and the words of errors that an interpreter raises.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import unittest
from typing import Any

from agree_rules import template
from agreement import INPUTS, Materials, comparable, differences
from core_stack import CORE, CORE_JSON, TABLE
from guard_case import GuardCase
from local_case import REGION, LocalCase


class Agreement(GuardCase):
    """Both run every input; the parts run beside each other."""

    PARTS = 4

    def setUp(self) -> None:
        LocalCase.setUp(self)
        self.create_stack("heal--core", CORE_JSON)
        self.create_stack("heal--shop", json.dumps(template()))
        self.people = self.listen()
        # The rehearsal's interpreter, which answers a line with a line.
        self.rehearsal = subprocess.Popen(
            [os.environ["HEALSTACK_AGREE"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.close)
        setup = {"account": self.account, "region": REGION, "prefix": "heal", "templates": [CORE, template()]}
        self.tell(setup)

    def close(self) -> None:
        """Ends the interpreter, which ends with its input."""
        self.rehearsal.communicate(timeout=10)

    def tell(self, value: dict[str, Any]) -> None:
        """Gives the interpreter a line."""
        assert self.rehearsal.stdin
        self.rehearsal.stdin.write(json.dumps(value) + "\n")
        self.rehearsal.stdin.flush()

    def rehearsed(self, given: Materials) -> dict[str, Any]:
        """What the rehearsal's interpreter makes of an input."""
        self.tell(given.line())
        assert self.rehearsal.stdout
        answer = self.rehearsal.stdout.readline()
        self.assertTrue(answer, f"the interpreter ended at the input `{given.name}`")
        found: dict[str, Any] = json.loads(answer)
        return found

    def deployed(self, given: Materials) -> dict[str, Any]:
        """What the deployed machines make of it."""
        for item in self.scan():
            self.clients["dynamodb"].delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})
        for item in given.items:
            self.clients["dynamodb"].put_item(TableName=TABLE, Item=item)
        self.set_state("down", given.alarms.get("down", "INSUFFICIENT_DATA"))
        self.post("mutes", mutes=[{"name": f"mute {alarm}", "alarms": [alarm]} for alarm in given.muted])
        executions, automations = len(self.get("executions")), len(self.automations())
        for step in given.steps:
            self.perform(step)
            self.settle()
        return {
            "executions": [shown(each) for each in self.get("executions")[executions:]],
            "items": self.scan(),
            "runs": [run(each) for each in self.automations()[automations:]],
            "messages": self.told(),
        }

    def perform(self, step: dict[str, Any]) -> None:
        """One step."""
        if "start" in step:
            newest = self.automations()[-1]["AutomationExecutionId"] if self.automations() else ""
            data = json.dumps(step["input"]).replace("$run", str(newest))
            self.clients["stepfunctions"].start_execution(stateMachineArn=step["start"], name=step["name"], input=data)
        elif "event" in step:
            before = len(self.get("executions"))
            members = ("id", "time", "source", "detail-type", "detail")
            self.post("events", events=[{key: step["event"][key] for key in members}])
            self.eventually(lambda: len(self.get("executions")) > before)
        elif "run" in step:
            self.clients["ssm"].start_automation_execution(**step["run"])
        else:
            self.finish(**step["finish"])

    def told(self) -> list[str]:
        """What people heard."""
        found: list[str] = []
        while messages := self.messages(self.people):
            bodies = [json.loads(message["Body"]) for message in messages]
            found += [f"{body['Subject']}: {body['Message']}" for body in bodies]
        return found

    def check(self, part: int) -> None:
        """Every input of a part."""
        for name in list(INPUTS)[part :: self.PARTS]:
            with self.subTest(name):
                # No input meets the end of an hour, or of the five minutes that notifications are counted in.
                if time.time() % 300 > 290:
                    time.sleep(300 - time.time() % 300)
                given = Materials(name, INPUTS[name], self.account, int(time.time()))
                ours, theirs = comparable(self.rehearsed(given)), comparable(self.deployed(given))
                found = differences(ours, theirs)
                if found:
                    whole = {"input": given.line(), "rehearsal": ours, "ministack": theirs}
                    lines = [f"{key}: {json.dumps(value)}" for key, value in whole.items()]
                    self.fail("\n".join([name, *found, *lines]))

    def test_first_part(self) -> None:
        self.check(0)

    def test_second_part(self) -> None:
        self.check(1)

    def test_third_part(self) -> None:
        self.check(2)

    def test_fourth_part(self) -> None:
        self.check(3)


def shown(execution: dict[str, Any]) -> dict[str, Any]:
    """An execution as the rehearsal shows it."""
    found = {"machine": execution["machine"], "status": execution["status"]}
    if execution["status"] == "SUCCEEDED":
        return {**found, "output": execution["output"]}
    return {**found, "error": execution["error"], "cause": execution["cause"]}


def run(automation: dict[str, Any]) -> dict[str, Any]:
    """An automation as the rehearsal shows it."""
    parameters = automation["Parameters"]
    found = {
        "id": automation["AutomationExecutionId"],
        "document": automation["DocumentName"],
        "resource": parameters["ResourceId"][0],
        "event": parameters["HealEventId"][0],
        "status": automation["AutomationExecutionStatus"],
    }
    failed = [step for step in automation["StepExecutions"] if "FailureMessage" in step and step["IsCritical"]]
    if failed:
        found["failed"] = failed[0]["StepName"]
    return found


if __name__ == "__main__":
    unittest.main()
