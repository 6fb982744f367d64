"""Picks a lost narration out of ElevenLabs' history: by text, voice, model and time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from storyjob.api.outcome import NoTrace
from storyjob.providers.answers import JsonObject
from storyjob.providers.base import Lost

_ITEM = re.compile(r"[A-Za-z0-9_-]{1,128}")
PAGE_SIZE = 1000


def history_path(lost: Lost) -> str:
    """Return the path of the narrations of the time in which the attempt can have been taken."""
    window = {
        "date_after_unix": math.floor(lost.since.timestamp()),
        "date_before_unix": math.ceil(lost.until.timestamp()),
    }
    voice = {"voice_id": lost.request.voice} if lost.request is not None and lost.request.voice else {}
    return "/v1/history?" + urlencode({"page_size": PAGE_SIZE, "source": "TTS", **window, **voice})


@dataclass(frozen=True, slots=True)
class Item:
    """A narration of the history. It has an id of its own beside that of the request that made it."""

    name: str
    request_id: str | None


def pick(answer: JsonObject, lost: Lost) -> Item | NoTrace:
    """Return the history item of the lost narration, or why none can be named."""
    if answer.get("has_more"):
        return NoTrace(f"ElevenLabs lists more than {PAGE_SIZE} narrations of that time: look for it by hand")
    found = list(_matches(answer, lost))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(item.name for item in found[:5])
        return NoTrace(f"{len(found)} narrations of that time have the same text and voice: {names}")
    return NoTrace("ElevenLabs' history has no narration of that time with this text and voice")


def _matches(answer: JsonObject, lost: Lost) -> Iterator[Item]:
    items, asked = answer.get("history"), lost.request
    for item in items if isinstance(items, list) and asked is not None else []:
        if not isinstance(item, dict) or asked is None:
            continue
        same = (item.get("text"), item.get("voice_id"), item.get("model_id")) == (asked.text, asked.voice, lost.model)
        name, request_id = item.get("history_item_id"), item.get("request_id")
        # On record is the id of the request, where the vendor told it.
        if same and isinstance(name, str) and _ITEM.fullmatch(name) and not {name, request_id} & lost.taken:
            known = isinstance(request_id, str) and _ITEM.fullmatch(request_id)
            yield Item(name, request_id if known else None)
