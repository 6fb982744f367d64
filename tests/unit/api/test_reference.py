"""The tables of fields in the docs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from storyjob.api.crd import object_schema
from storyjob.api.errors import SchemaError
from storyjob.api.kind import MEDIAPROVIDER, STORYJOB
from storyjob.api.reference import field_table
from storyjob.cli.field_tables import stale_pages, write_tables
from storyjob.cli.main import app

DOCS = Path(__file__).resolve().parents[3] / "docs" / "spec"


@pytest.mark.parametrize(
    "row",
    [
        "| `spec.scenes` | list by name, 1 to 1000 items | **Required.** The scenes, in the order of the film. Rule: ",
        "| `spec.scenes[].dependsOn` | set, up to 16 items | Scenes that must be complete before this one begins. |",
        "| `spec.scenes[].seconds` | number, above 0 to 600 | ",
        "| `spec.scenes[].image.input` | map, up to 64 entries | ",
        "| `spec.suspend` | boolean | true: nothing new is bought. What runs is still collected and stored. "
        "Default: `false`. |",
        "| `spec.cache` | `Reuse`, `Bypass` | ",
        "| `spec.film` | object | How the finished film looks. |",
    ],
)
def test_a_field_has_its_row(row: str) -> None:
    assert f"\n{row}" in field_table(object_schema(STORYJOB), "spec")


def test_times_are_called_times() -> None:
    assert "| `status.startTime` | time | " in field_table(object_schema(STORYJOB), "status")


def test_a_cell_never_ends_at_a_bar_of_its_own() -> None:
    schema = {"properties": {"spec": {"properties": {"a": {"type": "string", "description": "x | y"}}}}}

    assert field_table(schema, "spec").endswith("| `spec.a` | string | x \\| y |\n")


def test_the_committed_pages_are_what_the_models_say() -> None:
    assert stale_pages(DOCS) == []


def test_check_names_the_page_that_differs_and_docs_mends_it(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DOCS, tmp_path / "spec"))
    page = folder / "mediaprovider.md"
    page.write_text(page.read_text().replace("| `spec.type` |", "| `spec.kind` |"))
    assert stale_pages(folder) == [page]

    checked = CliRunner().invoke(app, ["crds", "--check", "--docs", str(folder)])
    written = CliRunner().invoke(app, ["crds", "--docs", str(folder)])

    assert (checked.exit_code, written.exit_code) == (1, 0)
    assert str(page) in checked.stderr
    assert page.read_text() == (DOCS / "mediaprovider.md").read_text()


def test_a_page_without_its_marks_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DOCS, tmp_path / "spec"))
    (folder / f"{MEDIAPROVIDER.name.lower()}.md").write_text("# MediaProvider\n")

    with pytest.raises(SchemaError, match=r"mediaprovider\.md needs one marked place"):
        write_tables(folder)
