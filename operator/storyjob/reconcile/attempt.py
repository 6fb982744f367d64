"""One try at one step, as everything that acts on it names it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind
from storyjob.cluster.cache import Key, key_of
from storyjob.planning.view import StepId
from storyjob.subject import about


@dataclass(frozen=True, slots=True)
class AttemptRef:
    """Names an attempt: the Scene object, the step, and the hash of the attempt's token."""

    scene: Key
    uid: str
    kind: StepKind
    token_hash: str

    @property
    def step(self) -> StepId:
        return StepId(self.uid, self.kind)

    @classmethod
    def of(cls, scene: Scene, kind: StepKind) -> AttemptRef:
        """Return the newest attempt of a step."""
        return cls(key_of(scene), scene.metadata.uid, kind, scene.step(kind).token_hash or "")


def about_step(scene: Scene, kind: StepKind, *, attempt: int | None = None) -> AbstractContextManager[None]:
    """Name a step in the log lines of what is begun within; its newest attempt unless another is given."""
    meta = scene.metadata
    return about(
        kind="Scene",
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        story=scene.spec.story_ref.name,
        step=kind.value,
        attempt=scene.step(kind).attempt if attempt is None else attempt,
    )


def with_step(scene: Scene, kind: StepKind, step: StepStatus) -> Scene:
    """Return the scene with one step replaced."""
    steps = scene.status.steps.model_copy(update={kind.value: step})
    return scene.model_copy(update={"status": scene.status.model_copy(update={"steps": steps})})
