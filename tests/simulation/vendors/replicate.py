"""Replicate (https://replicate.com/docs/reference/http): predictions, with webhooks, a deadline and a list."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlencode

from simulation.market import End, Job, Market
from simulation.wire import NOT_FOUND, SHOWN_AFTER, Asked, Body, Calling, Said, Vendor, posts_to
from storyjob.ambient import now

SIGNING_KEY = b"signing"
PAGE = 3  # entries
LIST = "/v1/predictions"


def _serve(market: Market, asked: Asked) -> Said:
    moment = market.loop.time()
    if asked.line is not None:
        job = market.take(asked.line, seconds=(1.0, 40.0), can_hang=True)
        deadline = float(asked.headers["cancel-after"].removesuffix("s"))
        market.loop.outside(deadline, lambda: job.stop(market.loop.time()))
        market.show(job, asked.path.removeprefix("/v1/models/").removesuffix("/predictions"), asked.body["input"])
        return Said(201, _prediction(job, moment))
    if asked.path == "/v1/webhooks/default/secret":
        return Said(200, {"key": "whsec_" + base64.b64encode(SIGNING_KEY).decode()})
    if asked.path == LIST:
        return _page(market, asked.query)
    parts = asked.path.split("/")
    found = market.jobs.get(parts[3]) if len(parts) > 3 else None
    if found is None or found.vendor != REPLICATE.name or moment < found.begins_at - SHOWN_AFTER:
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
        body["error"] = "NSFW content detected" if job.refused else "CUDA out of memory"
    return body


def _page(market: Market, query: dict[str, str]) -> Said:
    since, until = (datetime.fromisoformat(query[name]) for name in ("created_after", "created_before"))
    before = float(query.get("cursor", "inf"))
    listed = [entry for entry in market.shown(REPLICATE.name) if since <= market.stamp(entry) <= until]
    listed = sorted((entry for entry in listed if entry.created < before), key=lambda entry: -entry.created)
    results = [
        {
            **_prediction(entry.job, market.loop.time()),
            "model": entry.model,
            "input": entry.wish,
            "created_at": market.stamp(entry).isoformat(),
        }
        for entry in listed[:PAGE]
    ]
    more = None
    if len(listed) > PAGE:
        more = f"https://api.replicate.com{LIST}?" + urlencode(query | {"cursor": repr(listed[PAGE - 1].created)})
    return Said(200, {"results": results, "next": more})


def signed(body: bytes, job_id: str, key: bytes = SIGNING_KEY) -> dict[str, str]:
    """Return the headers of https://www.standardwebhooks.com."""
    number, stamp = hashlib.sha256(body).hexdigest()[:16], str(int(now().timestamp()))
    digest = hmac.digest(key, f"{number}.{stamp}.".encode() + body, "sha256")
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": signature}


REPLICATE = Vendor(
    "replicate",
    posts_to("/predictions"),
    _serve,
    Calling(
        url=lambda asked: asked.body.get("webhook"),
        body=lambda job, moment: _prediction(job, moment),
        sign=signed,
    ),
)
