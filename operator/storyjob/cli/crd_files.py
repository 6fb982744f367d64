"""The CRDs as YAML files: what is committed in crds/ and what `storyjob crds` prints."""

from __future__ import annotations

from pathlib import Path

import yaml

from storyjob.api.crd import custom_resource_definition
from storyjob.api.kind import KINDS, Kind
from storyjob.api.resource import GROUP

_HEADER = "# Made by `storyjob crds` from the models in operator/storyjob/api. Change those, then run `make crds`.\n"


def manifest(kind: Kind) -> str:
    """Return the YAML file of one kind's CRD."""
    body = yaml.safe_dump(custom_resource_definition(kind), sort_keys=False, allow_unicode=True, width=120)
    return f"{_HEADER}{body}"


def manifests() -> str:
    """Return all CRDs as one stream, for `kubectl apply -f -`."""
    return "---\n".join(manifest(kind) for kind in KINDS)


def write(folder: Path) -> None:
    """Write one file per kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in _expected(folder).items():
        path.write_text(text, encoding="utf-8")


def stale(folder: Path) -> list[Path]:
    """Return the files that are missing, not what the models say, or of no kind."""
    expected = _expected(folder)
    wrong = [path for path, text in expected.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    return wrong + sorted(set(folder.glob("*.yaml")) - expected.keys())


def _expected(folder: Path) -> dict[Path, str]:
    return {folder / f"{GROUP}_{kind.plural}.yaml": manifest(kind) for kind in KINDS}
