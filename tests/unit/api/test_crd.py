"""The three CRDs: that they teach, that they bound, that they are what is committed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from storyjob.api.crd import custom_resource_definition, object_schema
from storyjob.api.kind import KINDS, MEDIAPROVIDER, SCENE, STORYJOB, Kind
from storyjob.cli.crd_files import stale, write
from storyjob.cli.main import app
from storyjob.cluster.resources import PROVIDERS, SCENES, STORYJOBS

CRDS = Path(__file__).resolve().parents[3] / "crds"
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every field below, items of lists and values of maps included, with its path."""
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from fields(inner, f"{path}.{name}")
    for mark, keyword in (("[]", "items"), (".*", "additionalProperties")):
        if keyword in schema:
            yield f"{path}{mark}", schema[keyword]
            yield from fields(schema[keyword], f"{path}{mark}")


def own_fields(kind: Kind) -> list[tuple[str, dict[str, Any]]]:
    """Return the fields of spec and status."""
    return [(path, node) for path, node in fields(object_schema(kind)) if path.startswith((".spec", ".status"))]


@each_kind
def test_every_field_says_what_it_is_for(kind: Kind) -> None:
    silent = [path for path, node in own_fields(kind) if not path.endswith(".*") and not node.get("description")]

    assert silent == []


@each_kind
def test_everything_that_can_grow_is_bounded(kind: Kind) -> None:
    bounded_by = {"string": ("maxLength", "enum", "format"), "array": ("maxItems",)}
    unbounded = [
        path
        for path, node in own_fields(kind)
        if (keys := bounded_by.get(node.get("type", ""))) and not node.keys() & set(keys)
    ]
    maps = [
        path
        for path, node in own_fields(kind)
        if node.get("type") == "object" and "properties" not in node and "maxProperties" not in node
    ]

    assert unbounded + maps == []


@each_kind
def test_every_number_of_a_spec_has_both_bounds(kind: Kind) -> None:
    unbounded = [
        path
        for path, node in own_fields(kind)
        if path.startswith(".spec") and node.get("type") in {"integer", "number"}
        if not {"minimum", "maximum"} <= node.keys()
    ]

    assert unbounded == []


@each_kind
def test_a_list_of_objects_says_how_it_is_merged(kind: Kind) -> None:
    unclear = [
        path
        for path, node in own_fields(kind)
        if node.get("type") == "array" and node.get("x-kubernetes-list-type") not in {"map", "set", "atomic"}
    ]

    assert unclear == []


@each_kind
def test_a_status_has_no_default_but_that_nothing_was_observed_yet(kind: Kind) -> None:
    status = object_schema(kind)["properties"]["status"]

    assert status["default"] == {"observedGeneration": -1}
    assert [path for path, node in fields(status) if "default" in node] == []


@each_kind
def test_every_printer_column_shows_a_field_that_there_is(kind: Kind) -> None:
    known = {path for path, _ in fields(object_schema(kind))} | {".metadata.creationTimestamp"}

    for column in kind.columns:
        path = column.path.replace('[?(@.type=="Ready")]', "[]")
        assert path in known, column.name


@pytest.mark.parametrize(
    ("kind", "resource"),
    [(STORYJOB, STORYJOBS), (SCENE, SCENES), (MEDIAPROVIDER, PROVIDERS)],
    ids=["StoryJob", "Scene", "MediaProvider"],
)
def test_the_client_looks_where_the_crd_puts_the_kind(kind: Kind, resource: Any) -> None:
    spec = custom_resource_definition(kind)["spec"]

    assert (spec["group"], spec["versions"][0]["name"]) == (resource.group, resource.version)
    assert (spec["names"]["plural"], spec["names"]["kind"]) == (resource.plural, resource.kind)


def test_the_category_is_no_word_for_one_kind() -> None:
    for kind in KINDS:
        names = custom_resource_definition(kind)["spec"]["names"]
        own = {names["kind"].lower(), names["plural"], names["singular"], *names["shortNames"]}
        # kubectl would take `kubectl delete storyjob` for all three kinds.
        assert not own & set(names["categories"])


def test_what_is_committed_is_what_the_models_say() -> None:
    assert stale(CRDS) == []


def test_check_fails_and_names_the_file_that_differs(tmp_path: Path) -> None:
    write(tmp_path)
    changed = sorted(tmp_path.iterdir())[1]
    changed.write_text(changed.read_text().replace("v1alpha1", "v1"))

    result = CliRunner().invoke(app, ["crds", "--check", "--output", str(tmp_path)])

    assert result.exit_code == 1
    assert str(changed) in result.stderr
    assert "run `make crds`" in result.stderr


def test_check_finds_a_file_of_no_kind(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "storyjob.dev_films.yaml").touch()

    assert stale(tmp_path) == [tmp_path / "storyjob.dev_films.yaml"]


def test_output_writes_what_check_accepts(tmp_path: Path) -> None:
    folder = tmp_path / "new"

    written = CliRunner().invoke(app, ["crds", "--output", str(folder)])
    checked = CliRunner().invoke(app, ["crds", "--check", "--output", str(folder)])

    assert (written.exit_code, checked.exit_code) == (0, 0)
    assert len(list(folder.iterdir())) == len(KINDS)


def test_without_a_folder_all_three_are_printed() -> None:
    printed = CliRunner().invoke(app, ["crds"]).stdout

    assert [f"kind: {kind.name}\n" in printed for kind in KINDS] == [True, True, True]
    assert printed.count("\n---\n") == len(KINDS) - 1
