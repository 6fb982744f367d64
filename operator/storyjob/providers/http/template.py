"""Fills in requests from templates: trees and texts with `{{placeholders}}`, substituted as values.

A text that is one placeholder becomes its value and keeps its type; among other text the value is written out. Text of
a user is never read as a template or as JSON, so no prompt can change the request around it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from storyjob.api.errors import InvalidInput
from storyjob.providers.answers import as_text

MAX_DEPTH = 32
MAX_NODES = 5000
MERGE = "..."
"""A key whose value, an object, is merged over its neighbours."""

Values = Mapping[str, Callable[[], Any]]
"""What placeholders stand for, worked out when asked for: a still in base64 is large."""

# No brace inside, so that a text full of opening ones is searched in one go.
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_INPUT = re.compile(r"input\.([A-Za-z0-9_-]{1,100})")


@dataclass(frozen=True, slots=True)
class _Absent:
    """What a placeholder without a value stands for: the key, item or parameter is left out."""


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Template:
    """A tree of JSON, checked, and the field that it stands in."""

    tree: Any
    where: str

    def render(self, values: Values) -> Any:
        """Return the tree filled in; ``ABSENT`` for a single placeholder without a value. Raises ``InvalidInput``."""
        return _render(self.tree, values, self.where)

    def write(self, values: Values, encode: Callable[[str], str] = str) -> str:
        """Return a text with each value in it encoded. Raises ``InvalidInput`` where a value is missing."""
        return _PLACEHOLDER.sub(lambda found: encode(_text(found[1], values, self.where)), self.tree)

    def names(self) -> frozenset[str]:
        """Return the placeholders that stand in it, fallbacks among them."""
        return frozenset(_names(self.tree))


def compile_template(tree: Any, known: frozenset[str], where: str) -> Template:
    """Check a template for the field ``where``. Raises ``InvalidInput`` that names what is unknown or too large."""
    nodes = 0
    left: list[tuple[Any, str, int]] = [(tree, where, 0)]
    while left:
        node, place, depth = left.pop()
        nodes += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise InvalidInput(f"{where} is too large: at most {MAX_NODES} values, {MAX_DEPTH} deep")
        if isinstance(node, str):
            _check_text(node, known, place)
        left.extend((inner, f"{place}{step}", depth + 1) for step, inner in _children(node, place))
    return Template(tree, where)


def _children(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, inner in node.items():
            if key == MERGE and not (isinstance(inner, str) and _PLACEHOLDER.fullmatch(inner)):
                raise InvalidInput(f'{place}: the key "{MERGE}" merges an object; write {{{{input}}}} behind it')
            yield f".{key}", inner
    elif isinstance(node, list):
        yield from ((f"[{index}]", inner) for index, inner in enumerate(node))


def _check_text(text: str, known: frozenset[str], where: str) -> None:
    for found in _PLACEHOLDER.finditer(text):
        name, fallback = _parts(found[1])
        if not _is_known(name, known):
            raise InvalidInput(f"{where}: {{{{{name}}}}} is no placeholder; known here: {', '.join(sorted(known))}")
        if fallback is not None and not _is_known(fallback, known):
            _literal(fallback, where)
    if "{{" in _PLACEHOLDER.sub("", text):
        raise InvalidInput(f"{where}: a placeholder is not closed; write {{{{name}}}}")


def _parts(inside: str) -> tuple[str, str | None]:
    name, bar, fallback = inside.partition("|")
    return name.strip(), fallback.strip() if bar else None


def _is_known(name: str, known: frozenset[str]) -> bool:
    return name in known or ("input" in known and _INPUT.fullmatch(name) is not None)


def _literal(text: str, where: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, str | int | float | bool):
        return value
    raise InvalidInput(f"{where}: {text!r} is neither a placeholder nor a JSON text, number or boolean to fall back on")


def _names(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        for found in _PLACEHOLDER.finditer(tree):
            yield from (part for part in _parts(found[1]) if part is not None)
    elif isinstance(tree, dict | list):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from _names(inner)


def _render(node: Any, values: Values, where: str) -> Any:
    match node:
        case dict():
            return _render_object(node, values, where)
        case list():
            items = [_render(item, values, f"{where}[{index}]") for index, item in enumerate(node)]
            return [item for item in items if item is not ABSENT]
        case str():
            if whole := _PLACEHOLDER.fullmatch(node):
                return _value(whole[1], values, where)
            return _PLACEHOLDER.sub(lambda found: _text(found[1], values, where), node)
        case _:
            return node


def _render_object(node: dict[str, Any], values: Values, where: str) -> dict[str, Any]:
    rendered = {key: _render(inner, values, f"{where}.{key}") for key, inner in node.items()}
    merged = rendered.pop(MERGE, ABSENT)
    kept = {key: inner for key, inner in rendered.items() if inner is not ABSENT}
    if merged is ABSENT:
        return kept
    if not isinstance(merged, dict):
        raise InvalidInput(f'{where}: the key "{MERGE}" needs an object, not {json.dumps(merged)[:80]}')
    return {**kept, **merged}


def _value(inside: str, values: Values, where: str) -> Any:
    name, fallback = _parts(inside)
    value = _look_up(name, values)
    if value is None and fallback is not None:
        value = _look_up(fallback, values) if _is_known(fallback, frozenset(values)) else _literal(fallback, where)
    return ABSENT if value is None else value


def _look_up(name: str, values: Values) -> Any:
    if name in values:
        return values[name]()
    inputs = values["input"]() or {}
    return inputs.get(name.partition(".")[2])


def _text(inside: str, values: Values, where: str) -> str:
    value = _value(inside, values, where)
    if value is ABSENT:
        name, _ = _parts(inside)
        raise InvalidInput(f"{where} needs {{{{{name}}}}}, which this step has not; set it, or write {{{{{name}|…}}}}")
    return as_text(value)
