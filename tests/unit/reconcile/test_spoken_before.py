"""Which narrations a new one is said to go on from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from storyjob.ambient import now
from storyjob.api.scene import Scene
from storyjob.api.step import StepKind, StepPhase
from storyjob.planning.children import scene_spec
from storyjob.reconcile.requests import HINT_LIVES, spoken_before
from storyjob.reconcile.world import World
from support.builders import VOICE, a_scene, a_step, a_story, story_scene

DEEP = {"text": "A deep voice.", "voice": "bear"}
SCENES = [story_scene(name, audio=DEEP if name == "c" else True) for name in "abcdef"]
STORY = a_story(*SCENES)
SPOKEN: dict[str, Any] = {"provider": VOICE, "model": "multilingual"}


def spoken(name: str, **fields: Any) -> Scene:
    step = a_step(StepPhase.SUCCEEDED, **({"job_id": f"r-{name}", "finished_at": now()} | SPOKEN | fields))
    return a_scene(scene_spec("fox", STORY.spec, "abcdef".index(name)), {StepKind.AUDIO: step})


def before(name: str, *scenes: Scene) -> tuple[str, ...]:
    world = SimpleNamespace(story_of=lambda scene: STORY, scenes_of=lambda story: list(scenes))
    scene = spoken(name)
    wish = scene.spec.audio
    assert wish is not None
    return spoken_before(cast(World, world), scene, wish)


def test_the_last_three_of_the_same_voice_in_story_order() -> None:
    others = [spoken(name) for name in "edcbaf"]
    assert before("f", *others) == ("r-b", "r-d", "r-e")
    assert before("b", *others) == ("r-a",)
    assert before("a", *others) == ()


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"provider": "another"}, id="another account"),
        pytest.param({"model": "flash"}, id="another model"),
        pytest.param({"job_id": None}, id="no id is known, as for what was reused"),
        pytest.param({"phase": StepPhase.RUNNING}, id="not done"),
        pytest.param({"finished_at": now() - HINT_LIVES}, id="too long ago for the vendor"),
    ],
)
def test_what_is_no_help_is_left_out(fields: dict[str, Any]) -> None:
    phase = fields.pop("phase", StepPhase.SUCCEEDED)
    scene = spoken("a", **fields)
    step = scene.step(StepKind.AUDIO).model_copy(update={"phase": phase})
    assert before("b", a_scene(scene.spec, {StepKind.AUDIO: step})) == ()
