"""The vendors as the adapters see them: Replicate, ElevenLabs and Veo over HTTP, without a network."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulation.market import End, Job, Line, Market

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as a vendor reads it. ``line`` is there when it asks for something that costs money."""

    method: str
    path: str
    headers: dict[str, str]
    body: Body
    line: Line | None


@dataclass(frozen=True, slots=True)
class Said:
    """A vendor's answer. ``takes``: seconds that the vendor works before it answers."""

    status: int
    body: Body
    headers: dict[str, str] = field(default_factory=dict)
    takes: float = 0.0


Serve = Callable[[Market, Asked], Said]

NOT_FOUND = Said(404, {"detail": "not found", "title": "Not found", "error": {"message": "not found"}})
SHOWN_AFTER = 2.0  # seconds until a new prediction can be asked about everywhere


def is_paid(host: str, method: str, path: str) -> bool:
    """Return whether such a request asks a vendor to make something."""
    if method != "POST":
        return False
    if host == "api.replicate.com":
        return path.endswith("/predictions")
    return path.startswith("/v1/text-to-speech/") or path.endswith(":predictLongRunning")


def replicate(market: Market, asked: Asked) -> Said:
    """https://replicate.com/docs/reference/http: predictions, with webhooks and a deadline."""
    moment = market.loop.time()
    if asked.line is not None:
        job = market.take(asked.line, "image", seconds=(1.0, 40.0), can_hang=True)
        deadline = float(asked.headers["cancel-after"].removesuffix("s"))
        market.loop.outside(deadline, lambda: job.stop(market.loop.time()))
        return Said(201, _prediction(job, moment))
    if asked.path == "/v1/webhooks/default/secret":
        return Said(200, {"key": "whsec_c2lnbmluZw=="})
    parts = asked.path.split("/")
    found = market.jobs.get(parts[3]) if len(parts) > 3 else None
    if found is None or moment < found.begins_at - SHOWN_AFTER:
        return NOT_FOUND
    if asked.path.endswith("/cancel"):
        found.stop(moment)
    return Said(200, _prediction(found, moment))


def _prediction(job: Job, moment: float) -> Body:
    if not job.ended(moment):
        return {"id": job.job_id, "status": "processing" if moment >= job.begins_at else "starting"}
    body: Body = {"id": job.job_id, "status": job.end.value}
    if job.end is End.SUCCEEDED:
        body["output"] = [f"https://replicate.delivery/{job.job_id}/out-0.png"]
    elif job.end is End.FAILED:
        body["error"] = "CUDA out of memory"
    return body


def elevenlabs(market: Market, asked: Asked) -> Said:
    """https://elevenlabs.io/docs/api-reference/text-to-speech/convert-with-timestamps: one synchronous call."""
    if asked.line is None:
        return NOT_FOUND
    job = market.take(asked.line, "audio", seconds=(0.5, 12.0))
    takes = job.ends_at - market.loop.time()
    # What is paid for is the answer: a call that was taken is charged, and its audio exists nowhere else.
    job.end = End.SUCCEEDED
    audio = base64.b64encode(job.data).decode()
    return Said(200, {"audio_base64": audio}, {"request-id": job.job_id}, takes)


def veo(market: Market, asked: Asked) -> Said:
    """https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/veo-video-generation: polled only."""
    model = asked.path.split("/models/")[-1].split(":")[0]
    if asked.line is not None:
        job = market.take(asked.line, "video", seconds=(10.0, 60.0), can_hang=True)
        if job.ends_at == float("inf"):
            job.ends_at = market.loop.time() + 400.0  # nobody can stop it, but it ends
        job.name = f"publishers/google/models/{model}/operations/{job.job_id}"
        return Said(200, {"name": job.name})
    name = str(asked.body.get("operationName", ""))
    found = market.jobs.get(name.rpartition("/")[2])
    if found is None:
        return NOT_FOUND
    if not found.ended(market.loop.time()):
        return Said(200, {"name": name})
    if found.end is End.FAILED:
        return Said(200, {"name": name, "done": True, "error": {"code": 13, "message": "internal"}})
    clip = {"bytesBase64Encoded": base64.b64encode(found.data).decode(), "mimeType": "video/mp4"}
    return Said(200, {"name": name, "done": True, "response": {"videos": [clip]}})


VENDORS: dict[str, tuple[str, Serve]] = {
    "api.replicate.com": ("replicate", replicate),
    "api.elevenlabs.io": ("elevenlabs", elevenlabs),
    "us-central1-aiplatform.googleapis.com": ("veo", veo),
}


def read_body(raw: bytes) -> Body:
    """Return a request's JSON."""
    body = json.loads(raw) if raw else {}
    return body if isinstance(body, dict) else {}
