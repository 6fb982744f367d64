"""A rush of work comes a few at a time, and what only waits holds up nobody."""

from __future__ import annotations

import asyncio

import pytest

from storyjob.reconcile.pace import Pace
from support.virtual_time import run


async def _work(pace: Pace, seconds: float, began: list[float]) -> None:
    async with pace.turn():
        began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(seconds)


def _beginnings(seconds: float) -> list[float]:
    """Return when each of six pieces of work began that take so long, at a pace of two for at most a second."""
    began: list[float] = []

    async def main() -> None:
        pace = Pace(2, 1.0)
        start = asyncio.get_running_loop().time()
        await asyncio.gather(*(_work(pace, seconds, began) for _ in range(6)))
        began[:] = [round(moment - start, 3) for moment in began]

    run(main())
    return began


@pytest.mark.parametrize(
    ("seconds", "began"),
    [
        pytest.param(0.25, [0, 0, 0.25, 0.25, 0.5, 0.5], id="quick work follows quick work"),
        pytest.param(60.0, [0, 0, 1, 1, 2, 2], id="slow work counts for a second"),
    ],
)
def test_so_many_begin_at_a_time(seconds: float, began: list[float]) -> None:
    assert _beginnings(seconds) == began


def test_a_place_that_was_left_late_is_not_left_twice() -> None:
    began: list[float] = []

    async def main() -> None:
        pace = Pace(1, 1.0)
        first = asyncio.create_task(_work(pace, 1.5, began))
        await asyncio.sleep(2.0)
        await first
        rest = [asyncio.create_task(_work(pace, 0.5, began)) for _ in range(2)]
        await asyncio.gather(*rest)
        assert began[2] - began[1] == pytest.approx(0.5)

    run(main())


def test_what_breaks_gives_its_place_back() -> None:
    async def main() -> None:
        pace = Pace(1, 60.0)
        with pytest.raises(ValueError, match="broken"):
            async with pace.turn():
                raise ValueError("broken")
        async with asyncio.timeout(1), pace.turn():
            pass

    run(main())
