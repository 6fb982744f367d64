"""ElevenLabs' JSON: errors, alignments, history items, what a speech request must look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from storyjob.api.outcome import Alignment
from storyjob.api.step import StepKind
from storyjob.simulator.job import Job, Wish
from storyjob.simulator.media.audio_format import parse_format

DEFAULT_MODEL = "eleven_multilingual_v2"
VOICES: Mapping[str, str] = {"21m00Tcm4TlvDq8ikWAM": "Rachel", "JBFqnCBsd6RMkjVDRZzb": "George", "aria": "Aria"}
"""What ``/v1/voices`` lists. Any other well-formed id speaks, too, each with a voice of its own."""

_DEFAULT_FORMAT = "mp3_44100_128"
_CODECS = frozenset({"mp3", "opus", "wav", "pcm", "ulaw", "alaw"})
_VOICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_PREVIOUS = 3
_MAX_CHARACTERS = 10_000


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error as ``{"detail": {"status", "message"}}``."""
    return web.json_response({"detail": {"status": code, "message": message}}, status=status, headers=headers)


def invalid(location: str, name: str, message: str) -> web.Response:
    """Return a 422, whose ``detail`` is a list."""
    problem = {"type": "value_error", "loc": [location, name], "msg": message}
    return web.json_response({"detail": [problem]}, status=422)


def read_wish(request: web.Request, body: dict[str, Any] | None) -> Wish | web.Response:
    """Return what a speech request wishes for, or why it cannot be taken."""
    voice = request.match_info["voice"]
    if body is None:
        return invalid("body", "", "Input should be a valid dictionary")
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        return invalid("body", "text", "Field required")
    if len(text) > _MAX_CHARACTERS:
        return error(400, "max_character_limit_exceeded", f"At most {_MAX_CHARACTERS} characters.")
    if len(previous(body)) > _MAX_PREVIOUS:
        return invalid("body", "previous_request_ids", f"List should have at most {_MAX_PREVIOUS} items")
    if previous(body) and str(body.get("model_id")).startswith("eleven_v3"):
        return error(400, "unsupported_model", "Request stitching is not supported with this model.")
    if not _VOICE_ID.fullmatch(voice):
        return error(404, "voice_not_found", f"A voice with the voice_id {voice!r} was not found.")
    output_format = request.query.get("output_format", _DEFAULT_FORMAT)
    try:
        if output_format.partition("_")[0] not in _CODECS:
            raise ValueError(f"output_format {output_format!r} is not known")
        parse_format(output_format)
    except ValueError as problem:
        return invalid("query", "output_format", str(problem))
    return Wish(
        vendor="elevenlabs",
        kind=StepKind.AUDIO,
        model=str(body.get("model_id") or DEFAULT_MODEL),
        text=text,
        voice=voice,
        language=body.get("language_code"),
        format=output_format,
    )


def previous(body: dict[str, Any]) -> list[str]:
    """Return the requests that a narration is to go on from."""
    named = body.get("previous_request_ids")
    return [str(name) for name in named] if isinstance(named, list) else []


def aligned(alignment: Alignment | None) -> dict[str, Any] | None:
    """Return when each character is spoken."""
    if alignment is None:
        return None
    return {
        "characters": alignment.characters,
        "character_start_times_seconds": alignment.starts,
        "character_end_times_seconds": alignment.ends,
    }


def history_item(job: Job) -> dict[str, Any]:
    """Return one line of the history."""
    alignment = aligned(job.alignment)
    return {
        "history_item_id": job.id,
        "request_id": job.id,
        "voice_id": job.wish.voice,
        "voice_name": VOICES.get(job.wish.voice, job.wish.voice),
        "voice_category": "premade",
        "model_id": job.wish.model,
        "text": job.wish.text,
        "date_unix": int(job.created_at),
        "character_count_change_from": 0,
        "character_count_change_to": len(job.wish.text),
        "content_type": parse_format(job.wish.format).content_type,
        "state": "created",
        "source": "TTS",
        "output_format": job.wish.format,
        "alignments": {"alignment": alignment, "normalized_alignment": alignment} if alignment else None,
    }
