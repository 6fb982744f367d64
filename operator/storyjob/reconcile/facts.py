"""What a story knows of its media besides the bytes: for the manifest, and for the captions."""

from __future__ import annotations

from storyjob.api.step import StepKind
from storyjob.api.storyjob import StoryJob
from storyjob.media.manifest import Facts
from storyjob.planning.plan import StoryPlan


def facts_of(story: StoryJob, plan: StoryPlan) -> Facts:
    """Return what the manifest tells besides the media: models, inputs, hashes, costs and times."""
    scenes = {}
    for view in plan.views:
        scenes[view.spec.name] = {
            kind.value: {
                "prompt": getattr(view.spec.wish(kind), "prompt", None) or getattr(view.spec.wish(kind), "text", None),
                "provider": wish.step.provider,
                "model": wish.step.model,
                "inputHash": wish.step.input_hash,
                "jobId": wish.step.job_id,
                "attempts": wish.step.attempt,
                "reused": wish.step.reused,
                "cost": wish.step.cost,
                "finishedAt": wish.step.finished_at.isoformat() if wish.step.finished_at else None,
            }
            for kind, wish in view.desires.items()
        }
    meta = story.metadata
    return Facts(
        story={"namespace": meta.namespace, "name": meta.name, "uid": meta.uid, "generation": meta.generation},
        scenes=scenes,
    )


def heard(plan: StoryPlan) -> dict[str, str]:
    """Return the input hashes under which narrations were bought, by scene."""
    narrations = {view.spec.name: view.desires.get(StepKind.AUDIO) for view in plan.views}
    return {
        name: wish.step.input_hash for name, wish in narrations.items() if wish is not None and wish.step.input_hash
    }
