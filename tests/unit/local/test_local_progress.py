"""What a spectator of the demo sees."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from storyjob.api.scene import Scene
from storyjob.api.storyjob import StoryJob
from storyjob.local.diagnosis import diagnose
from storyjob.local.progress import LineProgress, changes, draw, money
from storyjob.local.snapshot import Snapshot, has_ended, take_snapshot

METADATA = {
    "namespace": "default",
    "uid": "u",
    "resourceVersion": "1",
    "generation": 2,
    "creationTimestamp": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
}


def a_story(**status: Any) -> StoryJob:
    scenes = [
        {"name": "hill", "image": {"prompt": "a fox"}, "audio": {"text": "A fox."}},
        {"name": "lake", "image": {"prompt": "a lake"}},
    ]
    spec = {"title": "The fox", "scenes": scenes}
    return StoryJob.model_validate({"metadata": {"name": "fox", **METADATA}, "spec": spec, "status": status})


def a_scene(name: str, story: str = "fox", **steps: Any) -> Scene:
    spec = {
        "storyRef": {"name": story},
        "name": name,
        "index": 0,
        "image": {"prompt": "a fox"},
        "audio": {"text": "A fox."},
    }
    return Scene.model_validate(
        {"metadata": {"name": f"{story}-{name}", **METADATA}, "spec": spec, "status": {"steps": steps}}
    )


def a_snapshot(story: StoryJob | None = None, *scenes: Scene) -> Snapshot:
    return take_snapshot(story or a_story(), scenes)


def test_scenes_stand_in_the_order_of_the_film() -> None:
    snapshot = a_snapshot(None, a_scene("lake"), a_scene("hill"))
    assert [scene.name for scene in snapshot.scenes] == ["hill", "lake"]


def test_a_scene_of_another_story_is_not_taken_for_ours() -> None:
    snapshot = a_snapshot(None, a_scene("hill", story="wolf", image={"phase": "Succeeded"}))
    assert snapshot.scenes[0].share == 0


def test_a_scene_is_as_far_as_its_steps() -> None:
    snapshot = a_snapshot(None, a_scene("hill", image={"phase": "Succeeded"}))
    assert snapshot.scenes[0].share == 0.5


def test_lines_are_printed_only_on_change() -> None:
    stream = io.StringIO()
    progress = LineProgress(Console(file=stream, width=80), clock=lambda: 0.0)
    before = a_snapshot(a_story(phase="Processing"))
    after = a_snapshot(
        a_story(phase="Processing", progress=17, cost={"spent": "0.025"}), a_scene("hill", image={"phase": "Succeeded"})
    )
    for snapshot in (before, before, after, after):
        progress.show(snapshot)
    assert stream.getvalue().splitlines() == [
        " 0:00  The fox: Processing, 0%, $0.00",
        " 0:00  hill: image done",
        " 0:00  The fox: Processing, 17%, $0.025",
    ]


def test_nothing_has_changed_between_equal_snapshots() -> None:
    assert changes(a_snapshot(), a_snapshot()) == []


def test_the_picture_names_every_step_that_is_asked_for() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=120)
    console.print(draw(a_snapshot(a_story(phase="Processing", progress=40)), 65.0))
    text = stream.getvalue()
    assert all(word in text for word in ("The fox", "40%", "1:05", "hill", "lake", "image waiting", "audio waiting"))
    assert "video" not in text


@pytest.mark.parametrize(
    ("amount", "expected"), [("0", "$0.00"), ("0.4", "$0.40"), ("1.2345", "$1.2345"), ("12", "$12.00")]
)
def test_money(amount: str, expected: str) -> None:
    assert money(amount) == expected


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        pytest.param({}, False, id="not looked at yet"),
        pytest.param({"observedGeneration": 2, "phase": "Processing"}, False, id="at work"),
        pytest.param({"observedGeneration": 1, "phase": "Completed"}, False, id="an older generation is complete"),
        pytest.param({"observedGeneration": 2, "phase": "Completed"}, True, id="complete"),
        pytest.param({"observedGeneration": 2, "phase": "Failed"}, True, id="failed"),
    ],
)
def test_has_ended(status: dict[str, Any], ended: bool) -> None:
    assert has_ended(a_story(**status)) is ended


def test_a_diagnosis_names_the_failed_step_the_condition_and_the_warning() -> None:
    condition = {
        "type": "Failed",
        "status": "True",
        "reason": "SceneFailed",
        "message": "hill failed",
        "lastTransitionTime": METADATA["creationTimestamp"],
    }
    story = a_story(phase="Failed", progress=20, conditions=[condition])
    failed = {"phase": "Failed", "reason": "ContentRefused", "message": "the filter said no"}
    scene = a_scene("hill", image=failed, audio={"phase": "Succeeded", "reason": "Completed"})
    events: list[dict[str, Any]] = [
        {"type": "Normal", "reason": "Started", "message": "all is well"},
        {"type": "Warning", "reason": "Refused", "message": "no", "involvedObject": {"name": "fox-hill"}},
    ]
    assert diagnose(story, [scene], events).splitlines() == [
        "fox is Failed at 20%.",
        "  Failed=True (SceneFailed) hill failed",
        "  hill: image Failed (ContentRefused) the filter said no",
        "  event Refused on fox-hill: no",
    ]
