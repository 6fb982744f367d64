"""Luma's Dream Machine (https://docs.lumalabs.ai): callbacks without a signature, and a list that shows their URLs."""

from __future__ import annotations

from simulation.market import End, Job, Listed, Market
from simulation.wire import NEVER_STOPPED, NOT_FOUND, Asked, Body, Calling, Said, Vendor, posts_to

BASE = "/dream-machine/v1/generations"


def _serve(market: Market, asked: Asked) -> Said:
    moment = market.loop.time()
    if asked.line is not None:
        job = market.take(asked.line, seconds=(5.0, 40.0), can_hang=True)
        if job.ends_at == float("inf"):
            job.ends_at = moment + NEVER_STOPPED
        market.show(job, asked.body["model"], {"callback_url": asked.body.get("callback_url")}, own=True)
        return Said(201, _generation(job, moment))
    if asked.path == BASE:
        return _page(market, int(asked.query["offset"]), int(asked.query["limit"]))
    found = market.jobs.get(asked.path.rpartition("/")[2])
    if found is None or found.vendor != LUMA.name:
        return NOT_FOUND
    return Said(200, _generation(found, moment))


def _generation(job: Job, moment: float) -> Body:
    body: Body = {"id": job.job_id}
    if not job.ended(moment):
        return body | {"state": "dreaming" if moment >= job.begins_at else "queued"}
    if job.end is End.SUCCEEDED:
        return body | {"state": "completed", "assets": {job.media: f"https://storage.cdn-luma.com/{job.job_id}/out"}}
    reason = "the prompt was flagged by moderation" if job.refused else "an internal error"
    return body | {"state": "failed", "failure_reason": reason}


def _page(market: Market, offset: int, limit: int) -> Said:
    newest = list(reversed(market.shown(LUMA.name)))
    some = newest[offset : offset + limit]
    more = len(newest) > offset + limit
    return Said(200, {"generations": [_listed(entry, market.loop.time()) for entry in some], "has_more": more})


def _listed(entry: Listed, moment: float) -> Body:
    return _generation(entry.job, moment) | {"request": entry.wish}


LUMA = Vendor(
    "luma",
    posts_to("/generations/image", "/generations/video"),
    _serve,
    Calling(url=lambda asked: asked.body.get("callback_url"), body=_generation, sign=None),
)
