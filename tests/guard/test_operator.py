"""The operator's commands, run as a person runs them, over machines that run.

The binary is the one that HEALSTACK names, or the one that `cargo build` has left in target/debug.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from core_stack import RESOURCE, ROOT, RULE
from guard_case import REGION, GuardCase
from shapes import STATE

BINARY = os.environ.get("HEALSTACK", str(ROOT / "target" / "debug" / "healstack"))
OTHER = "i-0bb00000000000002"
NATIVE = "arn:aws:automate:eu-west-1:ec2:recover"


class OperatorCase(GuardCase):
    """A project of which there is only healstack.yaml: the commands need no more."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        config = f'environments:\n  dev:\n    account: "{self.account}"\n    region: {REGION}\n'
        (Path(self.folder.name) / "healstack.yaml").write_text(config, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """The command line."""
        return [BINARY, "-C", self.folder.name, "-o", "json", *arguments]

    def environment(self) -> dict[str, str]:
        """Credentials of this test's account, and nothing of the user's."""
        keys = {
            "AWS_ENDPOINT_URL": self.launcher.endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return {"PATH": os.environ["PATH"], "HOME": self.folder.name, **keys}

    def run_command(self, *arguments: str, code: int = 0) -> str:
        """Runs a command to its end and returns what it printed."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment(), capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def events(self, *arguments: str) -> list[dict[str, Any]]:
        """`healstack events`, newest first."""
        return [json.loads(line) for line in self.run_command("events", *arguments).splitlines()]


class Operator(OperatorCase):
    """What each command does."""

    def test_pause_and_resume(self) -> None:
        alarm = self.single_alarm("heal--shop--heal--system", state="OK", AlarmActions=[NATIVE])
        for index, scope in enumerate((["--all"], ["shop"], [RULE])):
            with self.subTest(scope):
                self.run_command("pause", *scope, "--reason", "test")
                self.assertEqual("PAUSED", self.decision(self.alarm_event(f"p{index}")))
                self.assertFalse(self.acting()[alarm])
                self.sweep()
                self.assertFalse(self.acting()[alarm], "the sweeper agrees")
                self.run_command("resume", *scope)
                self.assertTrue(self.acting()[alarm])
        self.assertEqual("STARTED", self.decision(self.alarm_event("e1")))
        told = [
            (each["action"], each.get("reason"))
            for each in self.events("--limit", "50")
            if each["source"] == "operator"
        ]
        self.assertEqual(3, told.count(("pause", "test")))
        self.assertEqual(6, len(told))

    def test_pause_that_ends_by_itself(self) -> None:
        alarm = self.single_alarm("heal--shop--heal--system", state="OK", AlarmActions=[NATIVE])
        self.run_command("pause", "shop", "--for", "1h", "--reason", "test")
        self.assertEqual("PAUSED", self.decision(self.alarm_event("e1")))
        self.age(3601)
        self.assertEqual("STARTED", self.decision(self.alarm_event("e2")))
        self.sweep()
        self.assertTrue(self.acting()[alarm])

    def test_observe(self) -> None:
        self.run_command("mode", "observe", RULE, "--reason", "new runbook")
        self.assertEqual("OBSERVED", self.decision(self.alarm_event("e1")))
        self.run_command("mode", "enforce", RULE)
        self.assertEqual("STARTED", self.decision(self.alarm_event("e2")))

    def test_events_are_what_the_machines_wrote(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.finish("Failed", failed_step="stop", failure_message="denied")
        self.guard(self.alarm_event("e2", resource=OTHER))
        self.guard(self.alarm_event("e3", resource=RESOURCE))
        [failed] = self.events("--status", "failed")
        wanted = {
            "stack": "shop",
            "rule_name": "heal",
            "layer": "infrastructure",
            "action": "replace",
            "resource_id": RESOURCE,
            "status": "failed",
            "attempt_count": 1,
            "error_message": "step stop: denied",
            "source": "runbook",
        }
        self.assertEqual(wanted, {key: failed[key] for key in wanted})
        self.assertEqual(["in_progress"], [each["status"] for each in self.events("--resource", OTHER)])
        self.assertEqual(3, len(self.events("--rule", "heal")))
        self.assertEqual([], self.events("--layer", "data"))
        self.assertEqual(1, len(self.events("--limit", "1")))

    def test_follow_prints_each_change_as_it_comes(self) -> None:
        self.guard(self.alarm_event("e1"))
        with subprocess.Popen(
            self.command("events", "--follow"), env=self.environment(), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            self.assertEqual("in_progress", json.loads(process.stdout.readline())["status"])
            self.finish()
            self.assertEqual("completed", json.loads(process.stdout.readline())["status"])
            process.send_signal(signal.SIGINT)
            self.assertEqual(0, process.wait(timeout=10))

    def test_stats(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.finish()
        self.guard(self.alarm_event("e2", resource=OTHER))
        self.guard(self.alarm_event("e3", resource=OTHER))
        stats = json.loads(self.run_command("stats"))
        wanted = {
            "total_healing_events": 2,
            "successful_healing_events": 1,
            "failed_healing_events": 0,
            "success_rate": 100.0,
            "active_healing_events": 1,
        }
        self.assertEqual(wanted, {key: stats[key] for key in wanted})
        self.assertEqual(2, stats["layer_statistics"]["infrastructure"]["total"])

    def test_unlock_gives_everything_back(self) -> None:
        self.guard(self.alarm_event("e1"))
        self.run_command("unlock", f"ec2:instance/{RESOURCE}", "--reason", "runbook hangs", "--yes")
        found = self.ledger()
        self.assertEqual(("failed", "UNLOCKED"), (found["EVENT#e1"]["status"], found["EVENT#e1"]["reason"]))
        self.assertEqual([], [key for key, item in found.items() if "leaseUntil" in item or "open" in item])
        self.assertEqual("COOLDOWN", self.decision(self.alarm_event("e2")))
        self.age(601)
        self.assertEqual("STARTED", self.decision(self.alarm_event("e3")))
        self.finish(index=0)
        self.assertEqual(
            "e3", self.ledger()[STATE]["leaseOwner"], "the end of the unlocked run gives nothing of the next one back"
        )
        self.assertEqual("UNLOCKED", self.ledger()["EVENT#e1"]["reason"])

    def test_unlock_while_the_guard_decides(self) -> None:
        self.faults({"machine": "heal--core--guard", "state": "Confirm", "kind": "hang"})
        arn = self.begin("heal--core--guard", self.alarm_event("e1"))
        self.eventually(lambda: self.get("faults")["hanging"] == 1)
        self.run_command("unlock", f"ec2:instance/{RESOURCE}", "--reason", "test", "--yes")
        self.post("faults/release")
        self.ended(arn)
        self.assertEqual([], self.automations(), "what was unlocked is not started")
        self.assertEqual("UNLOCKED", self.ledger()["EVENT#e1"]["reason"])

    def test_refuses_another_account(self) -> None:
        config = Path(self.folder.name) / "healstack.yaml"
        config.write_text(config.read_text(encoding="utf-8").replace(self.account, "999999999999"), encoding="utf-8")
        self.run_command("pause", "--all", "--reason", "test", code=1)
        self.assert_ledger({})


if __name__ == "__main__":
    unittest.main()
