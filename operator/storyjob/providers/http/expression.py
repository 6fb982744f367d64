"""Reads JSON answers with JMESPath: the part of the language whose work grows no faster than the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from storyjob.api.errors import InvalidInput
from storyjob.api.http.fields import EXPRESSION_LIMIT

# `[@, @]` doubles what it is given and `to_string` its quotes, `join` multiplies: a few hundred characters of these
# could keep the operator busy for ever. One value is wanted of each expression, so nothing is missed.
_NODES = frozenset(
    {
        *("field", "subexpression", "index", "index_expression", "slice", "projection", "value_projection", "flatten"),
        *("filter_projection", "comparator", "or_expression", "and_expression", "not_expression", "pipe", "literal"),
        *("current", "identity", "function_expression"),
    }
)
_FUNCTIONS = frozenset(
    {
        *("abs", "ceil", "contains", "ends_with", "floor", "keys", "length", "max", "min", "not_null", "reverse"),
        *("sort", "starts_with", "sum", "to_number", "type", "values"),
    }
)
# Each of these looks at every value there is, which takes some microseconds a value.
_LOOPS = frozenset({"projection", "value_projection", "filter_projection"})
_LOOPING = _FUNCTIONS - {"abs", "ceil", "floor", "length", "not_null", "to_number", "type"}
MAX_LOOPS = 8
MAX_VALUES = 20_000
"""A document with more values is not read."""
_NAMES = {"multi_select_list": "[a, b]", "multi_select_dict": "{a: b}", "expref": "&"}


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled JMESPath expression and the field that it stands in."""

    text: str
    where: str
    _compiled: Any = field(repr=False, compare=False)

    def find(self, document: Any) -> Any:
        """Return what the expression finds in ``document``; None for nothing, or where the two do not fit."""
        try:
            return self._compiled.search(document)
        except (JMESPathError, RecursionError, ArithmeticError, TypeError, ValueError, AttributeError):
            # `length(@)` of null, `max` of mixed types: the answer is not what the expression was written for.
            return None

    def holds(self, document: Any) -> bool:
        """Return whether the expression is true of ``document``, as JMESPath has it: 0 is, empty and null are not."""
        found = self.find(document)
        return found is not None and found is not False and found not in ("", [], {})


def compile_expression(text: str, where: str) -> Expression:
    """Compile the expression of the field ``where``. Raises ``InvalidInput`` with the place where it broke."""
    if len(text) > EXPRESSION_LIMIT:
        raise InvalidInput(f"{where} has {len(text)} characters; at most {EXPRESSION_LIMIT} may be")
    try:
        compiled: Any = jmespath.compile(text)
    except RecursionError as error:
        raise InvalidInput(f"{where}: {text[:80]!r} is nested too deeply") from error
    except JMESPathError as error:
        raise InvalidInput(f"{where}: {text!r} is not JMESPath: {_reason(error)}") from error
    nodes = list(_walk(compiled.parsed))
    for node in nodes:
        _check(node, text, where)
    if sum(_is_loop(node) for node in nodes) > MAX_LOOPS:
        raise InvalidInput(f"{where}: {text[:80]!r} goes through lists more than {MAX_LOOPS} times; make it simpler")
    return Expression(text, where, compiled)


def holds_more(document: Any, values: int) -> bool:
    """Return whether a document holds more values than that, without counting them all."""
    left, seen = [document], 0
    while left and seen <= values:
        current = left.pop()
        inner = current.values() if isinstance(current, dict) else current if isinstance(current, list) else ()
        seen += len(inner)
        left.extend(inner)
    return seen > values


def _is_loop(node: dict[str, Any]) -> bool:
    return node["type"] in _LOOPS or (node["type"] == "function_expression" and node["value"] in _LOOPING)


def _reason(error: JMESPathError) -> str:
    """Return the library's own words on one line; it draws the place as an arrow below them."""
    words = str(error).splitlines()[0].partition(", for expression")[0].rstrip(":")
    place = getattr(error, "lex_position", None)
    return words if place is None or "column" in words else f"{words} at column {place}"


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    left = [node]
    while left:
        current = left.pop()
        if isinstance(current, dict) and "type" in current:
            yield current
            left.extend(current.get("children", ()))


def _check(node: dict[str, Any], text: str, where: str) -> None:
    kind = node["type"]
    if kind not in _NODES:
        raise InvalidInput(f"{where}: {text!r} uses {_NAMES.get(kind, kind)}, which is not supported; read one value")
    if kind == "function_expression" and node["value"] not in _FUNCTIONS:
        known = ", ".join(sorted(_FUNCTIONS))
        raise InvalidInput(f"{where}: {text!r} calls {node['value']}(); known: {known}")
