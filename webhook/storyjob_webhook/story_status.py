"""What `GET /status` answers: a StoryJob's status in the words of the earlier service."""

from __future__ import annotations

from typing import Any

from storyjob.api.conditions import ConditionType
from storyjob.api.step import StepKind
from storyjob.api.storyjob import StoryJob

_WORDS = {
    None: "pending",
    "Pending": "pending",
    "Suspended": "pending",
    "Processing": "processing",
    "Finalizing": "processing",
    "Completed": "completed",
    "Failed": "failed",
}


def job_id(namespace: str, name: str) -> str:
    """Return a story's id; a namespace has no dots, so the first one separates."""
    return f"{namespace}.{name}"


def report(item: dict[str, Any]) -> dict[str, Any]:
    """Return the answer for a StoryJob as the API server gave it."""
    story = StoryJob.model_validate(item)
    status = story.status
    return {
        "jobId": job_id(story.metadata.namespace, story.metadata.name),
        "status": word(story),
        "phase": status.phase,
        "progress": status.progress,
        "message": status.message,
        "images": _counts(story, StepKind.IMAGE),
        "narrations": _counts(story, StepKind.AUDIO),
        "videos": _counts(story, StepKind.VIDEO),
        "cost": {
            "currency": status.cost.currency,
            "estimated": status.cost.estimated,
            "spent": status.cost.spent,
        },
        "error": _error(story),
        "result": _result(story),
    }


def word(story: StoryJob) -> str:
    """Return pending, processing, completed or failed; an end counts only for the spec as it is now."""
    if story.status.observed_generation < 0:
        return "pending"
    found = _WORDS[story.status.phase]
    stale = story.status.observed_generation < story.metadata.generation
    return "processing" if stale and found in ("completed", "failed") else found


def _counts(story: StoryJob, kind: StepKind) -> dict[str, int]:
    counted = getattr(story.status.steps, kind.value)
    if counted is not None:
        return {"done": counted.succeeded, "total": counted.total}
    return {"done": 0, "total": sum(getattr(scene, kind.value) is not None for scene in story.spec.scenes)}


def _error(story: StoryJob) -> str | None:
    for condition in story.status.conditions:
        troubled = condition.type in (ConditionType.FAILED, ConditionType.STALLED) and condition.status == "True"
        if troubled and word(story) != "completed":
            return condition.message or condition.reason
    return (story.status.message or "failed") if word(story) == "failed" else None


def _result(story: StoryJob) -> dict[str, str | None]:
    outputs = story.status.outputs
    files = {name: getattr(outputs, name, None) for name in ("film", "manifest", "captions", "poster")}
    return {name: file.uri if file is not None else None for name, file in files.items()}
