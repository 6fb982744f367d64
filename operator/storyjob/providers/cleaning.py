"""Makes text that a vendor wrote safe to show: short, one line, and without anything secret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_CHARACTERS = 300
# A shorter "secret" is a typing error, and blotting it out would make every message unreadable.
_SHORTEST_SECRET = 6
_BLOT = "[redacted]"

_DATA_URL = re.compile(r"data:[\w.+-]{1,60}/[\w.+-]{1,60}(?:;[\w=.-]{1,60}){0,4},[A-Za-z0-9+/=_%-]*")
# Queries carry callback tokens and the signatures of bucket links.
_URL_QUERY = re.compile(r"(https?://[^\s?#\"'<>]{1,2000})\?[^\s\"'<>]*")
_KEY_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]+-----[^-]*(?:-----END [A-Z ]+-----)?"
    r"|\b(?:Bearer|Basic|Key) [A-Za-z0-9._~+/=-]{8,}"
    r"|\b(?:r8|sk|whsec)_[A-Za-z0-9+/=_-]{8,}"
    r"|\bsk-[A-Za-z0-9_-]{16,}"
    r"|\bAIza[A-Za-z0-9_-]{10,}"
    r"|\bya29\.[A-Za-z0-9._-]{4,}"
)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """Return at most 300 characters of one line; URLs lose their query, keys and ``secrets`` are blotted out.

    Cut last: a secret that a cut had halved would no longer be recognised.
    """
    for secret in sorted({secret.strip() for secret in secrets}, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _BLOT)
    text = _DATA_URL.sub("data:…", text)
    text = _URL_QUERY.sub(r"\1?…", text)
    text = _KEY_SHAPES.sub(_BLOT, text)
    # Category C covers control, format (bidirectional overrides), surrogate and unassigned characters.
    visible = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in text)
    line = " ".join(visible.split())
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 1] + "…"
