"""What lies between a process and everything else: requests that are lost, done twice as late, or never answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from simulation.virtual import PROCESS, Process, VirtualLoop
from simulation.weather import Channel, Fate, Weather
from storyjob.api.errors import StoryJobError

T = TypeVar("T")

LATE_SECONDS = 150.0  # longer than anybody waits for an answer


@dataclass(frozen=True, slots=True)
class Route:
    """How one kind of request travels. Times in seconds."""

    channel: Channel
    usual: float
    slow: float
    patience: float
    """How long the one who asked waits for an answer; infinite where the caller counts by itself."""
    refused: Callable[[], Exception]
    broken: Callable[[], Exception]
    silent: Callable[[], Exception]


@dataclass(slots=True)
class Fuse:
    """Lets a process die at one of its requests: ``before`` it goes out, ``after`` it was done, or ``answered``."""

    request: int
    where: str
    seen: int = 0

    def burns(self, number: int, where: str) -> bool:
        """Return whether the process dies here."""
        return (number, where) == (self.request, self.where)


class Network:
    """Carries requests to the models. What is under way happens in no process: nobody's death stops it."""

    def __init__(self, loop: VirtualLoop, weather: Weather) -> None:
        self._loop = loop
        self._weather = weather
        self.fuses: dict[Process, Fuse] = {}
        self.under_way = 0

    async def ask(
        self,
        route: Route,
        effect: Callable[[], T],
        *,
        fate: Fate | None = None,
        takes: Callable[[T], float] = lambda result: 0.0,
    ) -> T:
        """Send one request and return the answer, on which the other side works for ``takes(answer)`` seconds."""
        process = PROCESS.get()
        number = self._number(process)
        self._burn(process, number, "before")
        if not process.alive:
            await self._loop.create_future()
        fate = self._weather.fate(route.channel) if fate is None else fate
        answer: asyncio.Future[T] = self._loop.create_future()
        there = self._weather.delay(route.usual, route.slow)
        if fate is Fate.LATE:
            there += min(route.patience, LATE_SECONDS)
        if fate is Fate.REFUSED:
            self._loop.outside(there, self._give, process, number, answer, None, route.refused())
        elif fate is not Fate.LOST:
            self.under_way += 1
            self._loop.outside(there, self._arrive, process, number, answer, route, fate, effect, takes)
        if fate in (Fate.LOST, Fate.MUTE, Fate.LATE) and route.patience < float("inf"):
            self._loop.outside(route.patience, self._give, process, number, answer, None, route.silent())
        return await answer

    def _number(self, process: Process) -> int:
        fuse = self.fuses.get(process)
        if fuse is None:
            return 0
        fuse.seen += 1
        return fuse.seen

    def _burn(self, process: Process, number: int, where: str) -> None:
        fuse = self.fuses.get(process)
        if fuse is not None and fuse.burns(number, where):
            process.die()

    def _arrive(
        self,
        process: Process,
        number: int,
        answer: asyncio.Future[T],
        route: Route,
        fate: Fate,
        effect: Callable[[], T],
        takes: Callable[[T], float],
    ) -> None:
        self.under_way -= 1
        result: T | None = None
        failure: Exception | None = None
        try:
            result = effect()
        except StoryJobError as error:
            failure = error  # it is the answer; anything else is a mistake of the model
        self._burn(process, number, "after")
        if fate is Fate.BROKEN:
            result, failure = None, route.broken()
        if fate not in (Fate.MUTE, Fate.LATE):
            work = takes(result) if failure is None and result is not None else 0.0
            back = work + self._weather.delay(route.usual, route.slow)
            self._loop.outside(back, self._give, process, number, answer, result, failure)

    def _give(
        self,
        process: Process,
        number: int,
        answer: asyncio.Future[T],
        result: T | None,
        failure: Exception | None,
    ) -> None:
        self._burn(process, number, "answered")
        if answer.done() or not process.alive:
            return
        if failure is not None:
            answer.set_exception(failure)
        else:
            answer.set_result(result)  # type: ignore[arg-type]
