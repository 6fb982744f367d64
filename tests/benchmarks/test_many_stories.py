"""50 stories of 20 scenes at once: throughput, what each process uses, and API writes over the whole life."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from benchmarks.arena import Arena, playing
from benchmarks.many import Run, film_many
from benchmarks.results import save, show, show_processes, show_writes
from benchmarks.stories import Bill
from support.stage import Casting

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

STORIES, SCENES = 50, 20
# As the one story's, so that the two can be compared.
CASTING = Casting(
    ("--media", "small", "--image-seconds", "1.5", "--speech-seconds", "0.3", "--speech-concurrency", "1000")
)


def test_many_stories(arena: Arena, scale: float, aloud: Callable[[], AbstractContextManager[None]]) -> None:
    bill = Bill(max(1, round(STORIES * scale)), SCENES)
    with playing(arena, CASTING, "many-stories") as stage:
        run = film_many(stage, arena.processes, bill, seconds=1800)
    assert run.bought == 2 * bill.total
    save(
        "many-stories",
        {
            "stories": bill.stories,
            "scenes": bill.total,
            "storedSeconds": round(run.stored_seconds, 2),
            "scenesPerSecond": round(run.scenes_per_second, 2),
            "writesPerScene": round(run.whole.writes_total / bill.total, 2),
            "sceneWritesPerScene": round(run.scene_writes_per_scene, 2),
            "untilFilms": run.films.as_json(),
            "untilDeleted": run.whole.as_json(),
        },
    )
    with aloud():
        _show(run)


def _show(run: Run) -> None:
    deletion = run.whole.wall_seconds - run.films.wall_seconds
    rows = [
        ("all media stored after, s", run.stored_seconds),
        ("all films complete after, s", run.films.wall_seconds),
        ("scenes a second, films included", run.scenes_per_second),
        ("scenes a second until stored", run.bill.total / run.stored_seconds),
        ("deleted after, s", deletion),
    ]
    show(f"{run.bill.stories} stories, {run.bill.total} scenes at once", ("", "value"), rows)
    show_processes("Until the last film", run.films)
    show_writes("Over the whole life, deletion included", run.whole, run.bill.total)
