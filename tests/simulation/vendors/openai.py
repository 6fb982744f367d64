"""OpenAI (https://platform.openai.com/docs/api-reference): pictures and speech, one synchronous call each."""

from __future__ import annotations

import base64

from simulation.market import End, Market
from simulation.wire import NOT_FOUND, Asked, Said, Vendor, posts_to


def _serve(market: Market, asked: Asked) -> Said:
    if asked.line is None:
        return NOT_FOUND
    if market.refuses("openai", asked.line.words):
        return Said(400, {"error": {"code": "content_policy_violation", "message": "not this"}})
    job = market.take(asked.line, seconds=(0.5, 30.0))
    job.end = End.SUCCEEDED  # it comes with the answer, and is charged whether or not that arrives
    named, takes = {"x-request-id": job.job_id}, job.ends_at - market.loop.time()
    if asked.path == "/v1/audio/speech":
        return Said(200, job.data, named | {"content-type": "audio/mpeg"}, takes)
    return Said(200, {"data": [{"b64_json": base64.b64encode(job.data).decode()}]}, named, takes)


OPENAI = Vendor("openai", posts_to("/v1/images/generations", "/v1/audio/speech"), _serve)
