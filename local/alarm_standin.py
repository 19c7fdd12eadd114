"""CloudWatch operations that ministack 1.5.33 lacks, and one that it has in part.

* DescribeAlarmContributors answers what `POST /_healstack/contributors` said, 50 a page.
* ListAlarmMuteRules answers what `POST /_healstack/mutes` said, filtered by AlarmName and Statuses.
* DescribeAlarms knows ActionPrefix.

boto3 speaks CBOR to CloudWatch, Step Functions of the local AWS JSON (integrations.py); both are answered.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import cbor2

from control import BadRequest, Request, Router

# CloudWatch: contributors of a page, and the most mute rules of one (API reference, 2026-11).
CONTRIBUTORS_A_PAGE, MUTES_A_PAGE = 50, 100

MUTE_STATUSES = ("SCHEDULED", "ACTIVE", "EXPIRED")

Scope = tuple[str, str]


class AlarmError(Exception):
    """An error answer: code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AlarmStandIn:
    """Contributors and mute rules by account and region."""

    def __init__(self, cloudwatch: Any, scope: Callable[[], Scope]) -> None:
        self._cloudwatch, self._scope = cloudwatch, scope
        self._contributors: dict[tuple[Scope, str], list[dict[str, Any]]] = {}
        self._mutes: dict[Scope, list[dict[str, Any]]] = {}

    def install(self, router: Router) -> None:
        """Puts the operations before ministack's CloudWatch."""
        handle: Callable[..., Awaitable[Any]] = self._cloudwatch.handle_request
        describe_alarms: Callable[..., Any] = self._cloudwatch._describe_alarms
        operations = {"DescribeAlarmContributors": self.contributors, "ListAlarmMuteRules": self.mutes}

        async def handle_request(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
            operation = operations.get(headers.get("x-amz-target", path).replace("/", ".").rsplit(".", 1)[-1])
            if operation is None:
                return await handle(method, path, headers, body, query)
            is_cbor = "cbor" in headers.get("content-type", "") or "cbor" in headers.get("smithy-protocol", "")
            request = (cbor2.loads(body) if is_cbor else json.loads(body)) if body else {}
            try:
                answer = operation(request)
            except AlarmError as error:
                return self._cloudwatch._error(error.code, str(error), 400, use_json=not is_cbor, use_cbor=is_cbor)
            return self._cloudwatch._cbor_ok(with_tags(answer)) if is_cbor else self._cloudwatch._json_ok(answer)

        def describe(params: Any, request: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
            prefix = request.get("ActionPrefix")
            if prefix:
                names = self.with_action(str(prefix), request.get("AlarmNames"))
                # An empty list would mean all alarms; no alarm has an empty name.
                request = {**request, "AlarmNames": names or [""]}
            return describe_alarms(params, request, is_cbor, is_json)

        self._cloudwatch.handle_request, self._cloudwatch._describe_alarms = handle_request, describe
        router.post("/_healstack/contributors", self.set_contributors)
        router.post("/_healstack/mutes", self.set_mutes)

    def with_action(self, prefix: str, names: list[str] | None) -> list[str]:
        """Alarms one of whose actions begins with a prefix."""
        lists = ("AlarmActions", "OKActions", "InsufficientDataActions")
        alarms = {**dict(self._cloudwatch._alarms.items()), **dict(self._cloudwatch._composite_alarms.items())}
        return [
            name
            for name, alarm in alarms.items()
            if (not names or name in names)
            and any(action.startswith(prefix) for each in lists for action in alarm.get(each) or [])
        ]

    def contributors(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeAlarmContributors."""
        name = str(request.get("AlarmName", ""))
        if name not in self._cloudwatch._alarms:
            raise AlarmError("ResourceNotFoundException", f"Unknown alarm {name}")
        found = self._contributors.get((self._scope(), name), [])
        return page("AlarmContributors", found, CONTRIBUTORS_A_PAGE, request.get("NextToken"))

    def mutes(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListAlarmMuteRules."""
        name, statuses = request.get("AlarmName"), request.get("Statuses") or MUTE_STATUSES
        found = [
            {member: rule[member] for member in rule.keys() - {"alarms"}}
            for rule in self._mutes.get(self._scope(), [])
            if rule["Status"] in statuses and (name is None or name in rule["alarms"])
        ]
        return page(
            "AlarmMuteRuleSummaries", found, int(request.get("MaxRecords") or MUTES_A_PAGE), request.get("NextToken")
        )

    def set_contributors(self, request: Request) -> dict[str, Any]:
        """POST /_healstack/contributors: what DescribeAlarmContributors answers for `alarm`."""
        now = time.time()
        entries = [
            {
                "ContributorId": str(entry.get("id") or f"c{number:015d}"),
                "ContributorAttributes": entry.get("attributes") or {},
                "StateReason": str(entry.get("reason", "Threshold Crossed")),
                "StateTransitionedTimestamp": entry.get("since", now),
            }
            for number, entry in enumerate(request.mappings("contributors"))
        ]
        if any(len(entry["ContributorId"]) > 16 for entry in entries):
            raise BadRequest("the id of a contributor has at most 16 characters")
        self._contributors[request.scope, request.text("alarm")] = entries
        return {"contributors": len(entries)}

    def set_mutes(self, request: Request) -> dict[str, Any]:
        """POST /_healstack/mutes: all mute rules of the account."""
        rules = []
        for entry in request.mappings("mutes"):
            status = entry.get("status", "ACTIVE")
            if status not in MUTE_STATUSES or not isinstance(entry.get("alarms"), list) or not entry.get("name"):
                raise BadRequest(f"a mute needs `name`, `alarms` and a `status` of {', '.join(MUTE_STATUSES)}")
            arn = f"arn:aws:cloudwatch:{request.region}:{request.account}:alarm-mute-rule:{entry['name']}"
            now = time.time()
            rules.append(
                {"AlarmMuteRuleArn": arn, "Status": status, "LastUpdatedTimestamp": now, "alarms": entry["alarms"]}
            )
        self._mutes[request.scope] = rules
        return {"mutes": len(rules)}


def page(member: str, items: list[dict[str, Any]], size: int, token: Any) -> dict[str, Any]:
    """One page of a listing; a token is the position at which the next one begins."""
    try:
        start = int(base64.b64decode(str(token), validate=True)) if token else 0
    except ValueError as error:
        raise AlarmError("InvalidNextToken", f"the next token `{token}` is not valid") from error
    answer: dict[str, Any] = {member: items[start : start + size]}
    if start + size < len(items):
        answer["NextToken"] = base64.b64encode(str(start + size).encode()).decode()
    return answer


def with_tags(value: Any) -> Any:
    """An answer in CBOR's terms: a timestamp is a number with tag 1."""
    if isinstance(value, dict):
        return {
            name: cbor2.CBORTag(1, item) if name.endswith(("Timestamp", "Date")) else with_tags(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [with_tags(item) for item in value]
    return value
