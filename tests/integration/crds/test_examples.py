"""Every example of our group is what the models and the API server take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from storyjob.api.kind import KINDS
from storyjob.api.resource import GROUP
from support.controlplane import Cluster

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SPECS: dict[str, type[BaseModel]] = {
    kind.name: annotation
    for kind in KINDS
    if isinstance(annotation := kind.model.model_fields["spec"].annotation, type)
}


def of_our_group(file: Path) -> list[dict[str, Any]]:
    """Return the objects of our kinds in a file; what the demo fills in is filled in."""
    text = file.read_text(encoding="utf-8").replace("${SIMULATOR_URL}", "http://127.0.0.1:8080")
    documents = yaml.safe_load_all(text)
    return [one for one in documents if one and str(one.get("apiVersion", "")).startswith(f"{GROUP}/")]


OBJECTS = [
    pytest.param(one, id=f"{file.relative_to(EXAMPLES)}: {one['kind']} {one['metadata']['name']}")
    for file in sorted(EXAMPLES.rglob("*.yaml"))
    for one in of_our_group(file)
]


def test_there_are_examples() -> None:
    assert {"StoryJob", "MediaProvider"} <= {str(param.id).split()[1] for param in OBJECTS}


@pytest.mark.parametrize("example", OBJECTS)
def test_the_models_take_it_and_know_every_field(example: dict[str, Any]) -> None:
    spec = SPECS[example["kind"]].model_validate(example["spec"])

    assert spec.model_dump(mode="json", by_alias=True, exclude_unset=True) == example["spec"]


@pytest.mark.parametrize("example", OBJECTS)
def test_the_api_server_takes_it(crds: Cluster, namespace: str, example: dict[str, Any]) -> None:
    manifest = yaml.safe_dump(example)

    said = crds.kubectl("apply", "--server-side", "--dry-run=server", "-n", namespace, "-f", "-", stdin=manifest)

    assert "serverside-applied" in said
