"""What the placeholders of a declared HTTP service stand for."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from storyjob.providers.base import Attempt, InputFile, Job, Request
from storyjob.providers.http.template import Values

IMAGE = frozenset({"imageUrl", "imageDataUrl", "imageBase64"})
"""Each of them hands over the still."""
SUBMIT = IMAGE | {
    *("prompt", "text", "model", "voice", "seed", "randomSeed", "step", "input", "imageType"),
    *("callbackUrl", "attempt", "deadlineSeconds"),
}
JOB = frozenset({"jobId", "model", "step"})


def submit_values(request: Request, attempt: Attempt) -> Values:
    """Return what may stand in the request that buys."""
    image = request.image
    return {
        **_fixed(
            prompt=request.text,
            text=request.text,
            model=request.model,
            voice=request.voice,
            seed=request.seed,
            # The same for the same attempt, so that nothing depends on when it is asked for.
            randomSeed=int(attempt.token_hash[:8], 16),
            step=request.step.value,
            input=dict(request.input),
            imageUrl=image.url if image else None,
            imageType=image.content_type if image else None,
            callbackUrl=attempt.callback_url,
            attempt=attempt.token_hash,
            deadlineSeconds=attempt.deadline_seconds,
        ),
        "imageBase64": lambda: _base64(image),
        "imageDataUrl": lambda: f"data:{image.content_type};base64,{_base64(image)}" if image else None,
    }


def job_values(job: Job, further: Mapping[str, Any] | None = None) -> Values:
    """Return what may stand in a question about a job; ``further`` values are an answer's own."""
    return _fixed(**(dict(further or {}) | {"jobId": job.job_id, "model": job.model, "step": job.step.value}))


def _fixed(**values: Any) -> dict[str, Any]:
    def returning(value: Any) -> Any:
        return lambda: value

    return {name: returning(value) for name, value in values.items()}


def _base64(image: InputFile | None) -> str | None:
    return base64.b64encode(image.data).decode() if image else None
