"""The chart's files agree with the code, with each other and with the docs, as far as can be seen without Helm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel

from storyjob.api.settings import Settings
from storyjob.cli.crd_files import stale
from support.exposed import samples

PROJECT = Path(__file__).resolve().parents[3]
CHART = PROJECT / "charts" / "storyjob"
METRIC = re.compile(r"\bstoryjob_[a-z_]+")
OURS_ALREADY = {
    "namespace",
    "watch_namespaces",
    "callback_url",
    "allowed_hosts",
    "shared_prefixes",
    "work_dir",
    "lease_name",
}
"""Settings that values of other names stand for."""


def read(path: str) -> Any:
    """Return a YAML file of the chart."""
    return yaml.safe_load((CHART / path).read_text(encoding="utf-8"))


def schema() -> dict[str, Any]:
    """Return the schema of the values."""
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return found


def leaves(values: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the dotted names of all values; a map that users fill, such as nodeSelector, is one."""
    for key, value in values.items():
        name = f"{path}{key}"
        if isinstance(value, dict) and value and key not in ("resources", "labels", "settings"):
            yield from leaves(value, f"{name}.")
        else:
            yield name


def test_the_crds_of_the_chart_are_those_of_the_models() -> None:
    assert stale(CHART / "files" / "crds") == [], "run `make crds` and commit the result"


def test_chart_and_package_have_one_version() -> None:
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.findall(r'^version = "(.+)"$', project, re.MULTILINE)

    images = yaml.safe_load(read("Chart.yaml")["annotations"]["artifacthub.io/images"])

    assert [read("Chart.yaml")["version"], read("Chart.yaml")["appVersion"]] == version * 2
    assert [image["image"] for image in images] == [f"{read('values.yaml')['image']['repository']}:{version[0]}"]


def test_every_value_has_a_schema() -> None:
    definition = schema()

    for name in leaves(read("values.yaml")):
        part: dict[str, Any] = definition
        for key in name.split("."):
            assert key in part["properties"], f"values.schema.json lacks {name}"
            part = part["properties"][key]


def test_every_value_stands_in_the_readme_with_its_description() -> None:
    rows = dict(re.findall(r"^\| ([\w.]+) \| .*\| (.+) \|$", (CHART / "README.md").read_text("utf-8"), re.MULTILINE))
    described = dict.fromkeys(leaves(read("values.yaml")))

    assert {name for name in described if not any(row == name or row.startswith(f"{name}.") for row in rows)} == set()
    comments = re.findall(r"^\s*# -- (.+)$", (CHART / "values.yaml").read_text("utf-8"), re.MULTILINE)
    assert set(comments) <= set(rows.values()), "make chart-docs, and commit the result"


def test_the_schema_is_one_that_helm_reads_without_the_network() -> None:
    assert schema()["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_the_settings_that_the_schema_knows_exist() -> None:
    known = {to_camel(name) for name in Settings.model_fields}

    assert schema()["properties"]["settings"]["properties"].keys() <= known


@pytest.mark.parametrize("template", ["_settings.tpl"])
def test_the_variables_that_templates_set_exist(template: str) -> None:
    text = (CHART / "templates" / template).read_text(encoding="utf-8")
    named = {name.lower() for name in re.findall(r"name: STORYJOB_([A-Z0-9_]+)[,\n}]", text)}

    assert named
    assert named - set(Settings.model_fields) == set()
    assert named >= OURS_ALREADY


@pytest.mark.parametrize("path", ["files/alerts.yaml", "files/dashboards/storyjob.json"])
def test_every_metric_that_is_asked_for_exists(path: str) -> None:
    text = (CHART / path).read_text(encoding="utf-8")

    assert set(METRIC.findall(text)) - samples() == set()


def test_every_alert_says_what_it_is_and_has_a_runbook() -> None:
    headings = re.findall(r"^#+ (StoryJob\w+)$", (PROJECT / "docs/operations.md").read_text("utf-8"), re.MULTILINE)
    rules = [rule for group in read("files/alerts.yaml")["groups"] for rule in group["rules"]]

    assert [rule["alert"] for rule in rules] == headings
    assert all({"summary", "description"} <= rule["annotations"].keys() for rule in rules)
    assert {rule["labels"]["severity"] for rule in rules} == {"critical", "warning"}


def test_the_panels_of_the_dashboard_do_not_cover_each_other() -> None:
    panels = json.loads((CHART / "files/dashboards/storyjob.json").read_text(encoding="utf-8"))["panels"]
    cells = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
