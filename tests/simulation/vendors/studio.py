"""A service of the user's own, described by ``spec.http``: an idempotency header, and callbacks signed with HMAC."""

from __future__ import annotations

import hmac
from typing import Any

from simulation.market import PRICE, End, Job, Market
from simulation.wire import NOT_FOUND, Asked, Body, Calling, Said, Vendor, posts_to

SIGNING_KEY = b"signing of the studio"
SPEC: dict[str, Any] = {
    "steps": ["image", "video"],
    "mode": "Async",
    "submit": {
        "path": "/v1/jobs",
        "body": {"prompt": "{{prompt}}", "still": "{{imageUrl|imageDataUrl}}", "callback": "{{callbackUrl}}"},
        "expectStatus": [202],
        "idempotencyHeader": "Idempotency-Key",
    },
    "extract": {
        "jobId": "id",
        "output": {"kind": "Url", "value": "result.url"},
        "error": "error.message",
        "errorCode": "error.code",
        "cost": "usage.usd",
    },
    "poll": {
        "path": "/v1/jobs/{{jobId}}",
        "status": "state",
        "words": {"queued": ["queued"], "running": ["working"], "succeeded": ["done"], "failed": ["failed"]}
        | {"canceled": ["stopped"]},
    },
    "cancel": {"method": "DELETE", "path": "/v1/jobs/{{jobId}}", "endedStatuses": [404, 409]},
    "webhook": {
        "signature": {"scheme": "HmacSHA256", "header": "X-Signature", "prefix": "sha256="},
        "jobId": "id",
        "endedWhen": "state != 'queued' && state != 'working'",
    },
    "errors": [{"kind": "ContentRefused", "codes": ["prompt_rejected"]}],
}
WORDS = {End.SUCCEEDED: "done", End.FAILED: "failed", End.CANCELED: "stopped"}


def _serve(market: Market, asked: Asked) -> Said:
    moment = market.loop.time()
    if asked.line is not None:
        return Said(202, _job(market.take(asked.line, seconds=(1.0, 40.0), can_hang=True), moment))
    found = market.jobs.get(asked.path.rpartition("/")[2])
    if found is None or found.vendor != STUDIO.name:
        return NOT_FOUND
    if asked.method == "DELETE":
        return Said(200 if found.stop(moment) else 409, {})
    return Said(200, _job(found, moment))


def _job(job: Job, moment: float) -> Body:
    body: Body = {"id": job.job_id}
    if not job.ended(moment):
        return body | {"state": "working" if moment >= job.begins_at else "queued"}
    body["state"] = WORDS[job.end]
    if job.end is End.SUCCEEDED:
        return body | {"result": {"url": f"/media/{job.job_id}.png"}, "usage": {"usd": float(PRICE)}}
    code = "prompt_rejected" if job.refused else "broken"
    return body | {"error": {"message": "it did not work", "code": code}}


def _signed(body: bytes, job_id: str) -> dict[str, str]:
    return {"x-signature": "sha256=" + hmac.digest(SIGNING_KEY, body, "sha256").hex()}


STUDIO = Vendor(
    "http",
    posts_to("/v1/jobs"),
    _serve,
    Calling(url=lambda asked: asked.body.get("callback"), body=_job, sign=_signed),
    names_its_jobs=False,
)
