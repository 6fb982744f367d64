"""OpenAI's JSON: errors, what requests for pictures and speech must look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.job import Wish

_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_TYPES = {429: "requests", 500: "server_error", 503: "server_error"}
_TYPE_OF_CODE = {"insufficient_quota": "insufficient_quota", "moderation_blocked": "image_generation_user_error"}
_QUOTA_CODES = re.compile(r"credit_balance_exhausted|.*_(?:spend|usage)_limit_exceeded")
_SIZE = re.compile(r"([1-9][0-9]{1,3})x([1-9][0-9]{1,3})")
_IMAGE_FORMATS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
_SPEECH_FORMATS = {
    "mp3": "mp3_24000_128",
    "opus": "opus_24000_64",
    "aac": "aac_24000_128",
    "flac": "flac_24000",
    "wav": "wav_24000",
    "pcm": "pcm_24000",
}
_MAX_CHARACTERS = 4096
_IMAGE_KEYS = frozenset(
    {
        *("model", "prompt", "n", "size", "quality", "background", "moderation", "output_format"),
        *("output_compression", "user", "safety_identifier", "complexity"),
    }
)


def error(
    status: int,
    message: str,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
    param: str | None = None,
) -> web.Response:
    """Return an error as ``{"error": {"message", "type", "param", "code"}}``."""
    code = code or _CODES.get(status)
    kind = _TYPE_OF_CODE.get(code or "", _TYPES.get(status, "invalid_request_error"))
    if code and _QUOTA_CODES.fullmatch(code):
        kind = "insufficient_quota"
    document = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return web.json_response(document, status=status, headers=headers)


def read_image_wish(body: dict[str, Any] | None) -> Wish | web.Response:
    """Return what a request for pictures wishes for, or why it cannot be taken."""
    if body is None:
        return error(400, "We could not parse the JSON body of your request.")
    unknown = sorted(set(body) - _IMAGE_KEYS)
    if unknown:
        return error(400, f"Unknown parameter: '{unknown[0]}'.", "unknown_parameter", param=unknown[0])
    model, prompt, count = body.get("model"), body.get("prompt"), body.get("n", 1)
    if not isinstance(model, str) or not model:
        return error(400, "you must provide a model parameter", param="model")
    if not isinstance(prompt, str) or not prompt:
        return error(400, "Missing required parameter: 'prompt'.", "missing_required_parameter", param="prompt")
    if not isinstance(count, int) or not 1 <= count <= 10:
        return error(400, "'n' must be from 1 to 10.", "invalid_value", param="n")
    size = _SIZE.fullmatch("1024x1024" if body.get("size", "auto") == "auto" else str(body["size"]))
    file_format = _IMAGE_FORMATS.get(body.get("output_format", "png"))
    if size is None or file_format is None:
        wrong = "size" if size is None else "output_format"
        return error(400, f"Invalid value for '{wrong}'.", "invalid_value", param=wrong)
    return Wish(
        vendor="openai",
        kind=StepKind.IMAGE,
        model=model,
        text=prompt,
        width=int(size[1]),
        height=int(size[2]),
        format=file_format,
        count=count,
    )


def read_speech_wish(body: dict[str, Any] | None) -> Wish | web.Response:
    """Return what a speech request wishes for, or why it cannot be taken."""
    if body is None:
        return error(400, "We could not parse the JSON body of your request.")
    text, model, voice = body.get("input"), body.get("model"), body.get("voice")
    voice = voice.get("id") if isinstance(voice, dict) else voice
    for name, value in (("input", text), ("model", model), ("voice", voice)):
        if not isinstance(value, str) or not value:
            return error(400, f"Missing required parameter: '{name}'.", "missing_required_parameter", param=name)
    if len(str(text)) > _MAX_CHARACTERS:
        return error(400, f"'input' must have at most {_MAX_CHARACTERS} characters.", "string_above_max_length")
    file_format = _SPEECH_FORMATS.get(body.get("response_format", "mp3"))
    if file_format is None:
        return error(400, "Invalid value for 'response_format'.", "invalid_value", param="response_format")
    return Wish(
        vendor="openai", kind=StepKind.AUDIO, model=str(model), text=str(text), voice=str(voice), format=file_format
    )


def usage(wish: Wish) -> dict[str, Any]:
    """Return the tokens that pictures are charged by, in plausible numbers."""
    words, pixels = len(wish.text.split()), wish.width * wish.height * wish.count // 1000
    return {
        "input_tokens": words,
        "input_tokens_details": {"text_tokens": words, "image_tokens": 0},
        "output_tokens": pixels,
        "total_tokens": words + pixels,
    }
