"""Answers DynamoDB calls with moto: one JSON object a line on standard input, one answer a line on standard output.

The first line is the properties of an `AWS::DynamoDB::Table`; each further one `{"api": …, "request": …}`. An answer
is `{"answer": …}` or `{"error": code, "message": …}`. Needs moto[dynamodb] 5.2.5 from PyPI;
rehearsal/tests/dynamodb_oracle.rs runs it.
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from typing import Any

# Nothing here is ever sent anywhere; boto3 wants something to sign with.
os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="eu-west-1")

import boto3
from botocore.exceptions import ClientError, ParamValidationError
from moto import mock_aws

# What CloudFormation has and CreateTable has not.
ELSEWHERE = ("TimeToLiveSpecification", "PointInTimeRecoverySpecification", "SSESpecification")


def operation(api: str) -> str:
    """boto3's name of an operation: `GetItem` is `get_item`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", api).lower()


def answer(client: Any, call: dict[str, Any]) -> dict[str, Any]:
    """What moto says to one call."""
    try:
        found = getattr(client, operation(call["api"]))(**call["request"])
    except ClientError as error:
        return {"error": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
    except ParamValidationError as error:
        return {"error": "ValidationException", "message": str(error)}
    except Exception:  # noqa: BLE001 (moto has bugs of its own; the test must know that this is one)
        return {"error": "broken", "message": traceback.format_exc()[-300:]}
    for beside in ("ResponseMetadata", "ConsumedCapacity"):
        found.pop(beside, None)
    return {"answer": found}


def main() -> None:
    """Answers until the input ends."""
    with mock_aws():
        client = boto3.client("dynamodb")
        properties = json.loads(sys.stdin.readline())
        client.create_table(**{name: value for name, value in properties.items() if name not in ELSEWHERE})
        for line in sys.stdin:
            print(json.dumps(answer(client, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
