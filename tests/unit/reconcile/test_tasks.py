"""Long work: one task per name, in bounded pools, its end always followed by something, purchases let finish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from storyjob.reconcile import tasks as module
from storyjob.reconcile.tasks import FAILED_PAUSE, Pool, Tasks
from support.virtual_time import clock, run


def working(seconds: float, log: list[str], name: str) -> Callable[[], Coroutine[Any, Any, None]]:
    async def work() -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            log.append(f"{name} stopped at {clock():g}")
            raise
        log.append(f"{name} done at {clock():g}")

    return work


def test_one_name_is_worked_on_once_at_a_time_and_again_when_it_ended() -> None:
    log: list[str] = []

    async def main() -> None:
        tasks = Tasks()

        def start(seconds: float) -> bool:
            return tasks.start("a", Pool.ASK, working(seconds, log, "a"), then=lambda: log.append("then"))

        assert start(5)
        assert not start(5)
        assert "a" in tasks
        assert len(tasks) == 1
        await asyncio.sleep(6)
        assert "a" not in tasks
        assert tasks.names() == frozenset()
        assert start(1)
        await asyncio.sleep(2)

    run(main())
    assert log == ["a done at 5", "then", "a done at 7", "then"]


@pytest.mark.parametrize(
    ("error", "after"),
    [
        pytest.param(None, 0.0, id="it worked"),
        pytest.param(asyncio.CancelledError(), 0.0, id="it was stopped"),
        pytest.param(ValueError("broken"), FAILED_PAUSE, id="it raised, and after a pause, else it might spin"),
    ],
)
def test_whatever_ends_it_what_follows_is_called(
    error: BaseException | None, after: float, caplog: pytest.LogCaptureFixture
) -> None:
    followed: list[tuple[float, bool]] = []

    async def work() -> None:
        if error is not None:
            raise error

    async def main() -> None:
        tasks = Tasks()
        # By then the name is free, so what follows may start the next task of it.
        tasks.start("a", Pool.ASK, work, then=lambda: followed.append((clock(), "a" in tasks)))
        await asyncio.sleep(FAILED_PAUSE + 1)

    run(main())
    assert followed == [(after, False)]
    assert ("broken" in caplog.text) is isinstance(error, ValueError)


def test_a_full_pool_lets_its_work_wait_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.SIZES, Pool.FILM, 1)
    log: list[str] = []

    async def main() -> None:
        tasks = Tasks()
        tasks.start("film 1", Pool.FILM, working(5, log, "film 1"), then=lambda: None)
        tasks.start("film 2", Pool.FILM, working(5, log, "film 2"), then=lambda: None)
        tasks.start("question", Pool.ASK, working(5, log, "question"), then=lambda: None)
        await asyncio.sleep(20)

    run(main())
    assert log == ["film 1 done at 5", "question done at 5", "film 2 done at 10"]


@pytest.mark.parametrize(
    ("grace", "expected"),
    [
        pytest.param(60, ["ask stopped at 1", "buy done at 10"], id="a purchase ends within the grace, a question not"),
        pytest.param(4, ["ask stopped at 1", "buy stopped at 5"], id="the grace has an end"),
        pytest.param(0, ["ask stopped at 1", "buy stopped at 1"], id="without grace all stop at once"),
    ],
)
def test_at_shutdown_only_purchases_are_waited_for(grace: float, expected: list[str]) -> None:
    log: list[str] = []

    async def main() -> None:
        tasks = Tasks()
        tasks.start("buy", Pool.PURCHASE, working(10, log, "buy"), then=lambda: None)
        tasks.start("ask", Pool.ASK, working(10, log, "ask"), then=lambda: None)
        await asyncio.sleep(1)
        await tasks.finish(grace)
        assert len(tasks) == 0

    run(main())
    assert log == expected


def test_a_shutdown_with_nothing_bought_takes_no_time() -> None:
    async def main() -> float:
        tasks = Tasks()
        tasks.start("ask", Pool.ASK, working(10, [], "ask"), then=lambda: None)
        await tasks.finish(120)
        return clock()

    assert run(main()) == 0.0
