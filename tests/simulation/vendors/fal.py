"""fal's queue (https://docs.fal.ai/model-apis/model-endpoints/queue): its one callback carries the whole result."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from simulation.market import End, Job, Market
from simulation.wire import NOT_FOUND, Asked, Body, Calling, Said, Vendor
from storyjob.ambient import now

JWKS = "/.well-known/jwks.json"
FAILURE = {"detail": "the runner ran out of memory", "error_type": "internal_error"}
REFUSAL = {"detail": [{"loc": ["body"], "msg": "not this", "type": "content_policy_violation"}]}
STOPPED = {"detail": "it was cancelled", "error_type": "client_cancelled"}


@cache
def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b"the simulated vendor called fal.")


def _serve(market: Market, asked: Asked) -> Said:
    if asked.path == JWKS:
        public = base64.urlsafe_b64encode(_key().public_key().public_bytes_raw()).rstrip(b"=").decode()
        return Said(200, {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": public}]})
    if asked.line is not None:
        job = market.take(asked.line, seconds=(1.0, 40.0), can_hang=True)
        base = f"https://queue.fal.run/fal-ai/flux/requests/{job.job_id}"
        urls = {"status_url": f"{base}/status", "response_url": base, "cancel_url": f"{base}/cancel"}
        return Said(200, {"request_id": job.job_id, **urls})
    name, _, act = asked.path.partition("/requests/")[2].partition("/")
    found, moment = market.jobs.get(name), market.loop.time()
    if found is None or found.vendor != FAL.name:
        return NOT_FOUND
    match act:
        case "status":
            return Said(200, _status(found, moment))
        case "cancel":
            return Said(202 if found.stop(moment) else 400, {"status": "CANCELLATION_REQUESTED"})
        case _ if not found.ended(moment):
            return Said(400, {"detail": "Request is still in progress"})
        case _:
            return _result(found)


def _status(job: Job, moment: float) -> Body:
    if not job.ended(moment):
        return {"status": "IN_PROGRESS" if moment >= job.begins_at else "IN_QUEUE"}
    failed = {} if job.end is End.SUCCEEDED else {"error": "it failed", "error_type": _error(job)["error_type"]}
    return {"status": "COMPLETED", **failed}


def _error(job: Job) -> Body:
    return STOPPED if job.end is End.CANCELED else FAILURE


def _result(job: Job) -> Said:
    if job.end is End.SUCCEEDED:
        return Said(200, {"images": [{"url": f"https://v3.fal.media/{job.job_id}/out.png"}]})
    if job.refused:
        return Said(422, REFUSAL)
    return Said(500, _error(job), {"x-fal-error-type": str(_error(job)["error_type"])})


def _call(job: Job, moment: float) -> Body:
    status = "OK" if job.end is End.SUCCEEDED else "ERROR"
    return {"request_id": job.job_id, "gateway_request_id": job.job_id, "status": status, "payload": _result(job).body}


def _signed(body: bytes, job_id: str) -> dict[str, str]:
    stamp = str(int(now().timestamp()))
    text = "\n".join((job_id, "account", stamp, hashlib.sha256(body).hexdigest())).encode()
    return {
        "x-fal-webhook-request-id": job_id,
        "x-fal-webhook-user-id": "account",
        "x-fal-webhook-timestamp": stamp,
        "x-fal-webhook-signature": _key().sign(text).hex(),
    }


FAL = Vendor(
    "fal",
    lambda method, path: method == "POST" and "/requests/" not in path,
    _serve,
    Calling(url=lambda asked: asked.query.get("fal_webhook"), body=_call, sign=_signed, at_begin=False),
    for_all=(JWKS,),
    names_its_jobs=False,
)
