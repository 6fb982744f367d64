"""Virtual time, and processes that can be paused, resumed or dropped between any two steps."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
STEP_SECONDS = 20e-6  # what one step takes; on a clock that stands still, a pause could round to nothing


class Process:
    """Everything that runs in one context. Once it is dead, not one more step of it runs, ``finally`` included."""

    def __init__(self, name: str, loop: VirtualLoop) -> None:
        self._loop = loop
        self.name = name
        self.alive = True
        self.steps = 0
        self.dies_at_step: int | None = None
        self.doomed = False
        """Whether its end is planned."""
        self.on_death: Callable[[], None] = lambda: None
        self.context = contextvars.Context()
        self.context.run(PROCESS.set, self)
        self._paused: list[asyncio.Handle] | None = None

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run ``work`` as part of this process."""
        return self._loop.create_task(work, name=self.name, context=self.context)

    def die(self) -> None:
        """End it at once."""
        if self.alive:
            self.alive = False
            self.on_death()

    def pause(self) -> None:
        """Stop it as SIGSTOP does: its deadlines pass, and it does not notice."""
        if self._paused is None:
            self._paused = []

    def resume(self) -> None:
        """Let it go on where it stopped."""
        waiting, self._paused = self._paused or [], None
        self._loop.run_again(waiting)

    def step(self, handle: asyncio.Handle) -> None:
        """Run one step, unless the process is dead or paused."""
        if not self.alive:
            return
        if self._paused is not None:
            self._paused.append(handle)
            return
        handle._run()
        self.steps += 1
        if self.steps == self.dies_at_step:
            self.die()


PROCESS: contextvars.ContextVar[Process] = contextvars.ContextVar("process")
OUTSIDE = contextvars.Context()
"""Where everything runs that no process does: networks, vendors, the API server."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose clock jumps to what is due next, in an order that hangs on nothing but the program."""

    # Of the standard library's loop, which this one runs by hand.
    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._moment = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self.tasks: list[asyncio.Task[Any]] = []
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Return the seconds since the beginning of this world."""
        return self._moment

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Queue one step, unless it is of a process that is dead."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Queue one step for later. Of what is due at the same moment, what was asked for first comes first."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def outside(self, after: float, callback: Callable[..., Any], *args: Any) -> None:
        """Let something happen later that belongs to no process, and that none can stop."""
        self.call_at(self._moment + after, callback, *args, context=OUTSIDE.copy())

    def run_again(self, handles: list[asyncio.Handle]) -> None:
        """Queue steps that were held back."""
        self._ready.extend(handles)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Do at once what would be done in a thread."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 (it belongs to whoever awaits it)
            future.set_exception(error)
        return future

    def abandon(self) -> None:
        """Close what is left of all tasks, when nothing they do can matter any more."""
        for task in self.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                try:
                    task.get_coro().close()
                except (RuntimeError, BaseExceptionGroup):
                    continue  # it awaits something in a `finally`
        self.tasks.clear()
        self._timers.clear()
        self._ready.clear()

    def _make_task(self, loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, **options)
        self.tasks.append(task)
        return task

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not ready:
            self._jump()
        while timers and timers[0][0] <= self._moment:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            self._moment += STEP_SECONDS
            process = handle._context.get(PROCESS)  # type: ignore[attr-defined]
            if process is None:
                handle._run()
            else:
                process.step(handle)
            if self._stopping:
                return

    def _jump(self) -> None:
        """Let the clock move to what is due next."""
        if not self._timers:
            raise RuntimeError("nothing is left that could ever happen")
        self._moment = max(self._moment, self._timers[0][0])

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer is skipped when it is due."""

    def _process_events(self, event_list: Any) -> None:
        """Do nothing: there are no sockets here."""

    def _write_to_self(self) -> None:
        """Do nothing: there are no other threads here."""
