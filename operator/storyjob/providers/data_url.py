"""Reads data URLs, which some vendors answer with instead of a link to a file."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from storyjob.api.outcome import BytesOutput
from storyjob.providers.encoded import decoded

_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+?)*?(?P<base64>;base64)?,(?P<data>.*)", re.DOTALL)


def read_data_url(url: str) -> BytesOutput | None:
    """Return the bytes in a data URL; None when it is none or holds nothing that can be read."""
    found = _DATA_URL.fullmatch(url)
    if not found:
        return None
    data = decoded(found["data"]) if found["base64"] else unquote_to_bytes(found["data"])
    return BytesOutput(data, found["type"] or "application/octet-stream") if data else None
