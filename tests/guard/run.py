"""Runs every test of this folder in as many processes as there are cores, each with a local AWS of its own.

    python run.py [PATTERN]          only tests whose id contains PATTERN
    python run.py --without=PATTERN  all but those

The last lines are those of unittest, over all processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent

# What the line of a part begins with that has its counts: run, failed, wrong, skipped.
COUNTS = "counts of this part: "


def tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """Every test of a suite."""
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from tests(each)
        else:
            yield each


def part(index: int, of: int, pattern: str) -> int:
    """Runs every `of`th test from `index` on."""
    without = pattern.removeprefix("--without=") if pattern.startswith("--without=") else None
    found = [
        each
        for each in tests(unittest.defaultTestLoader.discover(str(HERE)))
        if (without not in each.id() if without else pattern in each.id())
    ]
    result = unittest.TextTestRunner(verbosity=1, stream=sys.stdout).run(unittest.TestSuite(found[index::of]))
    print(f"{COUNTS}{result.testsRun} {len(result.failures)} {len(result.errors)} {len(result.skipped)}")
    return 0 if result.wasSuccessful() else 1


def main() -> int:
    """Starts the parts, shows what each printed, and sums up."""
    if len(sys.argv) > 2 and sys.argv[1] == "--part":
        return part(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    pattern, cores, started = (sys.argv[1] if len(sys.argv) > 1 else ""), os.cpu_count() or 1, time.monotonic()
    parts = [
        subprocess.Popen(
            [sys.executable, "-B", __file__, "--part", str(index), str(cores), pattern],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(cores)
    ]
    total, broken = [0, 0, 0, 0], 0
    for each in parts:
        lines = (each.communicate()[0] or "").rstrip().splitlines()
        try:
            # What daemons of the tests say at their end may come after it.
            counted = [line for line in lines if line.startswith(COUNTS)]
            counts = [int(word) for word in counted[-1].removeprefix(COUNTS).split()]
            total = [sum(pair) for pair in zip(total, counts, strict=True)]
        except (IndexError, ValueError):
            broken += 1  # it did not come to its end
        # Its own closing lines are left out: there is one sum, below.
        closing = next((number for number, line in enumerate(lines) if line.startswith("Ran ")), len(lines))
        if each.returncode:
            print("\n".join(lines[:closing]))
    ran, failures, errors, skipped = total
    print(f"Ran {ran} tests in {time.monotonic() - started:.1f}s\n")
    failed = failures + errors + broken
    print(f"FAILED (failures={failures}, errors={errors + broken}, skipped={skipped})" if failed else "OK")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
