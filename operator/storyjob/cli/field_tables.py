"""Keeps the tables of fields in docs/spec/ as the CRDs have them; the text around them is written by people."""

from __future__ import annotations

import re
from pathlib import Path

from storyjob.api.crd import object_schema
from storyjob.api.errors import SchemaError
from storyjob.api.kind import KINDS, Kind
from storyjob.api.reference import field_table

_TABLE = re.compile(
    r"(<!-- fields of (spec|status), made by `storyjob crds` -->\n).*?(<!-- end of fields -->)", re.DOTALL
)


def write_tables(folder: Path) -> None:
    """Write the tables of all pages anew."""
    for kind in KINDS:
        path = _page(kind, folder)
        path.write_text(_with_tables(kind, path), encoding="utf-8")


def stale_pages(folder: Path) -> list[Path]:
    """Return the pages whose tables are not what the models say."""
    pages = [(kind, _page(kind, folder)) for kind in KINDS]
    return [path for kind, path in pages if path.read_text(encoding="utf-8") != _with_tables(kind, path)]


def _page(kind: Kind, folder: Path) -> Path:
    return folder / f"{kind.name.lower()}.md"


def _with_tables(kind: Kind, path: Path) -> str:
    schema = object_schema(kind)
    text, found = _TABLE.subn(
        lambda match: f"{match[1]}\n{field_table(schema, match[2])}\n{match[3]}", path.read_text(encoding="utf-8")
    )
    if found != 2:
        raise SchemaError(f"{path} needs one marked place for the fields of spec and one for those of status")
    return text
