"""What a deployed stack's template says each property is: intrinsics resolved with the stack's own values.

Only reading is involved: parameters and physical ids come from the deployed stack, exports from its account. Where a
value cannot be known that way (an attribute of a resource), it is `UNKNOWN`, which equals everything.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import templates


class _Unknown:
    """A value that only CloudFormation knows."""

    def __repr__(self) -> str:
        return "(unknown)"


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Stack:
    """A deployed stack as its own API describes it."""

    name: str
    status: str
    stack_id: str
    region: str
    account: str
    parameters: dict[str, str]
    physical_ids: dict[str, str]
    template: dict[str, Any]
    exports: dict[str, str]
    # Whether Healstack generated it; else it is a workload's.
    own: bool = True

    def properties(self, logical_id: str) -> dict[str, Any]:
        """A resource's properties with everything resolved that can be."""
        resolved = self.resolve(self.template["Resources"][logical_id].get("Properties") or {})
        return resolved if isinstance(resolved, dict) else {}

    def resolve(self, value: Any) -> Any:
        """A template value; keys and items that are `AWS::NoValue` disappear."""
        call = templates.intrinsic(value)
        if call:
            return self._call(*call)
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items() if item != {"Ref": "AWS::NoValue"}}
        if isinstance(value, list):
            return [self.resolve(item) for item in value if item != {"Ref": "AWS::NoValue"}]
        return value

    def _call(self, name: str, argument: Any) -> Any:
        if name == "Ref":
            return self._reference(str(argument))
        if name == "Fn::Sub":
            return self._substitute(argument)
        if name == "Fn::Join":
            parts = self.resolve(argument[1])
            known = isinstance(parts, list) and UNKNOWN not in parts
            return str(argument[0]).join(map(str, parts)) if known else UNKNOWN
        if name == "Fn::ImportValue":
            return self.exports.get(self.resolve(argument), UNKNOWN)
        if name == "Fn::ToJsonString":
            resolved = self.resolve(argument)
            return UNKNOWN if has_unknown(resolved) else json.dumps(resolved)
        return UNKNOWN

    def _reference(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        for known in (pseudo, self.parameters, self.physical_ids):
            if name in known:
                return known[name]
        return UNKNOWN

    def _substitute(self, argument: Any) -> Any:
        text, own = argument if isinstance(argument, list) else (argument, {})
        unknown = False

        def fill(match: re.Match[str]) -> str:
            nonlocal unknown
            name = match.group(1)
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            value = self.resolve(own[name]) if name in own else self._reference(name)
            unknown = unknown or value is UNKNOWN
            return str(value)

        filled = re.sub(r"\$\{([^}]+)\}", fill, str(text))
        return UNKNOWN if unknown else filled


def has_unknown(value: Any) -> bool:
    """Whether an unknown value is anywhere in it."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return value is UNKNOWN


def difference(wanted: Any, found: Any, path: str = "") -> str | None:
    """Where what a service returned differs from what a template says, or None.

    Mappings may hold more than the template says (defaults). CloudFormation takes numbers and booleans as strings, and
    IAM one value for a list of one, so those are equal.
    """
    if wanted is UNKNOWN:
        return None
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, item in wanted.items():
            problem = difference(item, found.get(key), f"{path}.{key}" if path else str(key))
            if problem:
                return problem
        return None
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        problems = (difference(w, f, f"{path}[{n}]") for n, (w, f) in enumerate(zip(wanted, found, strict=True)))
        return next((problem for problem in problems if problem), None)
    if isinstance(wanted, list) and len(wanted) == 1 and not isinstance(found, (list, dict)):
        return difference(wanted[0], found, path)
    if _scalar(wanted) == _scalar(found):
        return None
    return f"{path or 'value'} is {found!r}, the template says {wanted!r}"


def _scalar(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value.lower() if value.lower() in ("true", "false") else value
    return value
