"""One story of 20 scenes: how much longer it takes than its providers do."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import pytest

from benchmarks.arena import Arena, playing
from benchmarks.audience import moment, until_ended
from benchmarks.measure import Meter
from benchmarks.results import least_and_median, save, show, show_processes, show_writes
from benchmarks.stories import SMALL_FILM, a_bench_story, bought_once, engage
from support.stage import Casting, Stage, a_tag

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

SCENES, REPEATS = 20, 3
SPEED, IMAGE_SECONDS, SPEECH_SECONDS = 10, 15.0, 3.0
PACE = ("--speed", str(SPEED), "--image-seconds", str(IMAGE_SECONDS), "--speech-seconds", str(SPEECH_SECONDS))
CASTING = Casting(("--media", "small", *PACE))
CRITICAL = max(IMAGE_SECONDS, SCENES * SPEECH_SECONDS) / SPEED
"""Pictures all at once beside narrations one after another: what no operator can be faster than."""


@dataclass(frozen=True)
class Timing:
    """Seconds from the request that applies the story; of the hand-overs, the mean over all narrations."""

    first_submit: float
    pictures_stored: float
    all_stored: float
    complete: float
    storing: float
    """From the end of a narration until the status says that it is stored; the next one does not wait for it."""
    deciding: float
    """From the end of a narration to the decision to buy the next one."""
    submitting: float
    """From there until the provider has the request."""

    def as_json(self) -> dict[str, float]:
        """Return it as it stands in the results."""
        return {
            **{name: round(value, 4) for name, value in asdict(self).items()},
            "overhead_stored": round(self.all_stored - CRITICAL, 3),
            "overhead_complete": round(self.complete - CRITICAL, 3),
        }


def test_one_story(arena: Arena, aloud: Callable[[], AbstractContextManager[None]]) -> None:
    with playing(arena, CASTING, "one-story") as stage:
        engage(stage.api, stage.namespaces[0], stage.simulator_url)
        bare = _bare_client(stage)
        meter = Meter(stage.api, (*stage.processes, *arena.processes))
        small = [_film(stage, f"small-{turn}", SMALL_FILM) for turn in range(REPEATS)]
        measured = meter.read()
        large = _film(stage, "large", {"resolution": "1280x720", "fps": 30})
    numbers: dict[str, Any] = {
        "scenes": SCENES,
        "criticalPathSeconds": CRITICAL,
        "bareClientSeconds": round(bare, 3),
        "film 320x180@10": [timing.as_json() for timing in small],
        "film 1280x720@30": large.as_json(),
        "measured": measured.as_json(),
    }
    save("one-story", numbers)
    with aloud():
        _show(small, large, bare)
        show_processes(f"{REPEATS} stories of {SCENES} scenes, one after another", measured)
        show_writes("API writes without deletion", measured, REPEATS * SCENES)


def _film(stage: Stage, name: str, film: dict[str, Any]) -> Timing:
    namespace, tag = stage.namespaces[0], a_tag()
    story = a_bench_story(name, tag, SCENES, film=film)
    applied_at = time.time()
    stage.api.apply("storyjobs", namespace, story)
    until_ended(stage.api, namespace, [name], seconds=300)
    complete_at = time.time()
    bought = stage.ledger(tag)
    assert bought_once(bought) == 2 * SCENES
    narrations = [entry for entry in bought if entry["kind"] == "audio"]
    spoken = [scene["audio"]["text"] for scene in story["spec"]["scenes"]]
    assert [entry["text"] for entry in narrations] == spoken, "narrations were not bought in the order of the scenes"
    steps = _steps(stage, namespace, name)
    stored = {kind: max(moment(step["finishedAt"]) for step in each) for kind, each in steps.items()}
    return Timing(
        first_submit=min(moment(entry["at"]) for entry in bought) - applied_at,
        pictures_stored=stored["image"] - applied_at,
        all_stored=max(stored.values()) - applied_at,
        complete=complete_at - applied_at,
        **_hand_overs(narrations, steps["audio"]),
    )


def _steps(stage: Stage, namespace: str, story: str) -> dict[str, list[dict[str, Any]]]:
    """Return the steps of a story by kind, in the order of its scenes."""
    scenes = [each for each in stage.api.list("scenes", namespace) if each["spec"]["storyRef"]["name"] == story]
    scenes.sort(key=lambda scene: int(scene["spec"]["index"]))
    return {kind: [scene["status"]["steps"][kind] for scene in scenes] for kind in ("image", "audio")}


def _hand_overs(bought: list[dict[str, Any]], steps: list[dict[str, Any]]) -> dict[str, float]:
    """Return how long it takes on average from the end of one narration to the submission of the next."""
    begun = [moment(entry["at"]) for entry in bought]
    spoken = [begin + SPEECH_SECONDS / SPEED for begin in begun]
    stored = [moment(step["finishedAt"]) for step in steps]
    decided = [moment(step["intentAt"]) for step in steps]
    return {
        "storing": fmean(later - end for end, later in zip(spoken, stored, strict=True)),
        "deciding": fmean(later - end for end, later in zip(spoken, decided[1:], strict=False)),
        "submitting": fmean(begin - earlier for earlier, begin in zip(decided, begun, strict=True)),
    }


def _bare_client(stage: Stage) -> float:
    """Return how long the narrations take a client that does nothing but ask for one after another."""
    began = time.monotonic()
    for place in range(SCENES):
        answer = stage.http.post(
            "/elevenlabs/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb",
            headers={"xi-api-key": "sk_simulator"},
            json={"text": f"bare {place}", "model_id": "eleven_multilingual_v2"},
        )
        assert answer.status_code == 200, answer.text
    return time.monotonic() - began


def _show(small: list[Timing], large: Timing, bare: float) -> None:
    lines: list[tuple[str, Callable[[Timing], float]]] = [
        ("first submission", lambda t: t.first_submit),
        ("pictures stored", lambda t: t.pictures_stored),
        ("all media stored", lambda t: t.all_stored),
        ("  of it over the critical path", lambda t: t.all_stored - CRITICAL),
        ("film complete", lambda t: t.complete),
        ("  of it over the critical path", lambda t: t.complete - CRITICAL),
        ("a narration's end → it is stored", lambda t: t.storing),
        ("a narration's end → the next is decided on", lambda t: t.deciding),
        ("  → and with its provider", lambda t: t.submitting),
    ]
    rows = [(what, *least_and_median([read(timing) for timing in small]), read(large)) for what, read in lines]
    title = f"1 story, {SCENES} scenes: critical path {CRITICAL:.1f} s, a bare client's narrations {bare:.2f} s"
    show(title, ("seconds from apply", "least", "median", "at 1280x720"), rows)
