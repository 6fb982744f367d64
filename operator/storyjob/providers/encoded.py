"""Reads media that vendors write into JSON as base64."""

from __future__ import annotations

import base64
import binascii


def decoded(text: object) -> bytes | None:
    """Return what ``text`` encodes; None for anything that is not base64, and for nothing at all."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
