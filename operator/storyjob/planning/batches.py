"""When each portion of a very long story may begin: a pause after the one before it has begun whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter

from storyjob.api.scene import StepStatus
from storyjob.planning.desire import Standing
from storyjob.planning.plan import SceneView
from storyjob.planning.view import StoryView

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def batch_openings(view: StoryView, scenes: Mapping[str, SceneView]) -> dict[str, datetime | None]:
    """Return when each scene's batch may begin, by scene name; None while a batch before it has not begun whole.

    Empty where the story has no batches or buys nothing.
    """
    batch = view.story.spec.batch
    if batch is None or not view.may_buy:
        return {}
    depends = {scene.name: scene.depends_on for scene in view.story.spec.scenes}
    order = list(TopologicalSorter(depends).static_order())
    numbers = _numbers(view, batch.size, depends, order)
    stuck = _stuck(view, scenes, depends, order)
    members: list[list[SceneView]] = [[] for _ in range(max(numbers.values()) + 1)]
    for name, number in numbers.items():
        if name not in stuck:
            members[number].append(scenes[name])
    opens = _openings(members, timedelta(seconds=batch.interval_seconds))
    return {name: opens[number] for name, number in numbers.items()}


def _numbers(view: StoryView, size: int, depends: Mapping[str, Sequence[str]], order: Sequence[str]) -> dict[str, int]:
    """Return each scene's batch. A scene that depends on one of a later batch belongs to that batch, else each
    would wait for the other."""
    found = {spec.name: spec.index // size for spec in view.specs}
    for name in order:
        found[name] = max([found[name], *(found[other] for other in depends[name])])
    return found


def _stuck(
    view: StoryView, scenes: Mapping[str, SceneView], depends: Mapping[str, Sequence[str]], order: Sequence[str]
) -> set[str]:
    """Return the scenes that only a person can set going again; no batch waits for them."""
    lenient = view.story.spec.on_scene_failure != "Fail"
    halted = {
        name for name, scene in scenes.items() if scene.lost or (scene.failed and not (lenient and scene.given_up))
    }
    stuck: set[str] = set()
    for name in order:
        if any(other in halted or other in stuck for other in depends[name]):
            stuck.add(name)
    return stuck


def _openings(members: Sequence[Sequence[SceneView]], pause: timedelta) -> list[datetime | None]:
    opens: list[datetime | None] = [LONG_AGO]
    for group in members:
        before, begun = opens[-1], [_last_begun(scene) for scene in group]
        known = [moment for moment in begun if moment is not None]
        if before is None or len(known) < len(begun):
            opens.append(None)
        else:
            opens.append(max([moment + pause for moment in known], default=before))
    return opens


def _last_begun(scene_view: SceneView) -> datetime | None:
    """Return when the last step of a scene began, None while one has not."""
    created = scene_view.scene.metadata.creation_timestamp if scene_view.scene else None
    if created is None or scene_view.problems:
        return created
    moments = [_begun(wish.step) for wish in scene_view.desires.values() if wish.standing is not Standing.UNDECIDED]
    known = [moment for moment in moments if moment is not None]
    return max(known, default=created) if len(known) == len(moments) else None


def _begun(step: StepStatus) -> datetime | None:
    return step.finished_at if step.reused else step.intent_at
