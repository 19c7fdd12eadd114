"""Reads every resource of every stack on the local AWS back through its own service's API.

    python verify.py --endpoint http://127.0.0.1:4566 --region eu-west-1 [--region ..] [--account ..] [--output json]

A status of CREATE_COMPLETE from an emulator proves nothing: here each resource must be there when its own service is
asked, and be what the template says (readers.py). The resource types that ministack lacks are compared with what the
launcher recorded; they must be on the committed list (recorded-types.txt), and nothing may be recorded that no stack
has. A resource type without a reader is a problem, except in a stack that is not Healstack's own: what a workload is made
of is for its owners to know, and of its resources those are read back whose types have a reader.

Exit status: 0 all as it should be, 1 problems (printed first), 2 there is nothing to verify or no answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

import templates
from ministack_launcher import read_types
from readers import READERS, Clients
from stack_values import Stack, difference

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Finding:
    """One resource, and what is wrong with it (nothing, if `problems` is empty)."""

    stack: str
    logical_id: str
    resource_type: str
    problems: list[str]


def stacks(clients: Clients, region: str) -> Iterator[tuple[Stack, dict[str, str]]]:
    """Every stack of a region that is not deleted, with its resource types by logical id."""
    cloudformation, account = clients["cloudformation"], clients["sts"].get_caller_identity()["Account"]
    pages = cloudformation.get_paginator("list_exports").paginate()
    exports = {export["Name"]: export["Value"] for page in pages for export in page["Exports"]}
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            if stack["StackStatus"] in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
                continue
            name = stack["StackName"]
            body = cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
            text = body if isinstance(body, str) else json.dumps(body)
            summaries = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
            resources = [each for page in summaries for each in page["StackResourceSummaries"]]
            described = Stack(
                name=name,
                status=stack["StackStatus"],
                stack_id=stack["StackId"],
                region=region,
                account=account,
                parameters={p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])},
                physical_ids={r["LogicalResourceId"]: r.get("PhysicalResourceId", "") for r in resources},
                template=templates.parse(text, name),
                exports=exports,
                own=any(tag["Key"] == "healstack:environment" for tag in stack.get("Tags", [])),
            )
            yield described, {r["LogicalResourceId"]: r["ResourceType"] for r in resources}


def verify_stack(
    clients: Clients, stack: Stack, types: dict[str, str], recorded: dict[tuple[str, ...], dict[str, Any]]
) -> Iterator[Finding]:
    """Reads every resource of a stack; takes the ones it finds out of `recorded`."""
    if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        yield Finding(stack.name, "-", "AWS::CloudFormation::Stack", [f"its status is {stack.status}"])
        return
    missing = stack.template["Resources"].keys() - types.keys()
    yield from (Finding(stack.name, name, "?", ["in the template, not in the stack"]) for name in sorted(missing))
    for logical_id, resource_type in types.items():
        physical_id, props = stack.physical_ids[logical_id], stack.properties(logical_id)
        record = recorded.pop((stack.account, stack.region, resource_type, physical_id), None)
        if record is not None:
            problem = difference(props, record["properties"])
            problems = [problem] if problem else []
        elif resource_type in READERS:
            try:
                problems = list(READERS[resource_type](clients, physical_id, props))
            except (BotoCoreError, ClientError, KeyError, ValueError) as error:
                problems = [f"{type(error).__name__}: {error}"]
        elif stack.own:
            problems = ["no reader for this type in local/readers.py, and the launcher has not recorded it"]
        else:
            continue
        yield Finding(stack.name, logical_id, resource_type, problems)


# Recorded types that some template keeps when their stack is deleted.
LEFT_BEHIND = ("AWS::Route53::HealthCheck",)


def verify(endpoint: str, regions: list[str], access_key: str = "test") -> tuple[list[Finding], set[str]]:
    """Everything found in the regions, and the resource types that were only recorded.

    ministack keeps accounts apart, and takes an access key of 12 digits for the account's number.
    """
    with urllib.request.urlopen(f"{endpoint}/_healstack/recorded", timeout=10) as answer:  # noqa: S310 - our own server
        records: list[dict[str, Any]] = json.load(answer)
    names = ("account", "region", "type", "physical_id")
    recorded = {tuple(str(record[name]) for name in names): record for record in records}
    used = {record["type"] for record in records}
    findings: list[Finding] = []
    accounts: set[str] = set()
    for region in regions:
        clients = Clients(endpoint, region, access_key)
        for stack, types in stacks(clients, region):
            accounts.add(stack.account)
            findings.extend(verify_stack(clients, stack, types, recorded))
    for record in recorded.values():
        # What a deleted rule's DNS records still refer to stays, as its deletion policy says.
        if record["type"] in LEFT_BEHIND:
            continue
        if record["region"] in regions and record["account"] in accounts:
            problems = ["recorded, but in no stack"]
            findings.append(Finding(record["stack"], record["logical_id"], record["type"], problems))
    for resource_type in sorted(used - set(read_types(HERE / "recorded-types.txt"))):
        findings.append(Finding("-", "-", resource_type, ["recorded, but not in recorded-types.txt"]))
    return findings, used


def print_report(findings: list[Finding], used: set[str]) -> None:
    """Problems, then one line a resource type: how many, and how they were read."""
    for finding in findings:
        for problem in finding.problems:
            print(f"problem: {finding.stack} {finding.logical_id} ({finding.resource_type}): {problem}")
    counts = Counter(finding.resource_type for finding in findings)
    bad = Counter(finding.resource_type for finding in findings if finding.problems)
    width = max(map(len, counts))
    for resource_type, count in sorted(counts.items(), key=lambda item: (-bad[item[0]], item[0])):
        how = "recorded by the launcher" if resource_type in used else "read back"
        problems = f", {bad[resource_type]} with problems" if bad[resource_type] else ""
        print(f"{resource_type:<{width}}  {count:>4}  {how}{problems}")
    stack_count = len({finding.stack for finding in findings} - {"-"})
    print(f"{counts.total()} resources of {stack_count} stacks, {bad.total()} with problems")


def main() -> int:
    """Verifies and prints; returns the exit status."""
    arguments = argparse.ArgumentParser(description="Reads every resource on the local AWS back")
    arguments.add_argument("--endpoint", required=True, help="http://127.0.0.1:<port>")
    arguments.add_argument("--region", action="append", required=True, help="may be given more than once")
    arguments.add_argument("--account", default="test", help="the account's number, 12 digits; default: ministack's own")
    arguments.add_argument("--output", choices=("text", "json"), default="text")
    options = arguments.parse_args()
    try:
        findings, used = verify(options.endpoint.rstrip("/"), options.region, options.account)
    except (OSError, BotoCoreError, ClientError, templates.TemplateError) as error:
        print(f"error: {options.endpoint}: {error}", file=sys.stderr)
        return 2
    if not findings:
        print(f"error: no stack in {', '.join(options.region)}", file=sys.stderr)
        return 2
    if options.output == "json":
        ok = not any(finding.problems for finding in findings)
        resources = [vars(each) for each in findings]
        print(json.dumps({"ok": ok, "recorded_types": sorted(used), "resources": resources}, indent=2))
    else:
        print_report(findings, used)
    return 1 if any(finding.problems for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
