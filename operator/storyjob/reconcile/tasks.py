"""Work that takes long: one task per name, in bounded pools, whose end is always followed by something."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from enum import StrEnum
from typing import Any

_log = logging.getLogger(__name__)


class Pool(StrEnum):
    """What a task uses up, so that one kind of work cannot starve another."""

    PURCHASE = "purchase"
    """Provider calls that spend money; bounded by the providers' own limits, so only against runaways here."""
    ASK = "ask"
    """Questions to providers, downloads of what they made included."""
    LOOK_UP = "look-up"
    FILM = "film"


FAILED_PAUSE = 2.0  # seconds until what follows a task that raised
SIZES = {Pool.PURCHASE: 1024, Pool.ASK: 32, Pool.LOOK_UP: 16, Pool.FILM: 32}


class Tasks:
    """The tasks under way, by name."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        self._pools: dict[Pool, asyncio.Semaphore] = {}
        self._paid: set[Hashable] = set()

    def __contains__(self, name: Hashable) -> bool:
        return name in self._tasks

    def __len__(self) -> int:
        return len(self._tasks)

    def names(self) -> frozenset[Hashable]:
        """Return the names of all tasks under way."""
        return frozenset(self._tasks)

    def start(
        self,
        name: Hashable,
        pool: Pool,
        work: Callable[[], Coroutine[Any, Any, None]],
        then: Callable[[], None],
    ) -> bool:
        """Start the work unless a task of this name is under way; ``then`` is called when it ended, however it did."""
        if name in self._tasks:
            return False
        slots = self._pools.setdefault(pool, asyncio.Semaphore(SIZES[pool]))
        if pool is Pool.PURCHASE:
            self._paid.add(name)
        task = asyncio.create_task(_run(slots, work), name=str(name))
        self._tasks[name] = task
        task.add_done_callback(lambda ended: self._ended(name, ended, then))
        return True

    def _ended(self, name: Hashable, task: asyncio.Task[None], then: Callable[[], None]) -> None:
        self._tasks.pop(name, None)
        self._paid.discard(name)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task %s failed: %s", name, error, exc_info=error, extra={"action": "task"})
            # What failed at once would fail at once again: never spin.
            asyncio.get_running_loop().call_later(FAILED_PAUSE, then)
        else:
            then()

    async def finish(self, grace: float) -> None:
        """Let purchases under way end within ``grace`` seconds; everything else is stopped at once."""
        for name, task in list(self._tasks.items()):
            if name not in self._paid:
                task.cancel()
        paid = [self._tasks[name] for name in self._paid]
        if paid:
            _log.info("waiting up to %.0f s for %d purchases under way", grace, len(paid))
            await asyncio.wait(paid, timeout=grace)
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _run(slots: asyncio.Semaphore, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with slots:
        await work()
