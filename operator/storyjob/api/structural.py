"""Turns pydantic's JSON schema into the structural schema that a CRD needs. Pure: dicts in, dicts out.

pydantic writes JSON Schema 2020-12, Kubernetes reads a strict part of OpenAPI 3.0: no references, no unions
with null, no ``const``, boolean ``exclusiveMinimum``. What has no such form raises instead of vanishing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from storyjob.api.errors import SchemaError
from storyjob.api.extensions import INT_OR_STRING, LIST_TYPE, PRESERVE, VALIDATIONS

Schema: TypeAlias = dict[str, Any]

_KEPT = (
    *("description", "type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "exclusiveMinimum"),
    *("maximum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "minProperties", "maxProperties"),
)
_HANDLED = frozenset({"const", "default", "properties", "required", "items", "additionalProperties", "uniqueItems"})
_NOISE = frozenset({"title", "examples", "deprecated", "readOnly", "writeOnly"})
# The API server takes "duration" for Go's notation and pydantic for ISO 8601; other formats it does not check.
_FORMATS = frozenset({"date-time", "date", "uuid", "byte", "int32", "int64", "float", "double"})


def structural(schema: Mapping[str, Any], *, defaults: bool = True) -> Schema:
    """Return the structural form of what ``model_json_schema`` returned.

    Without ``defaults`` none is carried over, as a status needs it: what the operator has not said is unknown.
    Raises ``SchemaError`` with the path of what has no structural form.
    """
    return _Converter(schema.get("$defs", {}), defaults).convert(schema, _Place("", ()))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the schema we are, and inside which definitions."""

    path: str
    inside: tuple[str, ...]

    def down(self, step: str) -> _Place:
        return _Place(f"{self.path}{step}", self.inside)

    def error(self, what: str) -> SchemaError:
        return SchemaError(f"{self.path.lstrip('.') or 'the model'}: {what}")


@dataclass(frozen=True, slots=True)
class _Converter:
    definitions: Mapping[str, Any]
    defaults: bool

    def convert(self, node: Mapping[str, Any], place: _Place) -> Schema:
        """Return one node and all below it in structural form."""
        node, place = self._flatten(node, place)
        unknown = [
            key
            for key in node
            if key not in {*_KEPT, *_HANDLED, *_NOISE} and not key.startswith(("x-kubernetes-", "$"))
        ]
        if unknown:
            raise place.error(f"{', '.join(unknown)} has no structural form; write the model without it")
        result: Schema = {key: node[key] for key in _KEPT if node.get(key) is not None}
        if "const" in node:
            result["enum"] = [node["const"]]
        if result.get("format") not in _FORMATS:
            result.pop("format", None)
        _make_bounds_boolean(result)
        result |= {key: node[key] for key in node if key.startswith("x-kubernetes-")}
        result |= self._inner(node, place)
        return result

    def _inner(self, node: Mapping[str, Any], place: _Place) -> Schema:
        match node.get("type"):
            case "object" if "properties" in node:
                return self._properties(node, place)
            case "object" if isinstance(node.get("additionalProperties"), dict):
                return {"additionalProperties": self.convert(node["additionalProperties"], place.down(".*"))}
            case "object":
                return {PRESERVE: True}
            case "array":
                if "items" not in node:
                    raise place.error("an array needs one type of items")
                unique = {LIST_TYPE: "set"} if node.get("uniqueItems") else {}
                return {"items": self.convert(node["items"], place.down("[]"))} | unique
            case None if INT_OR_STRING not in node:
                return {PRESERVE: True}
            case _:
                return {}

    def _properties(self, node: Mapping[str, Any], place: _Place) -> Schema:
        if node.get("additionalProperties"):
            raise place.error("named properties and further ones exclude each other")
        properties: dict[str, Schema] = {}
        for name, raw in node["properties"].items():
            converted = self.convert(raw, place.down(f".{name}"))
            if self.defaults and (default := _teaching(raw.get("default"))) is not None:
                converted["default"] = default
            properties[name] = converted
        required = [name for name in node.get("required", ()) if name in properties]
        return {"properties": properties} | ({"required": required} if required else {})

    def _flatten(self, node: Mapping[str, Any], place: _Place) -> tuple[Mapping[str, Any], _Place]:
        """Return the node without references and unions; what stands at the place of use wins."""
        while True:
            if "$ref" in node:
                name = str(node["$ref"]).removeprefix("#/$defs/")
                if name in place.inside:
                    raise place.error(f"{name} contains itself, which no structural schema can")
                place = _Place(place.path, (*place.inside, name))
                node = _merge(self.definitions[name], {key: node[key] for key in node if key != "$ref"})
            elif "anyOf" in node:
                rest = {key: node[key] for key in node if key != "anyOf"}
                node = _merge(_only_option(node["anyOf"], place), rest)
            else:
                return node, place


def _only_option(options: list[Schema], place: _Place) -> Schema:
    """Return what a union is besides null. A wish for null is told by leaving the field out."""
    real = [option for option in options if option.get("type") != "null"]
    if len(real) == 1:
        return real[0]
    if sorted(str(option.get("type")) for option in real) == ["integer", "string"]:
        return {INT_OR_STRING: True}
    raise place.error("a union has no structural form; use one type, or an object with optional fields")


def _teaching(value: object) -> object | None:
    """Return what of a default is worth stating, None for nothing.

    A default in a CRD is written into every object, so it should teach (``fps: 30``) and not clutter (``[]``, null).
    """
    if isinstance(value, dict):
        kept = {name: stated for name, inner in value.items() if (stated := _teaching(inner)) is not None}
        return kept or None
    if isinstance(value, float) and value.is_integer():
        return int(value)  # the API server stores 2.0 as 2
    return None if value == [] else value


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Schema:
    merged: Schema = {**below, **above}
    if VALIDATIONS in below and VALIDATIONS in above:
        merged[VALIDATIONS] = [*below[VALIDATIONS], *above[VALIDATIONS]]
    return merged


def _make_bounds_boolean(schema: Schema) -> None:
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        limit = schema.get(exclusive)
        if limit is None or isinstance(limit, bool):
            continue
        schema[bound], schema[exclusive] = limit, True
