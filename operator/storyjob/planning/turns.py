"""Whose turn it is within one story: dependencies, batches, parallelism and the order of narrations."""

from __future__ import annotations

from collections.abc import Mapping

from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene
from storyjob.api.step import StepKind, StepPhase
from storyjob.planning.batches import batch_openings
from storyjob.planning.desire import Desire
from storyjob.planning.plan import SceneView, StoryPlan
from storyjob.planning.view import StepId, StoryView


class Turns:
    """The room that a story's own rules leave, counted down while its steps are planned in order."""

    def __init__(self, view: StoryView, scenes: Mapping[str, SceneView]) -> None:
        self._view = view
        self._scenes = scenes
        self._depends = {scene.name: scene.depends_on for scene in view.story.spec.scenes}
        limits = view.story.spec.parallelism
        self._active = {kind: self._active_steps(kind) for kind in StepKind}
        self._room = {kind: getattr(limits, kind.value) - len(self._active[kind]) for kind in StepKind}
        self._batch_opens = batch_openings(view, scenes)

    def why_wait(self, scene_view: SceneView, wish: Desire, plan: StoryPlan) -> Reason | None:
        """Return why this step may not begin now, or None when it may."""
        if not self._view.may_buy:
            return self._view.halted_by
        if not self._dependencies_met(scene_view.spec.name):
            return Reason.DEPENDENCY
        if self._batch_waits(scene_view.spec.name, plan):
            return Reason.BATCH
        if self._room[wish.kind] <= 0:
            return Reason.TURN
        return Reason.BACKOFF if self._in_backoff(wish, plan) else None

    def take(self, kind: StepKind, *, only: StepKind | None = None) -> None:
        """Count a step that begins; with ``only``, where it is of that kind."""
        if only is None or kind is only:
            self._room[kind] -= 1

    def turn_after(self, wish: Desire, plan: StoryPlan) -> frozenset[StepId]:
        """Return those of whom any makes room for this step by its end; none where it is not the next in line."""
        if self._room[wish.kind] != 0 or self._in_backoff(wish, plan):
            return frozenset()
        self.take(wish.kind)
        return self._active[wish.kind]

    def _active_steps(self, kind: StepKind) -> frozenset[StepId]:
        scenes = (view.scene for view in self._scenes.values() if view.scene is not None and kind in view.desires)
        return frozenset(StepId(scene.metadata.uid, kind) for scene in scenes if self._is_active(scene, kind))

    def _is_active(self, scene: Scene, kind: StepKind) -> bool:
        step = StepId(scene.metadata.uid, kind)
        if step in self._view.generated:
            return False  # the next one need not wait for this one's way into the bucket
        if step in self._view.busy:
            return True
        # An outcome that nobody knows may stay so for days; it must not hold up the rest of the story.
        return scene.step(kind).phase in (StepPhase.SUBMITTING, StepPhase.RUNNING, StepPhase.STORING)

    def _dependencies_met(self, name: str) -> bool:
        lenient = self._view.story.spec.on_scene_failure != "Fail"
        return all(
            self._scenes[other].complete or (lenient and self._scenes[other].given_up) for other in self._depends[name]
        )

    def _in_backoff(self, wish: Desire, plan: StoryPlan) -> bool:
        retry_at = wish.step.retry_at
        if retry_at is None or wish.step.allowance != wish.allowance or retry_at <= self._view.now:
            return False
        plan.wake(retry_at)
        # A narration that waits to be tried again keeps its place: those after it do not overtake.
        self.take(wish.kind, only=StepKind.AUDIO)
        return True

    def _batch_waits(self, name: str, plan: StoryPlan) -> bool:
        if name not in self._batch_opens:
            return False
        opens = self._batch_opens[name]
        if opens is not None and opens > self._view.now:
            plan.wake(opens)
        return opens is None or opens > self._view.now
