"""The keyed queue: each key is worked on by one worker at a time, never twice at once, and never forgotten."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple

from storyjob.ambient import monotonic
from storyjob.cluster.cache import Key
from storyjob.cluster.errors import ClusterError

_log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds between tries of a reconcile that raises
STALE_PAUSE = 0.2  # seconds until the first new look at an object of which we had an old view
LONGEST_REST = 5.0  # seconds; a reconcile that raises is not called again sooner, whatever happens meanwhile
SUPERSEDED_KEPT = 64  # heap entries


class Kind(StrEnum):
    """What a reconcile is about."""

    STORY = "storyjob"
    SCENE = "scene"
    PROVIDER = "mediaprovider"


class Item(NamedTuple):
    """One object to be reconciled."""

    kind: Kind
    key: Key


class Stale(Exception):
    """A reconcile met an old view of its object: nothing is wrong, and it is to be looked at again soon."""


Reconcile = Callable[[Item], Awaitable[None]]


class Queue:
    """Items to reconcile now or later. Adding one that already waits only makes it sooner."""

    def __init__(self, reconcile: Reconcile, *, workers: int = 16, monotonic: Callable[[], float] = monotonic) -> None:
        self._reconcile = reconcile
        self._workers = workers
        self._now = monotonic
        self._due: dict[Item, float] = {}
        self._not_before: dict[Item, float] = {}
        self._heap: list[tuple[float, int, Item]] = []
        self._order = itertools.count()
        self._running: set[Item] = set()
        self._again: set[Item] = set()
        self._failures: dict[Item, int] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, item: Item, after: float = 0.0) -> None:
        """Reconcile the item ``after`` seconds, or sooner if it already is to be."""
        due = max(self._now() + after, self._not_before.get(item, 0.0))
        known = self._due.get(item)
        if known is not None and known <= due:
            return
        self._push(item, due)
        self._changed.set()

    def _push(self, item: Item, due: float) -> None:
        self._due[item] = due
        heapq.heappush(self._heap, (due, next(self._order), item))
        if len(self._heap) > SUPERSEDED_KEPT + 2 * len(self._due):
            # Times that an earlier one replaced would stay until they come, which may be days.
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    def rest(self, item: Item, seconds: float) -> None:
        """Let the item not be reconciled again before some seconds are over, whatever happens."""
        self._not_before[item] = self._now() + seconds

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            slots = asyncio.Semaphore(self._workers)
            while True:
                await slots.acquire()
                item = await self._next()
                group.create_task(self._work(item, slots))

    async def _next(self) -> Item:
        while True:
            self._changed.clear()
            while self._heap and self._heap[0][0] <= self._now():
                due, _, item = heapq.heappop(self._heap)
                if self._due.get(item) != due:
                    continue  # an earlier time took its place, or it was taken already
                del self._due[item]
                if item in self._running:
                    self._again.add(item)
                elif self._not_before.get(item, 0.0) > self._now():
                    self._push(item, self._not_before[item])  # it was added before it was let rest
                else:
                    self._running.add(item)
                    self._not_before.pop(item, None)
                    return item
            wait = self._heap[0][0] - self._now() if self._heap else None
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _work(self, item: Item, slots: asyncio.Semaphore) -> None:
        try:
            await self._reconcile(item)
            self._failures.pop(item, None)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Not we were cancelled, but something that the reconcile waited for.
            self._put_off(item, error)
        except Exception as error:  # noqa: BLE001 (one object's trouble must not stop the others; it is tried again)
            self._put_off(item, error)
        finally:
            self._running.discard(item)
            if item in self._again:
                self._again.discard(item)
                self.add(item)
            slots.release()

    def _put_off(self, item: Item, error: BaseException) -> None:
        """Try again after a pause that grows; what happens meanwhile may make it shorter, but never by much."""
        failures = self._failures[item] = self._failures.get(item, 0) + 1
        stale = isinstance(error, Stale)
        pause = min((STALE_PAUSE if stale else FIRST_PAUSE) * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        _log.log(
            logging.DEBUG if stale else logging.WARNING,
            "reconcile %s %s failed, again in %.1f s: %s",
            item.kind,
            "/".join(item.key),
            pause,
            error or type(error).__name__,
            exc_info=None if stale or isinstance(error, ClusterError) else error,
            extra={"action": "reconcile"},
        )
        if not (stale and failures == 1):
            # A reconcile whose own doing wakes it would spin otherwise. An old view is renewed by the watch, which
            # wakes it at once: each new story is met once while kopf adds its finalizer.
            self.rest(item, min(pause, LONGEST_REST))
        self.add(item, pause)
