"""The manifests of examples/gitops, by tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from support.controlplane import PROJECT

Json = dict[str, Any]

FOLDER = PROJECT / "examples" / "gitops"


def manifests(part: str = "") -> list[Json]:
    """Return the manifests for a tool, or of all of them."""
    return [item for file in sorted((FOLDER / part).rglob("*.yaml")) for item in documents(file)]


def documents(file: Path) -> list[Json]:
    """Return the manifests of a file; the patch of a ConfigMap is none."""
    return [each for each in yaml.safe_load_all(file.read_text(encoding="utf-8")) if each and "kind" in each]


def find(kind: str, name: str) -> Json:
    """Return one manifest."""
    (item,) = [each for each in manifests() if (each["kind"], each.get("metadata", {}).get("name")) == (kind, name)]
    return item


def chart_values() -> dict[str, Json]:
    """Return the values that each tool gives the chart."""
    application = find("Application", "storyjob")["spec"]["source"]["helm"]["valuesObject"]
    return {"flux": find("HelmRelease", "storyjob")["spec"]["values"], "argocd": application}
