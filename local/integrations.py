"""Service integrations of Step Functions whose results or error names ministack 1.5.33 gets wrong.

* CloudWatch is spoken to in JSON instead of Query: ministack's Query answers leave most members of an alarm out, and
  make every number a string. Results are shaped by botocore's model, so timestamps are ISO strings as on AWS.
* Error names are those of the Java SDK, which Step Functions shows: `ParameterNotFound` is
  `Ssm.ParameterNotFoundException`, and a code that the service's model does not have is the service's base exception
  (`CloudWatch.CloudWatchException`).
* `states:startExecution` fails with `StepFunctions.…Exception`, `sns:publish` with `SNS.…Exception`, and DynamoDB's
  own integrations with `DynamoDB.AmazonDynamoDBException` where the code is no exception of its own
  (`ValidationException`).
* `sns:publish` takes a Message that is no string, as JSON text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

# Prefix of an error name by optimized integration.
OPTIMIZED = {
    "dynamodb": "DynamoDB",
    "events": "EventBridge",
    "sns": "SNS",
    "sqs": "SQS",
    "states": "StepFunctions",
}

# The throttling error of each service, as a code that the service answers with (API references, 2026-11).
THROTTLING = {"dynamodb": "ProvisionedThroughputExceededException", "sns": "Throttled", "sqs": "RequestThrottled"}

# ministack's name of a service, where it is not the integration's own (also botocore's, through ministack).
MODEL = {"cloudwatch": "monitoring", "cloudwatchlogs": "logs", "eventbridge": "events", "sfn": "states"}


def install(sfn: Any) -> None:
    """Puts right what the header lists; `sfn` is ministack.services.stepfunctions."""
    names = ErrorNames(sfn)
    sfn._AWS_SDK_SERVICE_MAP["cloudwatch"] = {
        "target_prefix": "GraniteServiceVersion20100801",
        "protocol": "json",
        "service_key": "monitoring",
    }
    sfn._prefix_sdk_error = names.sdk
    start = sfn._invoke_nested_start_execution
    sfn._invoke_nested_start_execution = lambda resource, data: start_execution(sfn, start, resource, data)
    sfn._invoke_dynamodb = dynamodb(sfn, names, sfn._invoke_dynamodb)
    sfn._SERVICE_DISPATCH["arn:aws:states:::sns:publish"] = lambda _resource, data: publish(sfn, names, data)


def java_name(shape: str) -> str:
    """The Java SDK's class for an error shape: it ends in Exception, whatever the shape ends in."""
    if shape.endswith("Exception"):
        return shape
    return f"{shape.removesuffix('Fault')}Exception"


class ErrorNames:
    """Error names as Step Functions shows them."""

    def __init__(self, sfn: Any) -> None:
        self._sfn = sfn

    def shape(self, service: str, code: str) -> str | None:
        """The error shape of a code in a service's model; a shape may have another code than its name."""
        model = self._sfn._service_model(MODEL.get(service, service))
        if model is None:
            return None
        if code in model.shape_names and model.shape_for(code).metadata.get("exception"):
            return code
        by_code = model.shape_for_error_code(code)
        return by_code.name if by_code is not None else None

    def sdk(self, service: str, code: str) -> str:
        """The name of an error of an `aws-sdk:` integration."""
        if code.startswith("States."):
            return code
        prefix = self._sfn._AWS_SDK_ERROR_PREFIX.get(service, service.capitalize())
        shape = self.shape(service, code.rsplit("#", 1)[-1])
        return f"{prefix}.{java_name(shape) if shape else f'{prefix}Exception'}"

    def optimized(self, service: str, code: str) -> str:
        """The name of an error of an optimized integration."""
        prefix = OPTIMIZED.get(service, service.capitalize())
        return f"{prefix}.{java_name(self.shape(service, code) or code)}"

    def throttling(self, resource: str) -> str:
        """What Step Functions calls it when the service behind a Task's Resource throttles."""
        parts = resource.split(":")
        if "aws-sdk" in parts:
            service = parts[parts.index("aws-sdk") + 1].lower()
            return self.sdk(service, THROTTLING.get(service, "ThrottlingException"))
        service = parts[5] if len(parts) > 5 else ""
        return self.optimized(service, THROTTLING.get(service, "ThrottlingException"))


def start_execution(sfn: Any, start: Callable[..., Any], resource: str, data: Any) -> Any:
    """`states:startExecution`, with the error names of AWS."""
    try:
        return start(resource, data)
    except sfn._ExecutionError as error:
        if error.error.startswith("States."):
            raise
        raise sfn._ExecutionError(f"StepFunctions.{java_name(error.error)}", error.cause) from None


def dynamodb(sfn: Any, names: ErrorNames, invoke: Callable[..., Any]) -> Callable[..., Any]:
    """`dynamodb:…Item`: a code that is no exception of its own is the client's base exception."""

    def invoked(operation: str, data: Any) -> Any:
        try:
            return invoke(operation, data)
        except sfn._ExecutionError as error:
            known = names.shape("dynamodb", error.error.rsplit(".", 1)[-1]) or not error.error.startswith("DynamoDB.")
            name = error.error if known else "DynamoDB.AmazonDynamoDBException"
            raise sfn._ExecutionError(name, error.cause) from None

    return invoked


def publish(sfn: Any, names: ErrorNames, data: dict[str, Any]) -> dict[str, str]:
    """`sns:publish`."""
    from ministack.services import sns

    request = flatten(data)
    status, _headers, body = sns._publish({name: [value] for name, value in request.items()})
    text = body.decode() if isinstance(body, bytes) else str(body)
    if status >= 400:
        code = re.search(r"<Code>(.*?)</Code>", text)
        message = re.search(r"<Message>(.*?)</Message>", text, re.DOTALL)
        name = names.optimized("sns", code.group(1) if code else "InternalError")
        raise sfn._ExecutionError(name, message.group(1) if message else text)
    found = re.search(r"<MessageId>(.+?)</MessageId>", text)
    return {"MessageId": found.group(1) if found else ""}


def flatten(data: dict[str, Any]) -> dict[str, str]:
    """Publish parameters in the Query protocol's form, which ministack's function reads."""
    request: dict[str, str] = {}
    for name, value in data.items():
        if name == "MessageAttributes":
            for number, (key, attribute) in enumerate(value.items(), start=1):
                entry = f"MessageAttributes.entry.{number}"
                request[f"{entry}.Name"] = key
                request.update({f"{entry}.Value.{part}": str(text) for part, text in attribute.items()})
        else:
            request[name] = value if isinstance(value, str) else json.dumps(value)
    return request
