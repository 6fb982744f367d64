"""What a chain waits for goes first, and nobody waits for it for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from storyjob.ambient import AMBIENT, MACHINE, Ambient
from storyjob.api.step import StepKind
from storyjob.planning.view import StepId
from storyjob.reconcile.traffic import PATIENCE, REQUEST, Traffic
from support.builders import NOW
from support.virtual_time import clock, run

NEXT, OTHER = StepId("scene-1", StepKind.AUDIO), StepId("scene-2", StepKind.AUDIO)


@pytest.fixture(autouse=True)
def virtual_clock() -> Iterator[None]:
    token = AMBIENT.set(Ambient(lambda: NOW + timedelta(seconds=clock()), clock, MACHINE.random_hex))
    yield
    AMBIENT.reset(token)


def waited(*first: tuple[StepId, float], then: tuple[StepId, float] | None = None, patience: float = PATIENCE) -> float:
    """Return how long somebody gives way to these; 10 ms later ``then`` is said."""
    traffic, seconds = Traffic(), 0.0

    async def main() -> None:
        nonlocal seconds
        for step, length in first:
            traffic.go_first(step, length)
        if then is not None:
            asyncio.get_running_loop().call_later(0.01, traffic.go_first, *then)
        began = clock()
        await traffic.give_way(patience)
        seconds = clock() - began

    run(main())
    return round(seconds, 3)


def test_where_nobody_is_in_haste_nobody_waits() -> None:
    assert waited() == 0.0


def test_who_is_done_sooner_lets_the_others_go_sooner() -> None:
    assert waited((NEXT, 0.05)) == 0.05
    assert waited((NEXT, 0.05), then=(NEXT, REQUEST)) < 0.03


def test_one_that_is_done_does_not_hurry_another() -> None:
    assert waited((NEXT, 0.05), (OTHER, 0.05), then=(OTHER, REQUEST)) == 0.05


def test_nobody_waits_for_longer_than_his_patience() -> None:
    assert waited((NEXT, 5.0)) == PATIENCE
    assert waited((NEXT, 5.0), patience=0.0) == 0.0
    assert waited((NEXT, 5.0), patience=-1.0) == 0.0
