"""How long a vendor says that its hardware worked: only what can be a time is believed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from storyjob.providers.compute_time import compute_seconds


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        pytest.param({"t": 2.5}, "2.5", id="seconds"),
        pytest.param({"t": 3}, "3", id="whole seconds"),
        pytest.param({"t": 0}, "0", id="no time at all"),
        pytest.param({}, None, id="not told"),
        pytest.param(None, None, id="no metrics"),
        pytest.param([1], None, id="no object"),
        pytest.param({"t": "2.5"}, None, id="text"),
        pytest.param({"t": True}, None, id="a truth"),
        pytest.param({"t": -1}, None, id="before it began"),
        pytest.param({"t": float("nan")}, None, id="no number"),
        pytest.param({"t": float("inf")}, None, id="for ever"),
        pytest.param({"t": 10**400}, None, id="more digits than a float holds"),
        pytest.param({"t": 604_801}, None, id="longer than a week"),
    ],
)
def test_a_time_is_believed(metrics: object, expected: str | None) -> None:
    assert compute_seconds(metrics, "t") == (Decimal(expected) if expected else None)
