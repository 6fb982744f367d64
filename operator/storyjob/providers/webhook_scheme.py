"""What a webhook scheme is: how a callback is known to be genuine, and where in it the job stands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storyjob.api.errors import SignatureError

Headers = Mapping[str, str]

TOLERANCE_SECONDS = 300.0
SMALL_BODY, LONG_TEXT = 64 * 2**10, 4 * 2**10  # bytes
MAX_DOCUMENT, MAX_VALUES = 2**20, 50_000
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Message:
    """What a callback's body says. Only a hint, also when it is genuine."""

    job_id: str | None = None
    ended: bool = True
    """False when it only says that the job has begun or goes on."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one vendor calls back.

    ``read`` takes the body's JSON object, an empty one when it is none. ``check`` takes headers, raw body, keys (as
    the operator published them, several while they are rotated) and Unix seconds; it returns the event's id or raises
    ``SignatureError``, and never anything else. None: the vendor does not sign, so that only the random token in the
    URL tells its callbacks from anybody's.
    """

    read: Callable[[Mapping[str, Any]], Message]
    check: Callable[[Headers, bytes, Sequence[str], float], str] | None


def header(headers: Headers, name: str) -> str:
    """Return the one value of a header (``name`` in lower case), or nothing."""
    found = [value for key, value in headers.items() if key.lower() == name]
    # Two values for one header: which of them the vendor had signed is anybody's guess.
    return found[0].strip() if len(found) == 1 else ""


def fresh_timestamp(headers: Headers, name: str, now: float) -> str:
    """Return the header that says when the callback was signed. Raises ``SignatureError`` when that is not now."""
    timestamp = header(headers, name)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError(f"{name} is missing or not Unix seconds")
    if not abs(now - int(timestamp)) <= TOLERANCE_SECONDS:
        raise SignatureError(f"{name} is more than 5 minutes away from now; are the clocks right?")
    return timestamp


def json_document(body: bytes) -> Mapping[str, Any]:
    """Return the body's JSON object, an empty one for other JSON. Raises ``SignatureError``.

    In a large body, strings of more than ``LONG_TEXT`` bytes become empty ones: a still that the vendor repeats to us
    need not be unpacked, and nothing that a callback is read for is so long.
    """
    if len(body) > SMALL_BODY:
        body = _STRING.sub(_shortened, body)
    if len(body) > MAX_DOCUMENT or sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        # A megabyte of brackets is fifty megabytes of lists, and seconds of work.
        raise SignatureError("the callback is genuine but its body is more than any vendor has to say")
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SignatureError("the callback is genuine but its body is not JSON") from error
    return document if isinstance(document, dict) else {}


def _shortened(text: re.Match[bytes]) -> bytes:
    return text[0] if len(text[0]) <= LONG_TEXT else b'""'


def job_id(value: object) -> str | None:
    """Return a job's id if it is one: it becomes a part of paths."""
    return value if isinstance(value, str) and _JOB_ID.fullmatch(value) else None
