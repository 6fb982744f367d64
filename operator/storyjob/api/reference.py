"""Writes the fields of a kind as a Markdown table, from the schema that the API server enforces. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from storyjob.api.extensions import LIST_TYPE, VALIDATIONS
from storyjob.api.structural import Schema

_HEAD = "| Field | Type | Meaning |\n|---|---|---|\n"


def field_table(schema: Schema, part: str) -> str:
    """Return a table of all fields below ``part`` (``spec`` or ``status``) of an object's schema."""
    rows = [_row(path, node, required) for path, node, required in _fields(schema["properties"][part], part)]
    return _HEAD + "".join(rows)


def _fields(node: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    for name, inner in node.get("properties", {}).items():
        here = f"{path}.{name}"
        yield here, inner, name in node.get("required", ())
        yield from _fields(inner, here)
        if "items" in inner:
            yield from _fields(inner["items"], f"{here}[]")


def _row(path: str, node: Schema, required: bool) -> str:
    items = node.get("items", {})
    meaning = [node.get("description", ""), *_rules(node), *(_rules(items) if "properties" in items else ())]
    if "default" in node and not isinstance(node["default"], dict):
        meaning.append(f"Default: `{_literal(node['default'])}`.")
    if required:
        meaning.insert(0, "**Required.**")
    cells = (f"`{path}`", _type(node), " ".join(part for part in meaning if part))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _rules(node: Schema) -> Iterator[str]:
    for rule in node.get(VALIDATIONS, ()):
        message = rule["message"]
        yield f"Rule: {message}."


def _type(node: Schema) -> str:
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    match node.get("type"):
        case "string" if node.get("format") == "date-time":
            return "time"
        case "string":
            return f"string{_size(node, 'Length', 'characters')}"
        case "integer" | "number" as number:
            return f"{number}{_range(node)}"
        case "array":
            kind = "set" if node.get(LIST_TYPE) == "set" else "list"
            by = f" by {', '.join(node['x-kubernetes-list-map-keys'])}" if node.get(LIST_TYPE) == "map" else ""
            return f"{kind}{by}{_size(node, 'Items', 'items')}"
        case "object" if "properties" not in node:
            return f"map{_size(node, 'Properties', 'entries')}"
        case other:
            return str(other or "anything")


def _size(node: Schema, what: str, unit: str) -> str:
    least, most = node.get(f"min{what}"), node.get(f"max{what}")
    if most is None:
        return ""
    return f", {least} to {most} {unit}" if least else f", up to {most} {unit}"


def _range(node: Schema) -> str:
    least, most = node.get("minimum"), node.get("maximum")
    if least is None:
        return ""
    above = "above " if node.get("exclusiveMinimum") else "from "
    return f", {above}{least}" + (f" to {most}" if most is not None else "")


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
