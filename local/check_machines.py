"""Checks every state machine and policy in the templates under a folder for what cfn-lint does not see.

    python check_machines.py generated
    python check_machines.py --figures generated
    python check_machines.py --self-test

* States: targets, reachability, time limits, retriers and catchers (machine_structure.py).
* Calls: operations, arguments, results and errors against botocore's models (machine_calls.py).
* DynamoDB: placeholders, reserved words, keys, indexes (dynamodb_expressions.py).
* JSONata: syntax, functions, variables that have no value yet (jsonata_expressions.py, machine_variables.py).
* Permissions: a machine's role grants what its states call and nothing else (machine_permissions.py).
* Policies: no wildcard in an action, nobody in general, no service for others (policy_principals.py).

Exit status: 0 nothing found, 1 something found (each on a line of its own), 2 nothing to check.
"""

from __future__ import annotations

import argparse
import sys
import unittest
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dynamodb_expressions
import machine_calls
import machine_permissions
import machine_structure
import machine_variables
import machines
import policy_principals
import templates

TESTS = ("test_machine_states", "test_machine_calls", "test_machine_permissions")


@dataclass
class Found:
    """What a template has and what is wrong with it."""

    problems: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    # Tasks whose arguments are one expression, so that their members are known only to an execution.
    skipped: int = 0


def check_template(template: dict[str, Any]) -> Found:
    """Every mistake in a parsed template, each beginning with the logical id."""
    found = Found(list(policy_principals.check(template)))
    for logical_id in machines.logical_ids(template):
        try:
            machine = machines.read(logical_id, template)
        except machines.MachineError as error:
            found.problems.append(f"{logical_id}: {error}")
            continue
        problems, skipped = machine_calls.check(machine)
        found.skipped += skipped
        for problem in (*check_states(machine, template), *problems):
            found.problems.append(f"{logical_id}: {problem}")
        found.figures.append(f"{logical_id}: {machine.size()} bytes, {len(list(machine.states()))} states")
    return found


def check_states(machine: machines.Machine, template: dict[str, Any]) -> Iterator[str]:
    """Every mistake in a machine but those of its calls."""
    yield from machine_structure.check(machine)
    yield from machine_variables.check(machine)
    yield from dynamodb_expressions.check(machine, template)
    yield from machine_permissions.check(machine, template)


def main() -> int:
    """Runs the checks over a folder, or their own tests; returns the exit status."""
    arguments = argparse.ArgumentParser(description="Checks state machines and policies of templates")
    arguments.add_argument("folder", type=Path, nargs="?", help="searched for template.yaml files")
    arguments.add_argument(
        "--figures", action="store_true", help="print the size and the number of states of each machine"
    )
    arguments.add_argument("--self-test", action="store_true", help="show on small bad templates that each check fails")
    options = arguments.parse_args()
    if options.self_test:
        suite = unittest.defaultTestLoader.loadTestsFromNames(TESTS)
        return 0 if unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful() else 1
    if options.folder is None:
        arguments.error("a folder, or --self-test")
    paths = sorted(options.folder.glob("**/template.yaml"))
    if not paths:
        print(f"error: no template.yaml under {options.folder}", file=sys.stderr)
        return 2
    problems, count, skipped = 0, 0, 0
    for path in paths:
        try:
            found = check_template(templates.load(path))
        except templates.TemplateError as error:
            found = Found([str(error)])
        for line in (*found.problems, *(found.figures if options.figures else ())):
            print(f"{path}: {line}")
        problems, count, skipped = problems + len(found.problems), count + len(found.figures), skipped + found.skipped
    print(
        f"{len(paths)} templates, {count} state machines: {problems} problems; "
        f"arguments of {skipped} calls are known only to an execution"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
