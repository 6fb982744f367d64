"""What a story and its scenes look like at one moment, reduced to what a spectator wants to know. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from storyjob.api.conditions import ConditionType
from storyjob.api.scene import Scene
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import StoryJob

_DONE_SHARE = {
    StepPhase.WAITING: 0.0,
    StepPhase.SUBMITTING: 0.1,
    StepPhase.RUNNING: 0.4,
    StepPhase.STORING: 0.8,
    StepPhase.SUCCEEDED: 1.0,
    StepPhase.FAILED: 0.0,
    StepPhase.OUTCOME_UNKNOWN: 0.4,
}
"""How far along a step is, for the length of a bar only."""


@dataclass(frozen=True, slots=True)
class SceneSnapshot:
    """One scene and the phases of the steps that it asks for."""

    name: str
    steps: Mapping[StepKind, StepPhase]

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        if not self.steps:
            return 1.0
        return sum(_DONE_SHARE[phase] for phase in self.steps.values()) / len(self.steps)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A story at one moment."""

    title: str
    phase: str
    progress: int
    spent: str
    message: str
    scenes: tuple[SceneSnapshot, ...]


def take_snapshot(story: StoryJob, scenes: Iterable[Scene]) -> Snapshot:
    """Return the story with its scenes in the order of the film; a scene without an object yet waits."""
    made = {scene.spec.name: scene for scene in scenes if scene.spec.story_ref.name == story.metadata.name}
    return Snapshot(
        title=story.spec.title or story.metadata.name,
        phase=story.status.phase or "Pending",
        progress=story.status.progress,
        spent=story.status.cost.spent,
        message=story.status.message or "",
        scenes=tuple(SceneSnapshot(wish.name, _steps(wish, made.get(wish.name))) for wish in story.spec.scenes),
    )


def has_ended(story: StoryJob) -> bool:
    """Return whether the newest generation of the story is finished, for better or worse."""
    current = story.status.observed_generation == story.metadata.generation
    return current and story.status.phase in {"Completed", "Failed"}


def is_stalled(story: StoryJob) -> bool:
    """Return whether the story says that it cannot go on before a person mends something."""
    return any(each.type == ConditionType.STALLED and each.status == "True" for each in story.status.conditions)


def _steps(wish: object, scene: Scene | None) -> dict[StepKind, StepPhase]:
    wanted = [kind for kind in StepKind if getattr(wish, kind.value) is not None]
    return {kind: scene.step(kind).phase if scene else StepPhase.WAITING for kind in wanted}
