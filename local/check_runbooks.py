"""Checks every template under a folder for what cfn-lint does not see.

    python check_runbooks.py generated
    python check_runbooks.py --self-test

* Automation steps that call an API: service, operation, inputs, selectors, desired values (automation_steps.py).
* IAM actions exist, and no write is granted on `*` where the action takes single resources (iam_actions.py).
* Resources and conditions of roles fit their actions, as parliament says (policy_findings.py).

Exit status: 0 nothing found, 1 something found (each on a line of its own), 2 nothing to check.
"""

from __future__ import annotations

import argparse
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import automation_steps
import iam_actions
import policy_findings
import templates


def check_template(template: dict[str, Any]) -> Iterator[str]:
    """Every mistake in a parsed template, each beginning with the logical id."""
    resolved = templates.plain(template, template)
    yield from iam_actions.check_template(resolved)
    for logical_id, resource in resolved["Resources"].items():
        properties = resource.get("Properties") or {}
        if resource.get("Type") == "AWS::SSM::Document" and properties.get("DocumentType") == "Automation":
            problems = automation_steps.check_document(properties.get("Content"))
            yield from (f"{logical_id}: {problem}" for problem in problems)


def main() -> int:
    """Runs the checks over a folder, or their own tests; returns the exit status."""
    arguments = argparse.ArgumentParser(description="Checks Automation steps and IAM policies of templates")
    arguments.add_argument("folder", type=Path, nargs="?", help="searched for template.yaml files")
    arguments.add_argument("--self-test", action="store_true", help="show on small bad templates that each check fails")
    options = arguments.parse_args()
    if options.self_test:
        suite = unittest.defaultTestLoader.loadTestsFromName("test_check_runbooks")
        return 0 if unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful() else 1
    if options.folder is None:
        arguments.error("a folder, or --self-test")
    paths = sorted(options.folder.glob("**/template.yaml"))
    if not paths:
        print(f"error: no template.yaml under {options.folder}", file=sys.stderr)
        return 2
    problems, documents = 0, 0
    for path in paths:
        try:
            template = templates.load(path)
            found = [*check_template(template), *policy_findings.check(template)]
            documents += sum(each.get("Type") == "AWS::SSM::Document" for each in template["Resources"].values())
        except templates.TemplateError as error:
            found = [str(error)]
        for problem in found:
            print(f"{path}: {problem}")
        problems += len(found)
    print(f"{len(paths)} templates, {documents} documents: {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
