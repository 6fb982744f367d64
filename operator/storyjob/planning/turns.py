"""Whose turn it is within one story: dependencies, batches, parallelism and the order of narrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter

from storyjob.api.reasons import Reason
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.planning.desire import Desire, Standing
from storyjob.planning.plan import SceneView, StoryPlan
from storyjob.planning.view import StoryView

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Turns:
    """The room that a story's own rules leave, counted down while its steps are planned in order."""

    def __init__(self, view: StoryView, scenes: Mapping[str, SceneView]) -> None:
        self._view = view
        self._scenes = scenes
        self._depends = {scene.name: scene.depends_on for scene in view.story.spec.scenes}
        limits = view.story.spec.parallelism
        self._room = {kind: getattr(limits, kind.value) - self._active(kind) for kind in StepKind}
        self._batches = _batches(view, self._depends)
        self._batch_opens = _batch_opening(view, scenes, self._batches)

    def why_wait(self, scene_view: SceneView, wish: Desire, plan: StoryPlan) -> Reason | None:
        """Return why this step may not begin now, or None when it may."""
        if not self._view.may_buy:
            return Reason.SUSPENDED
        if not self._dependencies_met(scene_view.spec.name):
            return Reason.DEPENDENCY
        if self._batch_waits(scene_view.spec.name, plan):
            return Reason.BATCH
        if self._room[wish.kind] <= 0:
            return Reason.TURN
        if self._in_backoff(wish, plan):
            # A narration that waits to be tried again keeps its place: those after it do not overtake.
            self.take(wish.kind, only=StepKind.AUDIO)
            return Reason.BACKOFF
        return None

    def take(self, kind: StepKind, *, only: StepKind | None = None) -> None:
        """Count a step that begins; with ``only``, where it is of that kind."""
        if only is None or kind is only:
            self._room[kind] -= 1

    def _active(self, kind: StepKind) -> int:
        return sum(self._is_active(scene, kind) for scene in self._scenes.values())

    def _is_active(self, scene_view: SceneView, kind: StepKind) -> bool:
        scene = scene_view.scene
        if scene is None or kind not in scene_view.desires:
            return False
        if (scene.metadata.uid, kind) in self._view.busy:
            return True
        # An outcome that nobody knows may stay so for days; it must not hold up the rest of the story.
        return scene.step(kind).phase in (StepPhase.SUBMITTING, StepPhase.RUNNING, StepPhase.STORING)

    def _dependencies_met(self, name: str) -> bool:
        lenient = self._view.story.spec.on_scene_failure != "Fail"
        return all(
            self._scenes[other].complete or (lenient and self._scenes[other].failed) for other in self._depends[name]
        )

    def _in_backoff(self, wish: Desire, plan: StoryPlan) -> bool:
        retry_at = wish.step.retry_at
        if retry_at is None or wish.step.allowance != wish.allowance or retry_at <= self._view.now:
            return False
        plan.wake(retry_at)
        return True

    def _batch_waits(self, name: str, plan: StoryPlan) -> bool:
        if not self._batches:
            return False
        opens = self._batch_opens[self._batches[name]]
        if opens is None:
            return True
        if opens > self._view.now:
            plan.wake(opens)
            return True
        return False


def _batches(view: StoryView, depends: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return each scene's batch, by name; nothing where the story has none.

    A scene that depends on one of a later batch belongs to that batch, else each would wait for the other.
    """
    batch = view.story.spec.batch
    if batch is None or not view.may_buy:
        return {}
    found = {spec.name: spec.index // batch.size for spec in view.specs}
    for name in TopologicalSorter(depends).static_order():
        found[name] = max(found[name], *(found[other] for other in depends[name]), 0)
    return found


def _batch_opening(
    view: StoryView, scenes: Mapping[str, SceneView], batches: Mapping[str, int]
) -> list[datetime | None]:
    """Return when each batch may begin; None while one before it has not begun whole."""
    batch = view.story.spec.batch
    if batch is None or not batches:
        return []
    members: list[list[SceneView]] = [[] for _ in range(max(batches.values()) + 1)]
    for name, number in batches.items():
        members[number].append(scenes[name])
    opens: list[datetime | None] = [LONG_AGO]
    for group in members:
        begun = [_last_begun(scene) for scene in group]
        known = [moment for moment in begun if moment is not None]
        before = opens[-1]
        if before is None or len(known) < len(begun):
            opens.append(None)
        else:
            opens.append(max([moment + timedelta(seconds=batch.interval_seconds) for moment in known], default=before))
    return opens


def _last_begun(scene_view: SceneView) -> datetime | None:
    """Return when the last step of a scene began, None while one has not."""
    long_ago = scene_view.scene.metadata.creation_timestamp if scene_view.scene else None
    if scene_view.problems or (long_ago is not None and not scene_view.desires):
        return long_ago
    if long_ago is None:
        return None
    moments = [_begun(wish.step) for wish in scene_view.desires.values() if wish.standing is not Standing.UNDECIDED]
    known = [moment for moment in moments if moment is not None]
    return max(known, default=long_ago) if len(known) == len(moments) else None


def _begun(step: StepStatus) -> datetime | None:
    return step.finished_at if step.reused else step.intent_at
