"""Google: Veo on Vertex AI, polled, in the answer or in a bucket, and Text-to-Speech, one synchronous call."""

from __future__ import annotations

import base64
import json
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from simulation.market import End, Job, Market
from simulation.wire import NEVER_STOPPED, NOT_FOUND, Asked, Body, Said, Vendor, posts_to

ACCESS_TOKEN = "access-token-of-the-robot"
TOKEN_PATH = "/token"


@cache
def robot() -> str:
    """Return the JSON key of a service account."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "film",
            "client_email": "robot@film.example",
            "private_key_id": "1",
            "private_key": pem,
            "token_uri": "https://oauth2.googleapis.com" + TOKEN_PATH,
        }
    )


def _veo(market: Market, asked: Asked) -> Said:
    if asked.path == TOKEN_PATH:
        return Said(200, {"access_token": ACCESS_TOKEN, "expires_in": 3600})
    if asked.path.startswith("/storage/v1/b/"):
        return _objects(market, asked)
    if asked.line is not None:
        return _begin(market, asked)
    name = str(asked.body.get("operationName", ""))
    found = market.jobs.get(name.rpartition("/")[2])
    if found is None or found.vendor != VEO.name:
        return NOT_FOUND
    if not found.ended(market.loop.time()):
        return Said(200, {"name": name})
    if found.end is End.FAILED:
        return Said(200, {"name": name, "done": True, "error": _failure(found)})
    if found.place:
        clip = {"gcsUri": found.place + f"{found.job_id}.mp4", "mimeType": "video/mp4"}
    else:
        clip = {"bytesBase64Encoded": base64.b64encode(found.data).decode(), "mimeType": "video/mp4"}
    return Said(200, {"name": name, "done": True, "response": {"videos": [clip]}})


def _begin(market: Market, asked: Asked) -> Said:
    assert asked.line is not None
    job = market.take(asked.line, seconds=(10.0, 60.0), can_hang=True)
    if job.ends_at == float("inf"):
        job.ends_at = market.loop.time() + NEVER_STOPPED
    job.place = asked.body["parameters"].get("storageUri", "")
    resource = asked.path.removeprefix("/v1beta1/").partition(":")[0]
    job.name = f"{resource}/operations/{job.job_id}"
    market.show(job, "veo", {})
    return Said(200, {"name": job.name})


def _failure(job: Job) -> Body:
    if job.refused:
        return {"code": 3, "message": "the prompt was flagged by our safety filter"}
    return {"code": 13, "message": "internal"}


def _objects(market: Market, asked: Asked) -> Said:
    place = f"gs://{asked.path.split('/')[4]}/{asked.query['prefix']}"
    jobs = [entry.job for entry in market.shown(VEO.name) if entry.job.place == place]
    there = [job for job in jobs if job.end is End.SUCCEEDED and job.ended(market.loop.time())]
    name = asked.query["prefix"]
    return Said(200, {"items": [{"name": f"{name}{job.job_id}.mp4", "contentType": "video/mp4"} for job in there]})


def _speech(market: Market, asked: Asked) -> Said:
    if asked.line is None:
        return NOT_FOUND
    if market.refuses("google-tts", asked.line.words):
        return Said(
            400, {"error": {"code": 400, "message": "blocked: sensitive content", "status": "INVALID_ARGUMENT"}}
        )
    job = market.take(asked.line, seconds=(0.5, 12.0))
    job.end = End.SUCCEEDED  # it comes with the answer, and is charged whether or not that arrives
    audio = base64.b64encode(job.data).decode()
    return Said(200, {"audioContent": audio}, takes=job.ends_at - market.loop.time())


VEO = Vendor("vertex-veo", posts_to(":predictLongRunning"), _veo, for_all=(TOKEN_PATH,))
SPEECH = Vendor("google-tts", posts_to("/v1/text:synthesize"), _speech)
