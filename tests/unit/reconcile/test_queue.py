"""The keyed queue: every key is looked at, never twice at once, never forgotten, and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Coroutine

import pytest

from storyjob.cluster.cache import Key
from storyjob.cluster.errors import Unavailable
from storyjob.reconcile.queue import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_REST,
    STALE_PAUSE,
    SUPERSEDED_KEPT,
    Item,
    Kind,
    Queue,
    Stale,
)
from support.virtual_time import clock, run

FOX = Item(Kind.STORY, Key("stories", "fox"))
OWL = Item(Kind.STORY, Key("stories", "owl"))
Seen = list[tuple[float, Item]]
Script = Callable[[Queue, Seen], Awaitable[None]]


def play(script: Script, *, takes: float = 0.0, workers: int = 4, fails: Container[int] = ()) -> Seen:
    """Run a script beside a queue whose reconciles take so long, and return when each began.

    ``fails`` names the reconciles that raise, by their number from 0.
    """
    seen: Seen = []

    async def reconcile(item: Item) -> None:
        number = len(seen)
        seen.append((round(clock(), 3), item))
        await asyncio.sleep(takes)
        if number in fails:
            raise Unavailable("the API server is away")

    async def main() -> None:
        queue = Queue(reconcile, workers=workers, monotonic=clock)
        work = asyncio.create_task(queue.run())
        await script(queue, seen)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    run(main())
    return seen


def test_an_item_that_already_waits_is_reconciled_once() -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        for _ in range(5):
            queue.add(FOX)
        await asyncio.sleep(10)

    assert play(script) == [(0.0, FOX)]


@pytest.mark.parametrize(
    ("delays", "begins"),
    [
        pytest.param([5.0], [5.0], id="a delay is kept"),
        pytest.param([5.0, 2.0], [2.0], id="an earlier time takes the place of a later one"),
        pytest.param([2.0, 5.0], [2.0], id="a later time does not put off an earlier one"),
        pytest.param([0.0, 5.0], [0.0], id="what is due now is not put off"),
    ],
)
def test_adding_only_makes_it_sooner(delays: list[float], begins: list[float]) -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        for delay in delays:
            queue.add(FOX, delay)
        await asyncio.sleep(60)

    assert [when for when, _ in play(script)] == begins


def test_different_items_are_worked_on_side_by_side() -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        queue.add(FOX)
        queue.add(OWL)
        await asyncio.sleep(10)

    assert play(script, takes=5.0) == [(0.0, FOX), (0.0, OWL)]


def test_an_item_is_never_worked_on_twice_at_once_and_what_comes_meanwhile_is_not_lost() -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        queue.add(FOX)
        await asyncio.sleep(1)
        queue.add(FOX)
        await asyncio.sleep(1)
        queue.add(FOX)
        await asyncio.sleep(30)

    assert play(script, takes=5.0) == [(0.0, FOX), (5.0, FOX)]


def test_a_later_time_given_during_the_work_is_kept() -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        queue.add(FOX)
        await asyncio.sleep(1)
        queue.add(FOX, 9)
        await asyncio.sleep(30)

    assert play(script, takes=5.0) == [(0.0, FOX), (10.0, FOX)]


def test_no_more_than_its_workers_are_busy() -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        for number in range(4):
            queue.add(Item(Kind.SCENE, Key("stories", str(number))))
        await asyncio.sleep(30)

    assert [when for when, _ in play(script, takes=5.0, workers=2)] == [0.0, 0.0, 5.0, 5.0]


def test_a_failure_is_tried_again_after_growing_pauses_until_it_works() -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        queue.add(FOX)
        await asyncio.sleep(60)

    begins = [when for when, _ in play(script, fails=range(3))]
    assert begins == [0.0, FIRST_PAUSE, 3 * FIRST_PAUSE, 7 * FIRST_PAUSE]


def test_pauses_between_failures_have_an_end() -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        queue.add(FOX)
        await asyncio.sleep(3600)

    begins = [when for when, _ in play(script, fails=range(1000))]
    assert begins[-1] - begins[-2] == LONGEST_PAUSE


def test_a_success_forgets_the_failures_before_it() -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        queue.add(FOX)
        await asyncio.sleep(100)
        queue.add(FOX)
        await asyncio.sleep(100)

    # Two failures and a success, then one failure: its pause is the first one again.
    assert [when for when, _ in play(script, fails=(0, 1, 3))][-2:] == [100.0, 100.0 + FIRST_PAUSE]


ERRORS = [
    pytest.param(lambda: Unavailable("the API server is away"), id="the API server is away"),
    pytest.param(lambda: Stale("404 not found"), id="our view is always old"),
    pytest.param(lambda: RecursionError("too deep"), id="a document too deep"),
    pytest.param(lambda: MemoryError(), id="no memory"),
    pytest.param(lambda: asyncio.CancelledError(), id="something that it waited for was cancelled"),
    pytest.param(lambda: TimeoutError(), id="too slow"),
    pytest.param(lambda: BaseExceptionGroup("several", [ValueError(), KeyError()]), id="several errors"),
]
SPAN = 900.0  # seconds
_RISING = 12  # tries while the pauses grow


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("busy", [False, True], ids=["nothing else happens", "its own doing wakes it"])
def test_no_error_makes_it_spin_and_none_makes_it_forget(error: Callable[[], BaseException], busy: bool) -> None:
    begins: list[float] = []

    async def main() -> None:
        async def reconcile(item: Item) -> None:
            begins.append(clock())
            if busy:
                queue.add(item)
            raise error()

        queue = Queue(reconcile, monotonic=clock)
        work = asyncio.create_task(queue.run())
        queue.add(FOX)
        for _ in range(int(SPAN) * 2):
            await asyncio.sleep(0.5)
            if busy:
                queue.add(FOX)
        assert not work.done()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    run(main())
    floor = LONGEST_REST if busy else LONGEST_PAUSE
    assert len(begins) <= SPAN / floor + _RISING
    assert SPAN - begins[-1] <= floor


def test_one_that_always_fails_holds_up_nobody() -> None:
    begins: list[float] = []

    async def main() -> None:
        async def reconcile(item: Item) -> None:
            if item == FOX:
                queue.add(item)
                raise ValueError("a defect")
            begins.append(clock())

        queue = Queue(reconcile, workers=1, monotonic=clock)
        work = asyncio.create_task(queue.run())
        queue.add(FOX)
        for _ in range(100):
            queue.add(OWL)
            await asyncio.sleep(1)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    run(main())
    assert begins == [float(second) for second in range(100)]


@pytest.mark.parametrize("added_first", [True, False], ids=["added before the rest", "added after the rest"])
def test_an_item_at_rest_is_not_reconciled_whatever_happens(added_first: bool) -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        if added_first:
            queue.add(FOX, 1)
        queue.rest(FOX, 5)
        if not added_first:
            queue.add(FOX, 1)
        await asyncio.sleep(30)

    assert play(script) == [(5.0, FOX)]


def test_what_came_during_the_work_waits_for_the_rest_too() -> None:
    seen: Seen = []

    async def main() -> None:
        async def reconcile(item: Item) -> None:
            seen.append((clock(), item))
            await asyncio.sleep(1)
            queue.rest(item, 5)

        queue = Queue(reconcile, workers=1, monotonic=clock)
        work = asyncio.create_task(queue.run())
        queue.add(FOX)
        await asyncio.sleep(0.5)
        queue.add(FOX)
        await asyncio.sleep(9)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    run(main())
    assert [when for when, _ in seen] == [0.0, 6.0]


def test_times_that_were_replaced_do_not_pile_up() -> None:
    """A story with a time to live of a week is looked at every half minute, and each time says when it will expire."""

    async def script(queue: Queue, seen: Seen) -> None:
        for _ in range(1000):
            queue.add(FOX)
            await asyncio.sleep(1)
            queue.add(FOX, 604_800)
        assert len(queue) == 1
        assert len(queue._heap) <= SUPERSEDED_KEPT + 4

    assert len(play(script)) == 1000


def test_it_knows_how_many_wait() -> None:
    async def script(queue: Queue, seen: Seen) -> None:
        queue.add(FOX, 5)
        queue.add(OWL, 5)
        assert len(queue) == 2
        await asyncio.sleep(6)
        assert len(queue) == 0

    assert len(play(script)) == 2


def test_stopping_it_stops_the_work_under_way() -> None:
    ended: list[str] = []

    async def main() -> None:
        async def reconcile(item: Item) -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.append(item.key.name)

        queue = Queue(reconcile, monotonic=clock)
        work = asyncio.create_task(queue.run())
        queue.add(FOX)
        await asyncio.sleep(1)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    stop: Coroutine[None, None, None] = main()
    run(stop)
    assert ended == ["fox"]


def test_an_old_view_is_looked_at_again_as_soon_as_the_watch_brings_a_newer_one() -> None:
    begins: list[float] = []

    async def main() -> None:
        async def reconcile(item: Item) -> None:
            begins.append(clock())
            if len(begins) < 3:
                raise Stale("kopf wrote its finalizer first")

        queue = Queue(reconcile, monotonic=clock)
        work = asyncio.create_task(queue.run())
        queue.add(FOX)
        await asyncio.sleep(0.01)
        queue.add(FOX)  # the watch
        await asyncio.sleep(0.01)
        queue.add(FOX)  # and once more, but its own doing might wake it
        await asyncio.sleep(10)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    run(main())
    assert begins[:2] == [0.0, 0.01]
    assert begins[2] >= 0.01 + STALE_PAUSE
