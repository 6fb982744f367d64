"""fal's JSON: what a request in the queue answers, its results and errors, its webhooks and their signatures."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storyjob.api.step import StepKind
from storyjob.simulator.clock import iso
from storyjob.simulator.fault import UnknownStatus
from storyjob.simulator.job import Job, JobState

_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
_USER = "simulator|1"
# How a request ends that did not succeed: its error_type and the status of its result.
_ENDS = {
    JobState.FAILED: ("runner_server_error", 500),
    JobState.CANCELED: ("client_cancelled", 499),
    JobState.ABORTED: ("request_timeout", 504),
}
_SENTENCES = {JobState.CANCELED: "Request was cancelled", JobState.ABORTED: "Request timed out"}
_STRANGER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key that nobody shared").digest())


class WebhookKey:
    """The key that the simulated fal signs with, made from the simulator's webhook secret."""

    def __init__(self, secret: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret.encode()).digest())

    def jwks(self) -> dict[str, Any]:
        """Return the public half as ``/.well-known/jwks.json`` shows it."""
        x = base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "simulator-1", "x": x}]}

    def sign(self, request_id: str, at: int, body: bytes, genuine: bool) -> Mapping[str, str]:
        """Return the headers of a webhook (https://docs.fal.ai/model-apis/model-endpoints/webhooks)."""
        message = "\n".join((request_id, _USER, str(at), hashlib.sha256(body).hexdigest())).encode()
        return {
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": _USER,
            "X-Fal-Webhook-Timestamp": str(at),
            "X-Fal-Webhook-Signature": (self._key if genuine else _STRANGER).sign(message).hex(),
        }


def accepted(job: Job, base: str) -> dict[str, Any]:
    """Return the answer to a submit."""
    return {"status": "IN_QUEUE", "queue_position": 0, "gateway_request_id": job.id, **_urls(job, base)}


def status(job: Job, base: str, *, with_logs: bool) -> dict[str, Any]:
    """Return how a request stands."""
    fault = job.faults.get("unknown-status")
    if isinstance(fault, UnknownStatus) and not job.state.final:
        return {"status": fault.word, **_urls(job, base)}
    if job.state is JobState.QUEUED:
        return {"status": "IN_QUEUE", "queue_position": 0, **_urls(job, base)}
    line = {"timestamp": iso(job.started_at), "level": "INFO", "source": "simulator", "message": "working"}
    logs = [line] if with_logs and job.started_at else None
    if job.state is JobState.RUNNING:
        return {"status": "IN_PROGRESS", "logs": logs, **_urls(job, base)}
    ended = {"status": "COMPLETED", "logs": logs, "metrics": {"inference_time": job.worked}, **_urls(job, base)}
    return ended | _told(job)


def result(job: Job) -> web.Response:
    """Return the result of a request that has ended: a failed one's is an HTTP error."""
    if job.state is JobState.SUCCEEDED:
        return web.json_response(output(job))
    if job.state is JobState.REFUSED:
        headers = {"X-Fal-Retryable": "false"}
        return web.json_response({"detail": [_violation(job)]}, status=422, headers=headers)
    kind, code = _ENDS[job.state]
    headers = {"X-Fal-Error-Type": kind}
    if job.state is JobState.ABORTED:
        headers["X-Fal-Request-Timeout-Type"] = "user"
    return web.json_response({"detail": _sentence(job), "error_type": kind}, status=code, headers=headers)


def webhook(job: Job) -> dict[str, Any]:
    """Return the one webhook of a request."""
    ids = {"request_id": job.id, "gateway_request_id": job.id}
    if job.state is JobState.SUCCEEDED:
        return ids | {"status": "OK", "payload": output(job), "error": None}
    detail = [_violation(job)] if job.state is JobState.REFUSED else _sentence(job)
    return ids | {"status": "ERROR", "payload": {"detail": detail}, "error": _sentence(job)}


def output(job: Job) -> dict[str, Any]:
    """Return what the model made, in the shape of its kind."""
    match job.wish.kind:
        case StepKind.IMAGE:
            made = [
                {"url": url, "width": job.wish.width, "height": job.wish.height, "content_type": _type(job)}
                for url in _links(job)
            ]
            unsafe = [False] * len(made)
            return {"images": made, "seed": job.wish.seed, "has_nsfw_concepts": unsafe, "prompt": job.wish.text}
        case StepKind.VIDEO:
            return {"video": _file(job), "seed": job.wish.seed}
        case StepKind.AUDIO:
            return {"audio": _file(job)}


def error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error of the platform."""
    return web.json_response({"detail": detail}, status=status, headers=headers)


def invalid(problem: str) -> web.Response:
    """Return an error of the model about one input, given as ``name: reason``."""
    name, _, reason = problem.partition(": ")
    detail = [{"loc": ["body", name], "msg": reason, "type": "value_error"}]
    return web.json_response({"detail": detail}, status=422, headers={"X-Fal-Retryable": "false"})


def _told(job: Job) -> dict[str, str]:
    # Only trouble of the platform shows in the status; what the model said is in the result.
    return {"error": _sentence(job), "error_type": _ENDS[job.state][0]} if job.state in _ENDS else {}


def _sentence(job: Job) -> str:
    return job.error or _SENTENCES.get(job.state, "Internal error")


def _violation(job: Job) -> dict[str, Any]:
    return {
        "loc": ["body", "prompt"],
        "msg": job.error,
        "type": "content_policy_violation",
        "url": "https://docs.fal.ai/errors#content_policy_violation",
    }


def _urls(job: Job, base: str) -> dict[str, str]:
    url = f"{base}/{job.request['app']}/requests/{job.id}"
    return {
        "request_id": job.id,
        "response_url": url,
        "status_url": f"{url}/status",
        "cancel_url": f"{url}/cancel",
    }


def _links(job: Job) -> list[str]:
    extension = {StepKind.VIDEO: "mp4", StepKind.AUDIO: "mp3"}.get(job.wish.kind, job.wish.format)
    return [f"{job.base_url}/files/{key}/output_{n}.{extension}" for n, key in enumerate(job.outputs)]


def _type(job: Job) -> str:
    match job.wish.kind:
        case StepKind.VIDEO:
            return "video/mp4"
        case StepKind.AUDIO:
            return "audio/mpeg"
        case StepKind.IMAGE:
            return _TYPES[job.wish.format]


def _file(job: Job) -> dict[str, Any]:
    link = _links(job)[0]
    return {"url": link, "content_type": _type(job), "file_name": link.rpartition("/")[2]}
