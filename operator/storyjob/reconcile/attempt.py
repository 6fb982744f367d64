"""One try at one step, as everything that acts on it names it."""

from __future__ import annotations

from dataclasses import dataclass

from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind
from storyjob.cluster.cache import Key, key_of
from storyjob.planning.view import StepId


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


def with_step(scene: Scene, kind: StepKind, step: StepStatus) -> Scene:
    """Return the scene with one step replaced."""
    steps = scene.status.steps.model_copy(update={kind.value: step})
    return scene.model_copy(update={"status": scene.status.model_copy(update={"steps": steps})})
