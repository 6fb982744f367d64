"""2,000 generations that take for ever: what waiting costs, and whether a restart asks about all of them at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.arena import Arena, playing
from benchmarks.measure import Measured, Meter
from benchmarks.results import save, show, show_processes, show_writes
from benchmarks.stories import a_bench_story, bought_once, engage
from support.stage import Casting, Stage, a_tag

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

WAITING, SCENES = 2_000, 100
WINDOW = 30.0  # seconds that are looked at
SLOW: dict[str, Any] = {"initialSeconds": 300, "maxSeconds": 300}
USUAL: dict[str, Any] = {"initialSeconds": 10, "factor": 1.5, "maxSeconds": 60}
CASTING = Casting(("--media", "small", "--image-seconds", "86400"))
_LOOK_INTERVAL = 0.5  # seconds
_QUIET_SECONDS = 5.0


@dataclass(frozen=True)
class Window:
    """What happened while everything waited."""

    what: str
    measured: Measured
    asked: int
    """Questions about jobs that the provider was asked."""
    ready_seconds: float | None = None
    """How long the restarted operator needed to be ready."""

    def row(self) -> tuple[object, ...]:
        """Return it as a line of the table."""
        used, wall = self.measured.used["operator"], self.measured.wall_seconds
        minute = 60 / wall
        ready = "" if self.ready_seconds is None else f"{self.ready_seconds:.1f}"
        writes = self.measured.writes_total * minute
        return (self.what, ready, 100 * used.cpu_seconds / wall, used.peak_mib, writes, self.asked * minute)

    def as_json(self) -> dict[str, Any]:
        return {
            "window": self.what,
            "readySeconds": self.ready_seconds and round(self.ready_seconds, 2),
            "asked": self.asked,
            **self.measured.as_json(),
        }


def test_waiting(arena: Arena, scale: float, aloud: Callable[[], AbstractContextManager[None]]) -> None:
    stories = max(1, round(WAITING * scale / SCENES))
    with playing(arena, CASTING, "waiting") as stage:
        engage(stage.api, stage.namespaces[0], stage.simulator_url, polling=SLOW)
        start = Meter(stage.api, (*stage.processes, *arena.processes))
        _submit_all(stage, stories)
        started = start.read()
        windows = [_idle(stage, arena, "polled every 300 s")]
        windows.append(_restarted(stage, arena, "first 30 s after a kill, polled every 300 s"))
        stage.api.merge("mediaproviders", stage.namespaces[0], "pictures", {"spec": {"polling": USUAL}})
        windows.append(_restarted(stage, arena, "first 30 s after a kill, polled every 60 s"))
        windows.append(_idle(stage, arena, "polled every 60 s"))
        assert bought_once(stage.ledger()) == stories * SCENES
    waiting = stories * SCENES
    save("waiting", {"waiting": waiting, "start": started.as_json(), "windows": [each.as_json() for each in windows]})
    with aloud():
        columns = ("", "ready s", "operator CPU %", "peak MiB", "API writes/min", "questions/min")
        show(f"{waiting} generations wait", columns, [window.row() for window in windows])
        show_processes(f"Starting {waiting} generations", started)
        show_writes("API writes to start them", started, waiting)
        show_processes(windows[0].what, windows[0].measured)


def _submit_all(stage: Stage, stories: int) -> None:
    """Apply the stories and wait until every generation runs at the provider and everybody has come to rest."""
    namespace, tag = stage.namespaces[0], a_tag()
    for number in range(stories):
        story = a_bench_story(f"story-{number:03}", tag, SCENES, narrated=False)
        stage.api.apply("storyjobs", namespace, story)
    end = time.monotonic() + 900
    while _stats(stage)["submissions"] < stories * SCENES:
        assert time.monotonic() < end, f"only {_stats(stage)['submissions']} of {stories * SCENES} were submitted"
        time.sleep(_LOOK_INTERVAL)
    _until_quiet(stage)


def _until_quiet(stage: Stage) -> None:
    """Wait until the operator writes nothing more."""
    before = None
    while (writes := stage.api.writes()["scenes", "status", "PATCH"]) != before:
        before = writes
        time.sleep(_QUIET_SECONDS)


def _idle(stage: Stage, arena: Arena, what: str) -> Window:
    meter, asked = Meter(stage.api, (*stage.processes, *arena.processes)), _stats(stage)["polls"]
    time.sleep(WINDOW)
    return Window(what, meter.read(), _stats(stage)["polls"] - asked)


def _restarted(stage: Stage, arena: Arena, what: str) -> Window:
    stage.kill_operator()
    asked, began = _stats(stage)["polls"], time.monotonic()
    stage.start_operator()
    ready = time.monotonic() - began
    # The window begins with the process: whatever it does first belongs to the herd, if there is one.
    meter = Meter(stage.api, (*stage.processes, *arena.processes))
    time.sleep(WINDOW)
    return Window(what, meter.read(), _stats(stage)["polls"] - asked, ready)


def _stats(stage: Stage) -> dict[str, Any]:
    stats: dict[str, Any] = stage.http.get("/_sim/stats").json()
    return stats
