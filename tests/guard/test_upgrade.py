"""A new version of the core stack is deployed while healings are in flight: none is lost, none repeated."""

from __future__ import annotations

import copy
import json
import unittest

from core_stack import CORE, GUARD, RECORDER
from guard_case import GuardCase
from shapes import STATE, ended, rested


def next_version() -> str:
    """The core stack with other definitions of its machines; the guard has another name for a state."""
    template = copy.deepcopy(CORE)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            definition = resource["Properties"]["Definition"]
            definition["Comment"] = "the next version"
    guard = template["Resources"]["Guard"]["Properties"]["Definition"]
    text = json.dumps(guard).replace('"Confirm"', '"RenewLease"')
    template["Resources"]["Guard"]["Properties"]["Definition"] = json.loads(text)
    return json.dumps(template)


class Upgrade(GuardCase):
    """From one version to the next."""

    def upgrade(self) -> None:
        """Deploys the next version."""
        self.create_stack("heal--core", next_version(), update=True)

    def over(self) -> None:
        """One healing, ended and recorded once."""
        self.assert_ledger({STATE: rested(), "RATE#shop/heal": {"started": 1}, "EVENT#e1": ended("e1")})
        self.assertEqual(1, len(self.automations()))
        self.assertEqual(1, self.notices())

    def test_runbook_that_was_started_by_the_old_guard_is_finished_by_the_new_recorder(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.upgrade()
        self.finish()
        self.over()
        [recorder] = self.executions(RECORDER)
        self.assertTrue(recorder["stateMachineVersionArn"].endswith(":2"), recorder["stateMachineVersionArn"])

    def test_guard_in_the_middle_goes_on_with_its_own_definition(self) -> None:
        for state in ("TakeLease", "Claim", "Start", "RecordStart"):
            with self.subTest(state):
                case = Upgrade("test_guard_in_the_middle_goes_on_with_its_own_definition")
                case.launcher = self.launcher
                case.setUp()
                case.faults({"machine": GUARD, "state": state, "kind": "hang"})
                arn = case.begin(GUARD, case.alarm_event("e1"))
                case.eventually(lambda case=case: case.get("faults")["hanging"] == 1)
                case.upgrade()
                self.assertEqual(
                    "DUPLICATE" if state != "Claim" else "STARTED",
                    case.decision(case.alarm_event("e1")),
                    "by the new version",
                )
                case.post("faults/release")
                execution = case.ended(arn)
                self.assertEqual("SUCCEEDED", execution["status"], execution["cause"])
                self.assertNotIn("RenewLease", execution["states"])
                self.assertEqual(1, len(case.automations()), "one healing, whichever version began it")
                case.finish()
                case.over()

    def test_recorder_in_the_middle(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.faults({"machine": RECORDER, "state": "ReleaseLease", "kind": "hang"})
        execution = str(self.automations()[0]["AutomationExecutionId"])
        self.post("automations/finish", execution_id=execution, status="Success", emit=True)
        self.eventually(lambda: self.get("faults")["hanging"] == 1)
        self.upgrade()
        self.begin(RECORDER, {"source": "aws.ssm", "detail": {"ExecutionId": execution}})
        self.post("faults/release")
        self.settle()
        self.over()

    def test_attribute_of_a_later_version_is_ignored(self) -> None:
        self.guard(self.alarm_event("e1"))
        for item in self.scan():
            item["later"] = {"S": "x"}
            self.clients["dynamodb"].put_item(TableName="heal--core--ledger", Item=item)
        self.finish()
        self.assertEqual("completed", self.ledger()["EVENT#e1"]["status"])
        self.assertEqual("COOLDOWN", self.decision(self.alarm_event("e2")))


if __name__ == "__main__":
    unittest.main()
