"""A Scene's phase and conditions, which follow from its steps and nothing else."""

from __future__ import annotations

import pytest

from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind
from storyjob.api.step import StepPhase as P
from storyjob.planning.children import scene_spec
from storyjob.planning.scenestatus import rolled_up
from support.builders import NOW, a_scene, a_step, a_story, an_output, story_scene

WORKING = {"Ready": "False", "Reconciling": "True"}
FAILED = {"Ready": "False", "Stalled": "True", "Failed": "True"}
DONE = {"Ready": "True"}


@pytest.mark.parametrize(
    ("image", "audio", "phase", "conditions"),
    [
        pytest.param(None, None, "Pending", WORKING, id="nothing has happened"),
        pytest.param(a_step(P.SUBMITTING), None, "Processing", WORKING, id="something is under way"),
        pytest.param(a_step(P.SUCCEEDED), None, "Processing", WORKING, id="a part is done"),
        pytest.param(a_step(P.WAITING, attempt=1), None, "Processing", WORKING, id="something is tried again"),
        pytest.param(a_step(P.SUCCEEDED), a_step(P.SUCCEEDED), "Completed", DONE, id="everything is done"),
        pytest.param(a_step(P.FAILED), a_step(P.SUCCEEDED), "Failed", FAILED, id="something failed"),
        pytest.param(a_step(P.FAILED), a_step(P.RUNNING), "Processing", WORKING, id="not while something runs"),
        pytest.param(
            a_step(P.OUTCOME_UNKNOWN),
            a_step(P.SUCCEEDED),
            "Processing",
            WORKING | {"OutcomeUnknown": "True"},
            id="an outcome that nobody knows",
        ),
    ],
)
def test_the_roll_up(
    image: StepStatus | None, audio: StepStatus | None, phase: str, conditions: dict[str, str]
) -> None:
    given = {StepKind.IMAGE: image, StepKind.AUDIO: audio}
    scene = a_scene(steps={kind: step for kind, step in given.items() if step is not None}, generation=4)
    found = rolled_up(scene, scene.status, NOW)
    assert (found.phase, found.observed_generation) == (phase, 4)
    assert {condition.type: condition.status for condition in found.conditions} == conditions
    assert found.steps == scene.status.steps


def test_steps_that_are_not_asked_for_any_more_do_not_count() -> None:
    steps = {StepKind.IMAGE: a_step(P.SUCCEEDED), StepKind.VIDEO: a_step(P.FAILED)}
    scene = a_scene(scene_spec("fox", a_story().spec, 0), steps)
    assert rolled_up(scene, scene.status, NOW).phase == "Completed"


@pytest.mark.parametrize(
    ("uri", "phase"),
    [
        pytest.param(None, "Pending", id="not found yet"),
        pytest.param("s3://own/old.png", "Pending", id="found before an edit named another"),
        pytest.param("s3://own/new.png", "Completed", id="found"),
    ],
)
def test_a_scene_of_the_users_own_file(uri: str | None, phase: str) -> None:
    story = a_story(story_scene("forest", image=False, source={"uri": "s3://own/new.png"}))
    scene = a_scene(scene_spec("fox", story.spec, 0), source=an_output(uri=uri) if uri else None)
    assert rolled_up(scene, scene.status, NOW).phase == phase


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        pytest.param("ContentRefused", "ContentRefused", id="the step's own reason"),
        pytest.param("WordOfANewerVersion", "GenerationFailed", id="an unknown word does not keep a write back"),
        pytest.param(None, "GenerationFailed", id="no reason"),
    ],
)
def test_why_a_scene_failed(reason: str | None, expected: str) -> None:
    steps = {StepKind.IMAGE: a_step(P.FAILED, reason=reason, message="no"), StepKind.AUDIO: a_step(P.SUCCEEDED)}
    scene = a_scene(steps=steps)
    found = rolled_up(scene, scene.status, NOW).conditions
    assert {(condition.reason, condition.message) for condition in found} == {(expected, "image: no")}


def test_rolling_up_twice_changes_nothing() -> None:
    scene = a_scene(steps={StepKind.IMAGE: a_step(P.RUNNING)})
    once = rolled_up(scene, scene.status, NOW)
    assert rolled_up(scene.model_copy(update={"status": once}), once, NOW) == once
