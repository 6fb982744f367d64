"""Runway (https://docs.dev.runwayml.com): tasks that are polled, and that say what they cost."""

from __future__ import annotations

from simulation.market import PRICE, End, Job, Market
from simulation.wire import NEVER_STOPPED, NOT_FOUND, Asked, Body, Said, Vendor, posts_to

CREDITS = int(PRICE * 100)


def _serve(market: Market, asked: Asked) -> Said:
    moment = market.loop.time()
    if asked.line is not None:
        job = market.take(asked.line, seconds=(5.0, 50.0), can_hang=True)
        if job.ends_at == float("inf"):
            job.ends_at = moment + NEVER_STOPPED
        return Said(200, {"id": job.job_id})
    found = market.jobs.get(asked.path.rpartition("/")[2])
    if found is None or found.vendor != RUNWAY.name:
        return NOT_FOUND
    if asked.method == "DELETE":
        found.stop(moment)
        return Said(204, {})
    return Said(200, _task(found, moment))


def _task(job: Job, moment: float) -> Body:
    body: Body = {"id": job.job_id}
    if not job.ended(moment):
        return body | {"status": "RUNNING" if moment >= job.begins_at else "PENDING"}
    if job.end is End.SUCCEEDED:
        link = f"https://dnznrvs05pmza.cloudfront.net/{job.job_id}/out.mp4"
        return body | {"status": "SUCCEEDED", "output": [link], "cost": {"credits": CREDITS}}
    if job.end is End.CANCELED:
        return body | {"status": "CANCELLED"}
    code = "SAFETY.INPUT.TEXT" if job.refused else "INTERNAL.BAD_OUTPUT.CODE01"
    return body | {"status": "FAILED", "failure": "it failed", "failureCode": code}


RUNWAY = Vendor("runway", posts_to("/v1/text_to_image", "/v1/text_to_video", "/v1/image_to_video"), _serve)
