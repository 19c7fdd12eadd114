"""The Amazon States Language on the local AWS, where ministack has it otherwise than AWS."""

from __future__ import annotations

import time
import unittest
from types import SimpleNamespace
from typing import Any

from asl_states import patient
from local_case import LocalCase, passing

UNREACHABLE = "arn:aws:states:::aws-sdk:ssm:getParameter"


class Language(LocalCase):
    """States whose meaning ministack has otherwise."""

    def output(self, states: dict[str, Any], data: Any = None) -> Any:
        """What a machine outputs, or its error's name."""
        ended = self.run_machine(self.machine(states, f"m{time.monotonic_ns()}"), data)
        return ended["error"] if ended["status"] == "FAILED" else ended["output"]

    def test_assign_sees_the_values_from_before(self) -> None:
        first = {"Type": "Pass", "Assign": {"a": 1, "b": 1}, "Next": "Second"}
        second = {"Type": "Pass", "Assign": {"a": 2, "b": "{% $a + 10 %}"}, "Next": "Last"}
        last = {"Type": "Pass", "Output": "{% [$a, $b] %}", "End": True}
        self.assertEqual([2, 11], self.output({"First": first, "Second": second, "Last": last}))

    def test_choice(self) -> None:
        rule = {"Condition": "{% $states.input.n > 1 %}", "Assign": {"v": "rule"}, "Output": "ruled", "Next": "End"}
        choice = {"Type": "Choice", "Choices": [rule], "Default": "End", "Assign": {"v": "state"}, "Output": "stated"}
        states = {"Choose": choice, "End": {"Type": "Pass", "Output": "{% [$states.input, $v] %}", "End": True}}
        self.assertEqual(["ruled", "rule"], self.output(states, {"n": 2}))
        self.assertEqual(["stated", "state"], self.output(states, {"n": 1}))
        rule["Condition"] = "{% $states.input.n %}"
        self.assertEqual("States.QueryEvaluationError", self.output(states, {"n": 1}), "a number is no condition")

    def test_catch_assigns_and_outputs(self) -> None:
        catch = {
            "ErrorEquals": ["Ssm.ParameterNotFoundException"],
            "Assign": {"seen": "{% $states.errorOutput.Error %}"},
            "Output": "caught",
            "Next": "End",
        }
        retry = [{"ErrorEquals": ["Ssm.ParameterNotFoundException"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]
        task = {
            "Type": "Task",
            "Resource": UNREACHABLE,
            "Arguments": {"Name": "x"},
            "Retry": retry,
            "Catch": [catch],
            "End": True,
        }
        end = {"Type": "Pass", "Output": "{% [$states.input, $seen] %}", "End": True}
        self.assertEqual(["caught", "Ssm.ParameterNotFoundException"], self.output({"Call": task, "End": end}))

    def test_all_does_not_match_runtime_errors(self) -> None:
        task = {"Type": "Task", "Resource": UNREACHABLE, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "End"}]}
        arn = self.machine({"Call": task, "End": {"Type": "Succeed"}})
        self.post("faults", faults=[{"machine": "m", "state": "Call", "kind": "error", "error": "States.Runtime"}])
        self.assertEqual("States.Runtime", self.run_machine(arn)["error"])

    def test_parallel(self) -> None:
        branch = {
            "StartAt": "In",
            "States": {
                "In": {"Type": "Pass", "Assign": {"v": "in"}, "Output": "{% $states.input.x + $n %}", "End": True}
            },
        }
        both = {
            "Type": "Parallel",
            "Branches": [branch, branch],
            "Arguments": {"x": 1},
            "Output": "{% $sum($states.result) %}",
            "Assign": {"all": "{% $states.result %}"},
            "Next": "End",
        }
        states = {
            "First": {"Type": "Pass", "Assign": {"n": 1, "v": "out"}, "Next": "Both"},
            "Both": both,
            "End": {"Type": "Pass", "Output": "{% [$states.input, $all, $v] %}", "End": True},
        }
        self.assertEqual([4, 2, 2, "out"], self.output(states))

    def test_waits_are_scaled_away(self) -> None:
        started = time.monotonic()
        self.assertEqual(1, self.output({"Wait": {"Type": "Wait", "Seconds": 60, "Next": "Only"}, **passing(1)}))
        self.assertLess(time.monotonic() - started, 5, "--wait-scale 0")

    def test_time_limit_from_an_expression(self) -> None:
        task = {
            "Type": "Task",
            "Resource": UNREACHABLE,
            "Arguments": {"Name": "x"},
            "TimeoutSeconds": "{% 5 %}",
            "End": True,
        }
        self.assertEqual("Ssm.ParameterNotFoundException", self.output({"Call": task}))

    def test_time_that_an_expression_may_take(self) -> None:
        asked: list[Any] = []
        fake = SimpleNamespace(
            Jsonata=SimpleNamespace(jsonata=lambda _text, timeout: asked.append(timeout)), utils=None
        )
        patient(fake).Jsonata.jsonata("1", timeout=1000)
        self.assertEqual([60_000], asked, "a second of wall-clock time is no limit in a process that many share")

    def test_functions(self) -> None:
        expression = """{% {
            "hash": $substring($hash("x", "SHA-256"), 0, 8), "uuid": $length($uuid()),
            "parse": $parse('{"a": [1]}').a, "random": $random() < 1, "now": $millis() > 1.7e12,
            "iso": $fromMillis(0), "partition": $partition([1, 2, 3], 2)
        } %}"""
        expected = {
            "hash": "2d711642", "uuid": 36, "parse": [1], "random": True, "now": True,
            "iso": "1970-01-01T00:00:00.000Z", "partition": [[1, 2], [3]],
        }  # fmt: skip
        self.assertEqual(expected, self.output(passing(expression)))


if __name__ == "__main__":
    unittest.main()
