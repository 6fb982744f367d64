"""What a watch shows of the API server: later, sometimes twice, and sometimes not at all until the next list."""

from __future__ import annotations

from collections.abc import Callable

from simulation.apiserver import ApiServer, Json
from simulation.virtual import Process, VirtualLoop
from simulation.weather import Channel, Weather
from storyjob.cluster.resources import Resource

Saw = Callable[[Json, bool], None]
"""Takes in an object, and whether it is gone."""


class Watch:
    """One process's watch of one kind. A cut loses events; what follows is a list, which tells of no deletion."""

    def __init__(
        self, loop: VirtualLoop, api: ApiServer, weather: Weather, process: Process, resource: Resource, saw: Saw
    ) -> None:
        self._loop = loop
        self._api = api
        self._weather = weather
        self._process = process
        self._resource = resource
        self._saw = saw
        self._blind = False
        self._last = 0.0

    def begin(self) -> None:
        """List, and hear of everything from now on."""
        self._list()
        self._api.hears.append(self._hear)

    def _list(self) -> None:
        self._blind = False
        for item in self._api.all(self._resource):
            self._deliver(item, gone=False, after=0.0)

    def _hear(self, resource: Resource, event: str, item: Json) -> None:
        if resource is not self._resource or self._blind or not self._process.alive:
            return
        if self._weather.bad(Channel.WATCH, part=0.3):
            self._blind = True
            self._loop.outside(self._weather.delay(2.0, 20.0), self._list)
            return
        lag = self._weather.delay(0.01, 5.0) if self._weather.bad(Channel.WATCH) else 0.01
        self._deliver(item, gone=event == "DELETED", after=lag)
        if self._weather.bad(Channel.WATCH):
            self._deliver(item, gone=event == "DELETED", after=lag + self._weather.delay(0.5, 10.0), again=True)

    def _deliver(self, item: Json, *, gone: bool, after: float, again: bool = False) -> None:
        """Show it, never before what happened earlier; ``again``: what was shown once may come when it is old news."""
        when = max(self._last, self._loop.time() + after)
        if not again:
            self._last = when
        if self._process.alive:
            self._loop.call_at(when, self._saw, item, gone, context=self._process.context.copy())
