"""Reads JSONata expressions of the Amazon States Language: which variables they need, and what AWS would refuse.

An expression is looked at, never evaluated. jsonata-python, which parses it, is a translation of the reference
implementation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata

# A node of a parsed expression: a Symbol of jsonata-python, which exports no type for it.
Node = Any

# What Step Functions adds to JSONata, and what it leaves out (developer guide, transforming data, 2026-11).
ADDED = frozenset({"partition", "range", "hash", "random", "uuid", "parse"})
LEFT_OUT = frozenset({"eval"})

BUILT_INS = frozenset(Jsonata.static_frame.bindings) | ADDED

# Attributes of nodes that hold no part of the expression.
_NOT_PARTS = frozenset({"_outer_instance", "symbol", "lhs", "rhs"})


class ExpressionError(Exception):
    """Why a text is no expression."""


@dataclass
class Reading:
    """What one expression needs and what is wrong with it."""

    # Variables that the expression does not bind itself, and whether they are called.
    variables: set[tuple[str, bool]] = field(default_factory=set)
    # Paths below `$states`, as far as they are only names: ("result", "Item", "pk").
    states: set[tuple[str, ...]] = field(default_factory=set)
    # Keys of the object literals in it.
    keys: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def is_expression(value: Any) -> bool:
    """Whether Step Functions evaluates a value."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


@cache
def parse(text: str) -> Node:
    """The syntax tree of `{% … %}`."""
    try:
        return Jsonata(text[2:-2].strip()).ast
    except JException as error:
        raise ExpressionError(str(error)) from error
    except (AttributeError, IndexError, TypeError, ValueError, re.error) as error:
        # What jsonata-python raises over some texts that are no JSONata.
        raise ExpressionError(f"{type(error).__name__}: {error}") from error


@cache
def read(text: str) -> Reading:
    """What an expression needs and what is wrong with it."""
    reading = Reading()
    try:
        _Reader(reading).visit(parse(text), frozenset(), _Place())
    except ExpressionError as error:
        reading.problems.append(f"does not parse: {error}")
    return reading


def texts(node: Node) -> tuple[list[str], bool]:
    """The literal parts of a text that an expression puts together, and whether they are all of it."""
    kind = getattr(node, "type", None)
    if kind == "string":
        return [str(node.value)], True
    if kind == "block":
        return texts(node.expressions[-1]) if node.expressions else ([], False)
    if kind == "binary" and node.value == "&":
        parts = (node.lhs, node.rhs)
    elif kind == "condition":
        parts = (node.then, node._else)
    else:
        return [], False
    found = [texts(part) for part in parts]
    return [text for some, _ in found for text in some], all(whole for _, whole in found)


@dataclass(frozen=True)
class _Place:
    """Where in an expression a node stands."""

    # Whether `$` and bare names mean something: inside a path or a predicate. Outside, Step Functions gives them none.
    item: bool = False
    predicate: bool = False


Visit = Callable[[Node, frozenset[str], _Place], frozenset[str]]


