"""Why a file of the user's own cannot be read is known from the status until this process has looked itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from storyjob.api.conditions import Condition
from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene
from storyjob.api.storyjob import StoryJob, StoryJobStatus
from storyjob.planning.children import scene_spec
from storyjob.reconcile.desk import Desk, SourceError
from storyjob.reconcile.source import source_errors
from storyjob.reconcile.world import World
from support.builders import NOW, a_scene, a_story, an_output, story_scene

URI = "s3://media/own.mp4"


def a_told_story(message: str = "spec.scenes[own].source: it is gone", **fields: Any) -> StoryJob:
    known: dict[str, Any] = {"type": "Stalled", "status": "True", "reason": Reason.SOURCE, "observed_generation": 1}
    condition = Condition(message=message, last_transition_time=NOW, **(known | fields))
    own = story_scene("own", image=False, source={"uri": URI})
    return a_story(own, status=StoryJobStatus(conditions=[condition]))


def errors(story: StoryJob, scene: Scene | None = None, looked: SourceError | None = None) -> dict[str, str]:
    desk = Desk(NOW)
    if looked is not None:
        desk.sources["uid-own"] = looked
    scene = scene or a_scene(scene_spec("fox", story.spec, 0))
    return source_errors(cast(World, SimpleNamespace(desk=desk)), story, [scene])


def test_a_restart_takes_no_failure_back() -> None:
    assert errors(a_told_story()) == {"uid-own": "it is gone"}


def test_its_own_look_goes_before_what_was_told() -> None:
    assert errors(a_told_story(), looked=SourceError(URI, "403", NOW, None)) == {"uid-own": "403"}


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(a_told_story(observed_generation=0), id="said of an earlier wish"),
        pytest.param(a_told_story(reason=Reason.STORAGE), id="another reason"),
        pytest.param(a_told_story("spec.scenes[owner].source: it is gone"), id="another scene"),
    ],
)
def test_what_does_not_say_it_of_this_file_says_nothing(story: StoryJob) -> None:
    assert errors(story) == {}


def test_a_file_that_was_found_has_no_error() -> None:
    story = a_told_story()
    found = a_scene(scene_spec("fox", story.spec, 0), source=an_output(uri=URI))

    assert errors(story, found) == {}
