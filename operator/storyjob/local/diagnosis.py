"""Says why a story did not become a film: conditions, failed steps, events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from storyjob.api.scene import Scene
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import StoryJob

_TROUBLE = frozenset({StepPhase.FAILED, StepPhase.OUTCOME_UNKNOWN})
_LAST_EVENTS = 10


def diagnose(story: StoryJob, scenes: Iterable[Scene], events: Iterable[Mapping[str, Any]]) -> str:
    """Return everything the cluster knows of what went wrong, for a person."""
    status = story.status
    lines = [
        f"{story.metadata.name} is {status.phase or 'Pending'} at {status.progress}%. {status.message or ''}".strip()
    ]
    lines += [f"  {each.type}={each.status} ({each.reason}) {each.message}" for each in status.conditions]
    for scene in scenes:
        lines += _scene_lines(scene)
    warnings = [event for event in events if event.get("type") == "Warning"]
    lines += [
        f"  event {event.get('reason')} on {event.get('involvedObject', {}).get('name')}: {event.get('message')}"
        for event in warnings[-_LAST_EVENTS:]
    ]
    return "\n".join(line.rstrip() for line in lines)


def _scene_lines(scene: Scene) -> list[str]:
    lines = []
    for kind in StepKind:
        step = scene.step(kind)
        if scene.spec.wish(kind) is None or step.phase is StepPhase.SUCCEEDED:
            continue
        if step.phase in _TROUBLE or step.reason:
            lines.append(f"  {scene.spec.name}: {kind.value} {step.phase} ({step.reason}) {step.message or ''}")
    return lines
