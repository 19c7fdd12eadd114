"""Holds what cfn-lint says of every healed template against what it says of the original.

    python check_healed.py <project> [<project> ...]
    python check_healed.py --self-test

A project's rule files name the originals (`stack`, `workload`); the healed templates are `workload.*` in its `generated/`.

Exit status: 0 nothing new, 1 something new (each finding on a line of its own), 2 nothing to compare.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

# cfn-lint loads its schemas once for each process, and parses in one thread.
PROCESSES = 2

Finding = tuple[str, str, str]


def pairs(project: Path) -> Iterator[tuple[Path, Path]]:
    """The original and the healed template of every rule file that names one."""
    workloads = {}
    for rules in sorted(project.joinpath("rules").glob("*.yaml")):
        document = yaml.safe_load(rules.read_text(encoding="utf-8"))
        if "workload" in document:
            workloads[document["stack"]] = project / document["workload"]
    for healed in sorted(project.glob("generated/*/*/workload.*")):
        if healed.parent.name in workloads:
            yield workloads[healed.parent.name], healed


def findings(templates: Iterable[Path]) -> dict[Path, Counter[Finding]]:
    """What cfn-lint says of each template, informational rules included."""
    names = [str(path) for path in templates]
    command = [str(Path(sys.prefix) / "bin" / "cfn-lint"), "--config-file", "/dev/null", "--format", "json"]
    result = subprocess.run(
        [*command, "--include-checks", "I", "--", *names], capture_output=True, text=True, check=False
    )
    found: dict[Path, Counter[Finding]] = {Path(name): Counter() for name in names}
    try:
        matches = json.loads(result.stdout or "[]")
    except json.JSONDecodeError as error:
        raise SystemExit(f"cfn-lint printed no JSON: {result.stdout[:300]}{result.stderr[:300]}") from error
    for match in matches:
        found[Path(match["Filename"])][finding(match)] += 1
    return found


def finding(match: dict[str, Any]) -> Finding:
    """A finding without its line, which healing moves."""
    path = match["Location"].get("Path") or []
    return match["Rule"]["Id"], "/".join(map(str, path)), match["Message"]


def news(before: Counter[Finding], after: Counter[Finding]) -> list[str]:
    """What is said of the healed template more often than of the original."""
    return [f"{rule} at {path or 'the template'}: {message}" for rule, path, message in sorted((after - before).keys())]


def compare(projects: list[Path]) -> int:
    """Prints what is new, and a line about how much was compared."""
    found = [pair for project in projects for pair in pairs(project)]
    if not found:
        print("no healed template", file=sys.stderr)
        return 2
    templates = [path for pair in found for path in pair]
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = pool.map(findings, [templates[start::PROCESSES] for start in range(PROCESSES)])
    by_template = {path: said for part in parts for path, said in part.items()}
    new = 0
    for original, healed in found:
        for line in news(by_template[original], by_template[healed]):
            print(f"{healed}: {line}")
            new += 1
    said = sum(sum(by_template[original].values()) for original, _ in found)
    print(f"{len(found)} healed templates, {said} findings in their originals, {new} new ones")
    return 1 if new else 0


class NewFindings(unittest.TestCase):
    """What counts as new."""

    def test_a_finding_that_only_moved_is_none(self) -> None:
        match = {"Rule": {"Id": "W1"}, "Location": {"Path": ["Resources", "A", 0]}, "Message": "m"}
        before = Counter([finding(match | {"Line": 1})])
        self.assertEqual(news(before, Counter([finding(match | {"Line": 9})])), [])

    def test_one_more_of_a_sort_is_new(self) -> None:
        one: Finding = ("W1", "Resources/A", "m")
        self.assertEqual(news(Counter([one]), Counter([one, one])), ["W1 at Resources/A: m"])
        self.assertEqual(news(Counter(), Counter([("E1", "", "m")])), ["E1 at the template: m"])

    def test_what_healing_adds_is_seen(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            original = "Resources:\n  T:\n    Type: AWS::SNS::Topic\n"
            files = {
                "rules/a.yaml": "stack: a\nworkload: workloads/a.yaml\n",
                "rules/b.yaml": "stack: b\n",
                "workloads/a.yaml": original,
                "generated/dev/a/workload.yaml": original + "    Properties: {TopicNam: x}\n",
                "generated/dev/b/workload.yaml": original,
            }
            for path, text in files.items():
                project.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
                project.joinpath(path).write_text(text, encoding="utf-8")
            [(before, after)] = pairs(project)
            said = findings([before, after])
            self.assertEqual(said[before], Counter())
            self.assertRegex("\n".join(news(said[before], said[after])), r"^E3002 at Resources/T/Properties")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="*", type=Path)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        loaded = unittest.defaultTestLoader.loadTestsFromTestCase(NewFindings)
        return 0 if unittest.TextTestRunner().run(loaded).wasSuccessful() else 1
    return compare(options.projects)


if __name__ == "__main__":
    sys.exit(main())
