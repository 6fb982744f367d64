"""The converter, case by case, and over models that nobody thought of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, create_model

from storyjob.api.errors import SchemaError
from storyjob.api.extensions import Rule, immutable, instead_of_pattern, list_map, list_set, rules
from storyjob.api.structural import structural


class Colour(StrEnum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    """An inner object."""

    model_config = ConfigDict(json_schema_extra=rules(Rule("has(self.size)", "size is needed")))

    size: Annotated[int, Field(ge=1, description="How large.")] = 3
    note: str | None = None


class Tree(BaseModel):
    """Contains itself."""

    children: list[Tree] = []


def field_schema(annotation: Any, default: Any = ...) -> dict[str, Any]:
    """Return the structural schema of a model's only field."""
    model = create_model("Model", field=(annotation, default))
    properties: dict[str, dict[str, Any]] = structural(model.model_json_schema())["properties"]
    return properties["field"]


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        pytest.param(str | None, None, {"type": "string"}, id="null and its default go"),
        pytest.param(
            Annotated[Annotated[str, Field(max_length=3, description="Within.")] | None, Field(description="Outside.")],
            None,
            {"type": "string", "maxLength": 3, "description": "Outside."},
            id="a description at the place of use wins over that inside the union",
        ),
        pytest.param(Literal["x"], "x", {"type": "string", "enum": ["x"], "default": "x"}, id="const becomes an enum"),
        pytest.param(
            Literal["x", "y"] | None, None, {"type": "string", "enum": ["x", "y"]}, id="an optional enum stays one"
        ),
        pytest.param(
            Colour,
            "red",
            {"description": "A colour.", "type": "string", "enum": ["red", "blue"], "default": "red"},
            id="a reference is put in place",
        ),
        pytest.param(
            Annotated[float, Field(gt=0, lt=9)],
            2.0,
            {
                "type": "number",
                "minimum": 0,
                "exclusiveMinimum": True,
                "maximum": 9,
                "exclusiveMaximum": True,
                "default": 2,
            },
            id="exclusive bounds become booleans and whole defaults integers",
        ),
        pytest.param(int | str, ..., {"x-kubernetes-int-or-string": True}, id="integer or string"),
        pytest.param(
            dict[str, Any], {}, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}, id="anything named"
        ),
        pytest.param(Any, ..., {"x-kubernetes-preserve-unknown-fields": True}, id="anything at all"),
        pytest.param(
            Annotated[dict[str, int], Field(max_length=2)],
            ...,
            {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "integer"}},
            id="a map of one type",
        ),
        pytest.param(
            set[str],
            ...,
            {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            id="unique items become a set",
        ),
        pytest.param(
            Annotated[list[str], Field(json_schema_extra=list_set())],
            [],
            {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            id="a marked list, whose empty default goes",
        ),
        pytest.param(datetime, ..., {"type": "string", "format": "date-time"}, id="a known format stays"),
        pytest.param(timedelta, ..., {"type": "string"}, id="a format that the server reads otherwise goes"),
        pytest.param(bool, False, {"type": "boolean", "default": False}, id="false is a default worth stating"),
    ],
)
def test_a_field_becomes(annotation: Any, default: Any, expected: dict[str, Any]) -> None:
    assert field_schema(annotation, default) == expected


def test_rules_of_the_model_and_of_the_place_of_use_both_hold() -> None:
    schema = field_schema(Annotated[Inner, Field(json_schema_extra=immutable("stays"))])

    assert schema["x-kubernetes-validations"] == [
        {"rule": "has(self.size)", "message": "size is needed"},
        {"rule": "self == oldSelf", "message": "stays"},
    ]


def test_a_rule_in_words_stands_for_a_pattern() -> None:
    rule = Rule("self.matches('^a$')", "must be a", field=".here")

    schema = field_schema(Annotated[str, Field(pattern="^a$", json_schema_extra=instead_of_pattern(rule))])

    assert schema == {
        "type": "string",
        "x-kubernetes-validations": [{"rule": "self.matches('^a$')", "message": "must be a", "fieldPath": ".here"}],
    }


def test_a_list_of_objects_is_a_map_by_its_key() -> None:
    schema = field_schema(Annotated[list[Inner], Field(json_schema_extra=list_map("size"))])

    assert schema["x-kubernetes-list-type"] == "map"
    assert schema["x-kubernetes-list-map-keys"] == ["size"]
    assert schema["items"]["properties"]["size"] == {
        "description": "How large.",
        "type": "integer",
        "minimum": 1,
        "default": 3,
    }


def test_an_objects_default_states_its_fields_without_those_that_are_unset() -> None:
    assert field_schema(Inner, Inner())["default"] == {"size": 3}


def test_no_default_is_carried_over_when_none_is_wanted() -> None:
    model = create_model("Model", inner=(Inner, Inner()), word=(str, "x"))

    schema = structural(model.model_json_schema(), defaults=False)

    assert "default" not in str(schema)


def test_only_fields_without_a_default_are_required() -> None:
    model = create_model("Model", must=(str, ...), may=(str | None, None))

    assert structural(model.model_json_schema())["required"] == ["must"]


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        pytest.param(Tree, r"field\.children\[\]: Tree contains itself", id="a recursive model"),
        pytest.param(list[int] | str, "field: a union", id="a union of two types"),
        pytest.param(Inner | Colour, "field: a union", id="a union of models"),
        pytest.param(tuple[int, str], "field: .*prefixItems", id="a tuple"),
        pytest.param(
            Annotated[str, Field(json_schema_extra={"not": {"enum": ["x"]}})], "field: not", id="an unknown keyword"
        ),
    ],
)
def test_what_has_no_structural_form_is_refused_by_its_path(annotation: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        field_schema(annotation)


_SCALARS = st.sampled_from(
    [str, int, float, bool, datetime, Colour, Literal["a"], int | str, Any, Annotated[int, Field(gt=1, le=5)]]
)


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    # `int | str` must not be made optional or nested in a union again, so optional stands only round containers.
    return st.one_of(
        inner.map(lambda each: list[each]),  # type: ignore[valid-type]
        inner.map(lambda each: dict[str, each]),  # type: ignore[valid-type]
        inner.map(lambda each: list[each] | None),  # type: ignore[valid-type]
        st.lists(inner, min_size=1, max_size=3).map(_model),
    )


def _model(annotations: list[Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {f"field{place}": (each, ...) for place, each in enumerate(annotations)}
    return create_model("Made", **fields)


def _nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    below = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for inner in below:
        if inner is not None:
            yield from _nodes(inner)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.recursive(_SCALARS, _larger, max_leaves=6))
def test_any_model_becomes_structural(annotation: Any) -> None:
    schema = structural(_model([annotation]).model_json_schema())

    for node in _nodes(schema):
        free = node.get("x-kubernetes-preserve-unknown-fields") or node.get("x-kubernetes-int-or-string")
        assert free or node["type"] in {"object", "array", "string", "integer", "number", "boolean"}
        assert not node.keys() & {"$ref", "$defs", "anyOf", "oneOf", "allOf", "const", "title", "uniqueItems"}
        assert isinstance(node.get("exclusiveMinimum", True), bool)
        assert not ("properties" in node and "additionalProperties" in node)
    assert structural(schema) == schema
