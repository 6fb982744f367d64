"""Draws objects as somebody with kubectl could write them: anything at all that a kind's schema lets pass."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from storyjob.api.crd import object_schema
from storyjob.api.kind import Kind

Json = dict[str, Any]
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_FREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_TIMES = st.sampled_from(
    ["2026-11-22T10:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-28T23:59:59.999999+14:00"]
)
_WORDS = st.sampled_from(["", "a" * 64, "fox", "forest", "flux", "0.025", "-1", "1e400", "NaN", "s3://b/../x", "💥"])


def any_object(kind: Kind) -> SearchStrategy[Json]:
    """Return objects of a kind with any spec and status, and metadata as the API server has them."""
    schema = object_schema(kind)
    parts = {part: _any(schema["properties"][part]) for part in ("spec", "status")}
    return st.fixed_dictionaries({"metadata": _metadata(kind), **parts})


def any_status(kind: Kind) -> SearchStrategy[Json]:
    """Return statuses of a kind."""
    return _any(object_schema(kind)["properties"]["status"])


def _metadata(kind: Kind) -> SearchStrategy[Json]:
    notes = st.dictionaries(
        st.sampled_from(["storyjob.dev/retry", "storyjob.dev/resolve", "storyjob.dev/default-image-model"]),
        _TEXT | _WORDS | st.just("x" * 5000),
    )
    fixed = {
        "name": st.sampled_from(["fox", "owl"]),
        "namespace": st.just("tales"),
        "uid": st.sampled_from(["uid-1", "uid-2"]),
        "resourceVersion": st.integers(1, 1 << 40).map(str),
        "generation": st.integers(1, 1 << 40),
        "creationTimestamp": _TIMES,
    }
    return st.fixed_dictionaries(fixed, optional={"annotations": notes, "deletionTimestamp": _TIMES, "labels": notes})


def _any(schema: Json) -> SearchStrategy[Any]:
    found = _of_type(schema)
    return found | st.none() if schema.get("nullable") else found


def _of_type(schema: Json) -> SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return _any_map(schema)
        case "array":
            return st.lists(_any(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
        case "string":
            return _any_string(schema)
        case "integer":
            return st.integers(schema.get("minimum", -(1 << 63)), schema.get("maximum", (1 << 63) - 1))
        case "number":
            more = bool(schema.get("exclusiveMinimum"))
            return st.floats(
                schema.get("minimum"), schema.get("maximum"), exclude_min=more, allow_nan=False, allow_infinity=False
            )
        case "boolean":
            return st.booleans()
        case _:
            return _FREE


def _any_map(schema: Json) -> SearchStrategy[Json]:
    if "properties" not in schema:
        inner = schema.get("additionalProperties")
        values = _any(inner) if isinstance(inner, dict) else _FREE
        return st.dictionaries(_TEXT, values, max_size=min(3, schema.get("maxProperties", 3)))
    fields = {name: _any(field) for name, field in schema["properties"].items()}
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


def _any_string(schema: Json) -> SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return _TIMES
    if "pattern" in schema:
        # The API server's expressions have no end before a last line break, as Python's `$` has.
        found = st.from_regex(schema["pattern"].replace("$", r"\Z"), alphabet=st.characters(exclude_categories=["Cs"]))
    else:
        found = _TEXT | _WORDS
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1 << 30)
    return found.filter(lambda text: least <= len(text) <= most)
