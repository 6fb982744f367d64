"""ElevenLabs (https://elevenlabs.io/docs/api-reference): one synchronous call, and a history of what was spoken."""

from __future__ import annotations

import base64

from simulation.market import End, Listed, Market
from simulation.weather import Channel
from simulation.wire import NOT_FOUND, Asked, Body, Said, Vendor


def _serve(market: Market, asked: Asked) -> Said:
    if asked.path == "/v1/history":
        return _history(market, asked.query)
    if asked.line is None:
        return NOT_FOUND
    voice, text = asked.path.split("/")[3], asked.body["text"]
    if market.refuses("elevenlabs", text):
        return Said(400, {"detail": {"status": "content_against_policy", "message": "not this"}})
    job = market.take(asked.line, seconds=(0.5, 12.0))
    # What is paid for is the answer: a call that was taken is charged, and its audio exists nowhere but in the history.
    job.end = End.SUCCEEDED
    market.show(job, asked.body["model_id"], {"text": text, "voice_id": voice}, after=job.ends_at)
    audio = base64.b64encode(job.data).decode()
    return Said(200, {"audio_base64": audio}, {"request-id": job.job_id}, job.ends_at - market.loop.time())


def _history(market: Market, query: dict[str, str]) -> Said:
    since, until = float(query["date_after_unix"]), float(query["date_before_unix"])
    found = [entry for entry in market.shown("elevenlabs") if since <= market.stamp(entry).timestamp() <= until]
    found = [entry for entry in found if query.get("voice_id") in (None, entry.wish["voice_id"])]
    more = len(found) > 1 and market.weather.bad(Channel.LIST, part=0.3)
    return Said(200, {"history": [_item(entry) for entry in found[: 1 if more else None]], "has_more": more})


def _item(entry: Listed) -> Body:
    name = entry.job.job_id
    return {"history_item_id": f"item-{name}", "request_id": name, "model_id": entry.model, **entry.wish}


ELEVENLABS = Vendor(
    "elevenlabs", lambda method, path: method == "POST" and path.startswith("/v1/text-to-speech/"), _serve
)
