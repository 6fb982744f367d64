"""docs/settings.md lists every variable as the code has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from storyjob.api.settings import Settings

PROJECT = Path(__file__).resolve().parents[3]
PAGE = PROJECT / "docs" / "settings.md"
VARIABLE = re.compile(r"\bSTORYJOB_[A-Z0-9]+(?:_[A-Z0-9]+)*")
FIELDS = sorted(Settings.model_fields.items())


def row(name: str, field: FieldInfo) -> str:
    """Return the line of the page that documents a setting."""
    default = "" if field.is_required() or field.default in (None, ()) else f"`{field.default}`"
    cells = (f"`STORYJOB_{name.upper()}`", default, allowed(field), field.description)
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def allowed(field: FieldInfo) -> str:
    """Return the range of a number in words, nothing where it has none."""
    bounds: dict[str, Any] = {
        key: getattr(mark, key) for mark in field.metadata for key in ("ge", "gt", "le") if hasattr(mark, key)
    }
    words = [f"above {bounds['gt']:g}"] if "gt" in bounds else [f"from {bounds['ge']:g}"] if "ge" in bounds else []
    return " ".join([*words, *([f"to {bounds['le']}"] if "le" in bounds else [])])


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[name for name, _ in FIELDS])
def test_every_setting_stands_on_the_page_as_it_is(name: str, field: FieldInfo) -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if f"| `STORYJOB_{name.upper()}` |" in line]

    assert lines == [row(name, field)]


def test_the_page_names_no_variable_that_nobody_reads() -> None:
    read = {f"STORYJOB_{name.upper()}" for name in Settings.model_fields}

    assert variables([PAGE]) - read <= variables((PROJECT / "operator").rglob("*.py"))


def test_every_variable_that_the_code_names_stands_on_the_page() -> None:
    code = [*(PROJECT / "operator").rglob("*.py"), *(PROJECT / "webhook").rglob("*.py"), PROJECT / "Makefile"]

    assert variables(code) <= variables([PAGE])


def variables(files: Any) -> set[str]:
    """Return the variables that are named in these files."""
    return {name for file in files for name in VARIABLE.findall(file.read_text(encoding="utf-8"))}
