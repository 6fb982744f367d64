"""Whoever begins to act knows from the Scenes what was begun in the last minute."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.cache import Key
from storyjob.planning.children import scene_spec
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.operator import Operator
from storyjob.reconcile.world import Caches, World
from support.builders import FLUX, VOICE, a_scene, a_step, a_story, at, story_scene


def test_a_restart_is_no_way_around_requests_per_minute() -> None:
    story = a_story(story_scene("a"), story_scene("b", audio=True), story_scene("c"))
    began = {"a": {StepKind.IMAGE: (FLUX, 50)}, "b": {StepKind.IMAGE: (FLUX, 30), StepKind.AUDIO: (VOICE, 40)}}
    began["c"] = {StepKind.IMAGE: (FLUX, -1)}
    world = SimpleNamespace(caches=Caches(), desk=Desk(at(0)), enqueue=lambda *_: None)
    for index, steps in enumerate(began.values()):
        made = {
            kind: a_step(StepPhase.RUNNING, provider=name, intent_at=at(seconds))
            for kind, (name, seconds) in steps.items()
        }
        world.caches.scenes.put(a_scene(scene_spec("fox", story.spec, index), made))
    Operator(cast(World, world)).take_over(at(59))
    assert world.desk.started == {Key("stories", FLUX): [at(30), at(50)], Key("stories", VOICE): [at(40)]}
