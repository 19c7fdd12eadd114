"""Reads CloudFormation templates: YAML with short intrinsics, and plain values in place of intrinsics."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

# Fits what String members commonly ask for: a timestamp, and the 20 characters that an ARN has at least.
STAND_IN = "2026-01-01T00:00:00Z"


class TemplateError(Exception):
    """A file that is no template; the text names the file and says why."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads `!Sub x` as {"Fn::Sub": "x"} and leaves dates as the strings that policies need."""


# A copy: the table is the base class's own. Dates stay strings, so that `Version: 2012-10-17` does.
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """The long form of a short intrinsic."""
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def parse(text: str, origin: str) -> dict[str, Any]:
    """A template's text as data, intrinsics in their long form; `origin` names it in errors."""
    try:
        template = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise TemplateError(f"{origin}: {error}") from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise TemplateError(f"{origin}: no Resources")
    broken = [str(name) for name, resource in template["Resources"].items() if not isinstance(resource, dict)]
    if broken:
        raise TemplateError(f"{origin}: not a mapping: {', '.join(broken)}")
    return template


def load(path: Path) -> dict[str, Any]:
    """Reads and parses a template file."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"{path}: {error}") from error


def intrinsic(value: Any) -> tuple[str, Any] | None:
    """(name, argument) when the value is an intrinsic function call, else None."""
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" or (isinstance(name, str) and name.startswith("Fn::")):
            return name, argument
    return None


def plain(value: Any, template: dict[str, Any]) -> Any:
    """The value with every intrinsic replaced by something of the type that CloudFormation would put there.

    A reference becomes a parameter's default or a stand-in string, `Fn::Sub` its text with every `${..}` filled in.
    Of an `Fn::If` the first branch is taken. Keys that are `AWS::NoValue` disappear.
    """
    call = intrinsic(value)
    if call:
        return _evaluate(*call, template)
    if isinstance(value, dict):
        return {key: plain(item, template) for key, item in value.items() if item != {"Ref": "AWS::NoValue"}}
    if isinstance(value, list):
        return [plain(item, template) for item in value if item != {"Ref": "AWS::NoValue"}]
    return value


def _evaluate(name: str, argument: Any, template: dict[str, Any]) -> Any:
    if name == "Ref":
        parameter = (template.get("Parameters") or {}).get(argument)
        if isinstance(parameter, dict):
            kind, default = str(parameter.get("Type", "String")), parameter.get("Default", STAND_IN)
            if kind == "AWS::SSM::Parameter::Value<String>":
                # Its default is its name in Parameter Store.
                return STAND_IN
            if kind == "Number":
                return default if isinstance(default, (int, float)) else 1
            if kind == "CommaDelimitedList" or kind.startswith("List<"):
                return [part.strip() for part in str(default).split(",")]
            return str(default)
        return STAND_IN
    if name == "Fn::Sub":
        text = argument[0] if isinstance(argument, list) else argument
        return re.sub(r"\$\{!([^}]*)\}", r"${\1}", re.sub(r"\$\{[^!}][^}]*\}", STAND_IN, str(text)))
    if name == "Fn::Join":
        parts = plain(argument[1], template)
        return str(argument[0]).join(map(str, parts)) if isinstance(parts, list) else STAND_IN
    if name == "Fn::If":
        return plain(argument[1], template)
    if name in ("Fn::Split", "Fn::GetAZs"):
        return [STAND_IN]
    if name == "Fn::ToJsonString":
        return json.dumps(plain(argument, template))
    return STAND_IN
