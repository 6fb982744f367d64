"""RFC 6902 on values that are never changed in place: what a patch does not touch is shared with the old state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class CannotApply(Exception):
    """An operation does not fit the document, or a `test` does not hold."""


def patched(document: dict[str, Any], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document after all operations; raises ``CannotApply`` and then nothing was done."""
    for operation in operations:
        document = _apply(document, operation)
    return document


def _apply(document: dict[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    path = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    match operation["op"]:
        case "test":
            if _read(document, path) != operation["value"]:
                raise CannotApply(f"test of {operation['path']} failed")
            return document
        case "add" | "replace":
            return _set(document, path, operation["value"])
        case "remove":
            return _removed(document, path)
        case other:
            raise CannotApply(f"operation {other} is not known here")


def _read(node: Any, path: Sequence[str]) -> Any:
    for part in path:
        if not isinstance(node, dict) or part not in node:
            raise CannotApply(f"/{'/'.join(path)} is not there")
        node = node[part]
    return node


def _set(node: Any, path: Sequence[str], value: Any) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise CannotApply(f"{path[0]} has no parent")
    first, *rest = path
    return {**node, first: _set(node.get(first), rest, value) if rest else value}


def _removed(node: Any, path: Sequence[str]) -> dict[str, Any]:
    first, *rest = path
    if not isinstance(node, dict) or first not in node:
        raise CannotApply(f"{first} is not there")
    if rest:
        return {**node, first: _removed(node[first], rest)}
    return {name: value for name, value in node.items() if name != first}
