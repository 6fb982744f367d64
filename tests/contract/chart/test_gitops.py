"""The chart takes the values that the GitOps examples give it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from support.gitops import Json, chart_values
from support.helm import Helm, HelmError


def rendered(helm: Helm, folder: Path, values: Json) -> list[Json]:
    """Return what the chart makes of these values; its schema is checked first."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return helm.template(values=file)


@pytest.mark.parametrize("tool", ["flux", "argocd"])
def test_the_chart_takes_the_values(helm: Helm, tmp_path: Path, tool: str) -> None:
    made = rendered(helm, tmp_path, chart_values()[tool])

    (operator,) = [item for item in made if item["kind"] == "Deployment"]
    assert operator["spec"]["replicas"] == 2
    (ingress,) = [item for item in made if item["kind"] == "Ingress"]
    assert ingress["spec"]["rules"][0]["host"] == "storyjob.example.com"


def test_a_value_that_the_chart_does_not_know_would_be_noticed(helm: Helm, tmp_path: Path) -> None:
    with pytest.raises(HelmError, match="buckets"):
        rendered(helm, tmp_path, chart_values()["flux"] | {"s3": {"buckets": "my-films"}})


def test_a_rendering_again_is_no_difference(helm: Helm, tmp_path: Path) -> None:
    values = chart_values()["argocd"]

    assert rendered(helm, tmp_path, values) == rendered(helm, tmp_path, values)
