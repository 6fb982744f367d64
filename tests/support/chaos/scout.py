"""Sees what the operators are doing, so that a blow can be aimed and counted for what it hit."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import httpx

from storyjob.api.errors import LocalWorldError
from support.chaos.battlefield import Battlefield

OPERATORS = ("one", "two")
_GLANCE = 0.02  # seconds between two looks
_PATIENCE = 1.0  # seconds
_WAITS = {"paid call": 4.0, "jobs": 4.0}  # seconds for a leader that is at this, before anything will do
_LEADER_SECONDS = 120.0
_SAMPLE = re.compile(r"^storyjob_(leader|submitting) (\S+)$", re.MULTILINE)
_AT_WORK = ("Running", "Storing")


class State(StrEnum):
    """What an operator is doing; one that answers nobody is starting."""

    STARTING = "operator, starting"
    FOLLOWS = "follower"
    CALLS = "leader, paid call under way"
    WORKS = "leader, jobs under way"
    IDLE = "leader, nothing under way"

    @property
    def leads(self) -> bool:
        return self in (State.CALLS, State.WORKS, State.IDLE)


@dataclass(frozen=True)
class Scout:
    """Looks at the operators' own metrics, and at the Scenes."""

    field: Battlefield

    def state(self, name: str) -> State:
        """Return what one operator is doing at this moment."""
        url, http = self.field.stage.operators[name], self.field.stage.http
        try:
            ready, metrics = (http.get(f"{url}/{path}", timeout=_PATIENCE) for path in ("readyz", "metrics"))
        except httpx.HTTPError:
            return State.STARTING
        told = {key: float(value) for key, value in _SAMPLE.findall(metrics.text)}
        if not told.get("leader"):
            return State.FOLLOWS if ready.status_code == httpx.codes.OK else State.STARTING
        if told.get("submitting"):
            return State.CALLS
        return State.WORKS if any(self._phases()[phase] for phase in _AT_WORK) else State.IDLE

    def leader(self, meanwhile: Callable[[], None]) -> str:
        """Return who leads; on a slow machine blows would else hit none but beginners."""
        end = time.monotonic() + _LEADER_SECONDS
        while True:
            for name in OPERATORS:
                if self.state(name).leads:
                    return name
            if time.monotonic() > end:
                raise LocalWorldError(f"nobody leads; {self.field.one.tail(40)}")
            meanwhile()
            time.sleep(_GLANCE)

    def catch(self, work: str, meanwhile: Callable[[], None]) -> str:
        """Return the leader in the middle of a paid call, or of jobs; after a while, whatever it does."""
        wanted = {"paid call": (State.CALLS,), "jobs": (State.WORKS, State.CALLS)}[work]
        end = time.monotonic() + _WAITS[work]
        while True:
            name = self.leader(meanwhile)
            if self.state(name) in wanted or time.monotonic() > end:
                return name
            time.sleep(_GLANCE)

    def _phases(self) -> Counter[str]:
        """Return how many steps are in which phase; none that is known of where the API server is away."""
        stage = self.field.stage
        try:
            scenes = stage.api.list("scenes", stage.namespaces[0])
        except (httpx.HTTPError, AssertionError):
            return Counter()
        steps = (scene.get("status", {}).get("steps") or {} for scene in scenes)
        return Counter(step.get("phase", "") for each in steps for step in each.values())
