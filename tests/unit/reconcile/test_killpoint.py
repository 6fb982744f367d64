"""A test can end the operator at a named point, and nobody else can by accident."""

from __future__ import annotations

import os
import signal

import pytest

from storyjob import killpoint
from storyjob.killpoint import VARIABLE, Act, crossing, lit


class _Dead(BaseException):
    """Instead of the end of this process."""


def crossed_with(order: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what happens, death included, in two intents and a request that breaks."""
    said: list[str] = []

    def kill(pid: int, number: signal.Signals) -> None:
        assert (pid, number) == (os.getpid(), signal.SIGKILL)
        raise _Dead

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(killpoint, "_FUSE", lit({VARIABLE: order}))
    try:
        for _ in range(2):
            with crossing(Act.INTENT):
                said.append("in")
            said.append("out")
        with pytest.raises(OSError), crossing(Act.SUBMIT):
            raise OSError
    except _Dead:
        said.append("dead")
    return said


@pytest.mark.parametrize(
    ("order", "said"),
    [
        pytest.param("before-intent", ["dead"], id="before the act"),
        pytest.param("after-intent", ["in", "dead"], id="after the act"),
        pytest.param("before-intent:2", ["in", "out", "dead"], id="the second time"),
        pytest.param("before-submit", ["in", "out", "in", "out", "dead"], id="before an act that would raise"),
    ],
)
def test_it_dies_where_it_is_told_to(order: str, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert crossed_with(order, monkeypatch) == said


@pytest.mark.parametrize(
    "order",
    [
        pytest.param("", id="no order"),
        pytest.param("after-submit", id="an act that raised has no after"),
        pytest.param("before-manifest", id="a point that is not reached"),
    ],
)
def test_it_lives_on_elsewhere(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert crossed_with(order, monkeypatch) == ["in", "out", "in", "out"]


@pytest.mark.parametrize("order", ["intent", "amid-intent", "before-nothing", "after-intent:0", "after-intent:soon"])
def test_a_point_that_there_is_not_is_refused(order: str) -> None:
    with pytest.raises(ValueError):
        lit({VARIABLE: order})


def test_it_stops_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[signal.Signals] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(number))
    monkeypatch.setattr(killpoint, "_FUSE", lit({VARIABLE: "after-intent:2:stop"}))
    for _ in range(3):
        with crossing(Act.INTENT):
            pass
    assert sent == [signal.SIGSTOP]


def test_without_an_order_it_is_nothing_at_all() -> None:
    assert lit({}) is None
    assert crossing(Act.INTENT) is crossing(Act.SUBMIT)
