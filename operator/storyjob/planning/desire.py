"""Says of one step whether it is as the story wants it, is being worked on, or is still to be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from storyjob.api.resource import RETRY_ANNOTATION
from storyjob.api.scene import Scene, SceneSpec, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import StoryJob
from storyjob.api.wishes import VideoRequest
from storyjob.planning.fallback import may_ask_another
from storyjob.planning.hashing import InputHashes, sha256


class Standing(StrEnum):
    """How a step stands to the wish of now."""

    DONE = "done"
    UNDER_WAY = "under way"
    FAILED = "failed"
    WANTED = "wanted"
    UNDECIDED = "undecided"
    """It starts from a picture that is not there yet, so what it asks for is not known."""


@dataclass(frozen=True, slots=True)
class Desire:
    """One step of one scene, measured against the wish of now."""

    kind: StepKind
    step: StepStatus
    standing: Standing
    input_hash: str | None
    allowance: str | None

    @property
    def lost(self) -> bool:
        """Whether nobody knows how its attempt ended, which may stay so for days."""
        return self.step.phase is StepPhase.OUTCOME_UNKNOWN


def desire(
    story: StoryJob,
    spec: SceneSpec,
    scene: Scene,
    kind: StepKind,
    makers: Sequence[str],
    still: Desire | None = None,
    *,
    hashes: InputHashes,
) -> Desire:
    """Measure one step against the wish of now.

    ``makers`` holds what stands for the provider in the hash, or all that may where the provider is gone: what one of
    them made stays made. ``still`` is how the scene's picture stands.
    """
    step = scene.step(kind)
    candidates = [_input_hash(hashes, spec, kind, made_by, still) for made_by in makers]
    wanted = step.input_hash if step.input_hash in candidates else candidates[0]
    allowance = _allowance(story, scene, wanted) if wanted else None
    other = may_ask_another(spec.wish(kind), step)
    return Desire(kind, step, _standing(step, wanted, allowance, other=other), wanted, allowance)


def _input_hash(hashes: InputHashes, spec: SceneSpec, kind: StepKind, made_by: str, still: Desire | None) -> str | None:
    wish = spec.wish(kind)
    if not (isinstance(wish, VideoRequest) and wish.from_ == "image"):
        return hashes.of(spec, kind, made_by, None)
    # A picture that an edit made stale must not be moved: the clip would be bought a second time for the new one.
    if still is None or still.standing is not Standing.DONE or still.step.output is None:
        return None
    return hashes.of(spec, kind, made_by, still.step.output.sha256)


def _allowance(story: StoryJob, scene: Scene, wanted: str) -> str:
    """Return a name for "this wish, and this many requests to retry": failures count within it only."""
    asked = [item.metadata.annotations.get(RETRY_ANNOTATION, "") for item in (story, scene)]
    return sha256("\n".join([wanted, *asked]).encode())[:16]


def _standing(step: StepStatus, wanted: str | None, allowance: str | None, *, other: bool) -> Standing:
    if step.live:
        return Standing.UNDER_WAY
    if wanted is None:
        return Standing.UNDECIDED
    if step.phase is StepPhase.SUCCEEDED and step.input_hash == wanted:
        return Standing.DONE
    if step.phase is StepPhase.FAILED and step.allowance == allowance:
        return Standing.WANTED if other else Standing.FAILED
    return Standing.WANTED
