"""Reads how long a vendor asks us to wait."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

# Longer waits are mistakes or attempts to stall us; after an hour we simply ask again.
MAX_SECONDS = 3600.0
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_IN_TEXT = re.compile(
    r"(?:resets?|retry|try again|wait)\D{0,40}?([0-9]{1,6}(?:\.[0-9]{1,3})?)\s?"
    r"(ms|s(?=ec|\b)|m(?=in|\b)|h(?=our|\b))",
    re.IGNORECASE,
)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def retry_after(headers: httpx.Headers, text: str = "") -> float | None:
    """Return the seconds to wait, from ``Retry-After`` (number or date) or else from the words of the answer.

    Replicate documents only the words: ``Your rate limit resets in ~30s.``
    (https://replicate.com/docs/topics/predictions/rate-limits).
    """
    seconds = _from_header(headers)
    if seconds is None:
        found = _IN_TEXT.search(text)
        seconds = float(found[1]) * _UNITS[found[2].lower()] if found else None
    return None if seconds is None else min(max(seconds, 0.0), MAX_SECONDS)


def _from_header(headers: httpx.Headers) -> float | None:
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    until = _date(value)
    if until is None:
        return None
    # The vendor's own clock tells the difference best; ours may be off.
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    seconds = (until - now).total_seconds()
    return seconds if math.isfinite(seconds) else None


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
