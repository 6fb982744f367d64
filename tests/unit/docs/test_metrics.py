"""The pages list every metric as the registries have it."""

from __future__ import annotations

import re
from pathlib import Path

from support.exposed import exposed_name, families, labels_of

DOCS = Path(__file__).resolve().parents[3] / "docs"
ROW = re.compile(r"^\| `(storyjob_\w+)` \|(.*)\| (.+) \|$", re.MULTILINE)
OURS = [family for family in families() if family.name.startswith("storyjob_")]


def test_the_operators_metrics_stand_on_the_page_with_labels_and_meaning() -> None:
    rows = {
        name: (re.findall(r"`(\w+)`", labels), text)
        for name, labels, text in ROW.findall((DOCS / "operations.md").read_text("utf-8"))
    }
    expected = {
        exposed_name(family): (labels_of(family), family.documentation)
        for family in OURS
        if not family.name.startswith("storyjob_webhook_")
    }

    assert rows == expected


def test_the_webhooks_metrics_stand_on_theirs() -> None:
    section = (DOCS / "webhooks.md").read_text("utf-8").split("## Probes and metrics")[1].split("## ")[0]

    assert set(re.findall(r"`(storyjob_\w+)`", section)) == {
        exposed_name(family) for family in OURS if family.name.startswith("storyjob_webhook_")
    }


def test_every_metric_has_a_conventional_name() -> None:
    for family in OURS:
        assert family.documentation.endswith("."), family.name
        if family.type == "histogram":
            assert family.name.endswith("_seconds"), family.name
        assert not re.search(r"_(ms|millis|kb|mb|minutes)(_|$)", exposed_name(family)), family.name
