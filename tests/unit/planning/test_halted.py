"""A step that may not be bought says which of several things keeps it."""

from __future__ import annotations

import pytest

from storyjob.api.reasons import Reason
from storyjob.planning.ending import Standstill


@pytest.mark.parametrize(
    ("still", "reason"),
    [
        pytest.param(
            Standstill(suspended=True, deadline_over=True, storage="x"), Reason.SUSPENDED, id="the user first"
        ),
        pytest.param(Standstill(deadline_over=True, storage="x"), Reason.DEADLINE_EXCEEDED, id="then the clock"),
        pytest.param(Standstill(storage="access denied"), Reason.STORAGE, id="a bucket that refuses is no suspension"),
    ],
)
def test_what_is_named(still: Standstill, reason: Reason) -> None:
    assert still.reason is reason
