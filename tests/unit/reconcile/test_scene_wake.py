"""Who is woken when a job was asked about: the story only when something may have changed for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from storyjob.api.scene import Scene, SceneSpec, SceneStatus, Steps, StepStatus, StoryRef
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.wishes import ImageRequest
from storyjob.cluster.cache import Key
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.scene import look_again
from storyjob.reconcile.world import Caches, World
from support.builders import metadata


@dataclass
class Bystander:
    """As much of the world as waking needs, and who was woken."""

    caches: Caches = field(default_factory=Caches)
    woken: list[Kind] = field(default_factory=list)

    def enqueue(self, kind: Kind, key: Key, after: float = 0.0) -> None:
        self.woken.append(kind)


def a_scene(phase: StepPhase, version: str = "10") -> Scene:
    return Scene(
        metadata=metadata("forest", resource_version=version),
        spec=SceneSpec(story_ref=StoryRef(name="fox"), name="forest", index=0, image=ImageRequest(prompt="a fox")),
        status=SceneStatus(steps=Steps(image=StepStatus(phase=phase))),
    )


def woken_after(began_with: Scene, ended_with: Scene) -> list[Kind]:
    world = Bystander()
    world.caches.scenes.put(began_with)
    world.caches.scenes.put(ended_with)
    look_again(cast(World, world), began_with, StepKind.IMAGE)
    return world.woken


def test_a_job_that_still_runs_costs_its_story_nothing() -> None:
    scene = a_scene(StepPhase.RUNNING)
    assert woken_after(scene, scene) == [Kind.SCENE]


def test_a_job_that_ended_wakes_its_story() -> None:
    before, after = a_scene(StepPhase.RUNNING), a_scene(StepPhase.SUCCEEDED, version="11")
    assert woken_after(before, after) == [Kind.SCENE, Kind.STORY]


@pytest.mark.parametrize("phase", [phase for phase in StepPhase if phase is not StepPhase.RUNNING])
def test_a_step_in_any_other_phase_wakes_its_story(phase: StepPhase) -> None:
    scene = a_scene(phase)
    assert woken_after(scene, scene) == [Kind.SCENE, Kind.STORY]
