"""Checks DynamoDB arguments of Task states: placeholders, reserved words, keys and indexes.

DynamoDB refuses a request that defines a placeholder and does not use it as it does one that uses what it does not
define. Where an expression is put together by JSONata, its literal parts are looked at all together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonata_expressions
import machine_calls
import references
from machines import Machine

WORDS = Path(__file__).with_name("dynamodb-reserved-words.txt")

EXPRESSIONS = (
    "ConditionExpression", "FilterExpression", "KeyConditionExpression", "ProjectionExpression", "UpdateExpression",
)  # fmt: skip

# What each kind of placeholder begins with, and the argument that defines it.
DEFINED_BY = {"#": "ExpressionAttributeNames", ":": "ExpressionAttributeValues"}

# Words that are part of an expression's own syntax (developer guide, expressions).
CLAUSES = frozenset({"ADD", "DELETE", "REMOVE", "SET"})
OPERATORS = frozenset({"AND", "BETWEEN", "IN", "NOT", "OR"})

TOKEN = re.compile(r"[#:]?[A-Za-z_][A-Za-z0-9_]*(?P<call>\s*\()?|[#:][A-Za-z0-9_]+")
FUNCTIONS = frozenset(
    "attribute_exists attribute_not_exists attribute_type begins_with contains if_not_exists list_append size".split()
)


@cache
def reserved_words() -> frozenset[str]:
    """DynamoDB's reserved words in capitals."""
    lines = WORDS.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def check(machine: Machine, template: dict[str, Any]) -> Iterator[str]:
    """Every mistake in the DynamoDB arguments of a machine; what is wrong with a Resource is not said here."""
    tables = tables_of(template)
    for _, name, state in machine.states():
        arguments = state.get("Arguments")
        if state.get("Type") != "Task" or not isinstance(arguments, dict):
            continue
        try:
            call = machine_calls.call_of(state)
        except machine_calls.CallError:
            continue
        if call.service == "dynamodb":
            found = [*check_placeholders(arguments), *check_words(arguments), *check_table(arguments, tables)]
            yield from (f"state {name}: {problem}" for problem in found)


def literal(value: Any) -> tuple[list[str], bool]:
    """The texts that an expression argument consists of, and whether they are all of it."""
    if jsonata_expressions.is_expression(value):
        try:
            return jsonata_expressions.texts(jsonata_expressions.parse(value))
        except jsonata_expressions.ExpressionError:
            return [], False
    return ([value], True) if isinstance(value, str) else ([], False)


def tokens(arguments: dict[str, Any], field: str) -> list[tuple[str, bool]]:
    """The words of an expression argument, each with whether it is called."""
    found = []
    for text in literal(arguments.get(field, ""))[0]:
        for match in TOKEN.finditer(text):
            called = match.group("call") is not None
            found.append((match.group().rstrip("( \n\t"), called))
    return found


def check_placeholders(arguments: dict[str, Any]) -> Iterator[str]:
    """Placeholders that are used and not defined, or defined and not used."""
    whole = all(literal(arguments[field])[1] for field in EXPRESSIONS if field in arguments)
    used = {token for field in EXPRESSIONS for token, _ in tokens(arguments, field)}
    for mark, definition in DEFINED_BY.items():
        defined = arguments.get(definition, {})
        if jsonata_expressions.is_expression(defined):
            keys = {key for key in jsonata_expressions.read(defined).keys if key.startswith(mark)}
        else:
            keys = set(defined)
            yield from (
                f"{definition}: `{key}` does not begin with `{mark}`" for key in keys if not key.startswith(mark)
            )
        needed = {token for token in used if token.startswith(mark)}
        yield from (f"`{token}` is not in {definition}" for token in sorted(needed - keys))
        if whole:
            yield from (f"{definition}: `{key}` is in no expression" for key in sorted(keys - needed))


def check_words(arguments: dict[str, Any]) -> Iterator[str]:
    """Reserved words that stand bare, and functions that do not exist."""
    for field in EXPRESSIONS:
        syntax = (
            CLAUSES if field == "UpdateExpression" else frozenset() if field == "ProjectionExpression" else OPERATORS
        )
        for token, called in dict.fromkeys(tokens(arguments, field)):
            if token.startswith(("#", ":")) or token.upper() in syntax:
                continue
            if called:
                if token not in FUNCTIONS:
                    yield f"{field}: there is no function `{token}`"
            elif token.upper() in reserved_words():
                yield f"{field}: `{token}` is a reserved word; give it a `#` name"


def tables_of(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of a template's tables by name."""
    found = {}
    for logical_id, resource in template["Resources"].items():
        if resource.get("Type") == "AWS::DynamoDB::Table":
            found[references.name_of(logical_id, template)] = references.readable(
                resource.get("Properties") or {}, template
            )
    return found


def keys_of(table: dict[str, Any]) -> set[str]:
    """The attributes of a table's or an index's key."""
    return {str(each.get("AttributeName")) for each in table.get("KeySchema") or []}


def check_table(arguments: dict[str, Any], tables: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Tables, indexes and keys that are not those of the template."""
    requests = {arguments["TableName"]: arguments} if "TableName" in arguments else arguments.get("RequestItems")
    for name, request in requests.items() if isinstance(requests, dict) else ():
        if jsonata_expressions.is_expression(name) or not isinstance(request, dict):
            continue
        if name not in tables:
            yield f"table `{name}` is not in this template"
            continue
        table = tables[name]
        indexes = {each.get("IndexName"): each for each in table.get("GlobalSecondaryIndexes") or []}
        if "IndexName" in request and request["IndexName"] not in indexes:
            yield f"table `{name}` has no index `{request['IndexName']}`"
        for key in [request.get("Key"), *(request.get("Keys") or [])]:
            if isinstance(key, dict) and set(key) != keys_of(table):
                yield f"Key has {', '.join(sorted(key))}; the key of `{name}` is {', '.join(sorted(keys_of(table)))}"
        item = request.get("Item")
        if isinstance(item, dict):
            yield from (f"Item lacks `{each}` of the key" for each in sorted(keys_of(table) - set(item)))