class _Reader:
    """Walks a syntax tree. `bound` are the names that the expression has bound so far."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def problem(self, text: str) -> None:
        """Notes a mistake once."""
        if text not in self._reading.problems:
            self._reading.problems.append(text)

    def visit(self, node: Node, bound: frozenset[str], place: _Place) -> frozenset[str]:
        """Reads a node; returns the names bound after it."""
        special: Visit | None = getattr(self, f"_visit_{node.type}", None)
        if special is not None:
            return special(node, bound, place)
        for part in _parts(node):
            bound = self.visit(part, bound, place)
        return bound

    def _all(self, nodes: list[Node] | None, bound: frozenset[str], place: _Place) -> frozenset[str]:
        for node in nodes or []:
            bound = self.visit(node, bound, place)
        return bound

    def _bind(self, name: str) -> None:
        if name in BUILT_INS:
            self.problem(f"`${name}` hides the function of that name")
        elif name == "states":
            self.problem("`$states` is Step Functions' own")

    def _visit_variable(self, node: Node, bound: frozenset[str], place: _Place, called: bool = False) -> frozenset[str]:
        name = str(node.value)
        if name == "$" or (name == "" and not place.item):
            self.problem(f"`${name}` means nothing at the top level of an expression")
        elif name and name not in bound and name != "states":
            self._reading.variables.add((name, called))
        self._filters(node, bound)
        return bound

    def _filters(self, node: Node, bound: frozenset[str]) -> None:
        """The predicates and the grouping of a step."""
        self._all(getattr(node, "stages", None), bound, _Place(item=True))
        self._all(getattr(node, "predicate", None), bound, _Place(item=True))
        group = getattr(node, "group", None)
        if group is not None:
            self._object(group, bound, _Place(item=True))

    def _visit_filter(self, node: Node, bound: frozenset[str], _place: _Place) -> frozenset[str]:
        return self.visit(node.expr, bound, _Place(item=True, predicate=True))

    def _visit_path(self, node: Node, bound: frozenset[str], place: _Place) -> frozenset[str]:
        first, outside = node.steps[0], bound
        if not place.item and first.type in ("name", "wildcard", "descendant", "parent"):
            self.problem(
                f"`{first.value}` is a field of nothing: bare names mean nothing at the top level of an expression"
            )
        if first.type == "variable" and first.value == "states":
            self._reading.states.add(tuple(_leading_names(node.steps[1:])))
        for index, step in enumerate(node.steps):
            inside = place if index == 0 else _Place(item=True, predicate=place.predicate)
            bound |= {
                name for name in (getattr(step, "focus", None), getattr(step, "index", None)) if isinstance(name, str)
            }
            bound = self.visit(step, bound, inside)
        self._filters(node, bound)
        return outside

    def _visit_name(self, node: Node, bound: frozenset[str], _place: _Place) -> frozenset[str]:
        self._filters(node, bound)
        return bound

    _visit_wildcard = _visit_descendant = _visit_parent = _visit_name

    def _visit_bind(self, node: Node, bound: frozenset[str], place: _Place) -> frozenset[str]:
        name = str(node.lhs.value)
        self._bind(name)
        # A function may call itself.
        recursive = bound | {name} if node.rhs.type == "lambda" else bound
        self.visit(node.rhs, recursive, place)
        return bound | {name}

    def _visit_block(self, node: Node, bound: frozenset[str], place: _Place) -> frozenset[str]:
        self._all(node.expressions, bound, place)
        self._filters(node, bound)
        return bound

    def _visit_lambda(self, node: Node, bound: frozenset[str], place: _Place) -> frozenset[str]:
        names = [str(argument.value) for argument in node.arguments or []]
        for name in names:
            self._bind(name)
        # Of a function that a predicate only defines it is not known when it runs: it counts as the predicate's.
        self.visit(node.body, bound | set(names), place)
        return bound

    def _visit_function(self, node: Node, bound: frozenset[str], place: _Place) -> frozenset[str]:
        if node.procedure.type == "variable":
            name = str(node.procedure.value)
            self._visit_variable(node.procedure, bound, place, called=True)
            if name in LEFT_OUT and name not in bound:
                self.problem(f"`${name}` does not exist in Step Functions")
            if name == "random" and name not in bound and place.predicate:
                self.problem("`$random()` in a predicate is drawn for every item; bind it to a variable first")
        else:
            self.visit(node.procedure, bound, place)
        self._all(node.arguments, bound, place)
        self._filters(node, bound)
        return bound

    _visit_partial = _visit_function

    def _visit_unary(self, node: Node, bound: frozenset[str], place: _Place) -> frozenset[str]:
        if node.value == "{":
            self._object(node, bound, place)
        elif node.value == "[":
            self._all(node.expressions, bound, place)
        else:
            self.visit(node.expression, bound, place)
        self._filters(node, bound)
        return bound

    def _object(self, node: Node, bound: frozenset[str], place: _Place) -> None:
        for key, value in node.lhs_object or []:
            if key.type == "string":
                self._reading.keys.add(str(key.value))
            self.visit(key, bound, place)
            self.visit(value, bound, place)

    def _visit_sort(self, node: Node, bound: frozenset[str], _place: _Place) -> frozenset[str]:
        return self._all([term.expression for term in node.terms], bound, _Place(item=True))

    def _visit_transform(self, node: Node, bound: frozenset[str], _place: _Place) -> frozenset[str]:
        return self._all([part for part in (node.pattern, node.update, node.delete) if part], bound, _Place(item=True))

    def _visit_condition(self, node: Node, bound: frozenset[str], place: _Place) -> frozenset[str]:
        return self._all([part for part in (node.condition, node.then, node._else) if part is not None], bound, place)


def _parts(node: Node) -> Iterator[Node]:
    """The nodes below a node of a type without a rule of its own (`binary`, `apply`, ..)."""
    yield from (part for part in (node.lhs, node.rhs) if hasattr(part, "type"))
    for name, value in vars(node).items():
        if name not in _NOT_PARTS:
            yield from (part for part in (value if isinstance(value, list) else [value]) if _is_node(part))


def _is_node(value: Any) -> bool:
    return hasattr(value, "type") and hasattr(value, "lbp")


def _leading_names(steps: list[Node]) -> Iterator[str]:
    for step in steps:
        if step.type != "name":
            return
        yield str(step.value)
