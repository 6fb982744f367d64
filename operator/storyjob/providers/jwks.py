"""Reads the public keys that a vendor publishes as a JWKS."""

from __future__ import annotations

import json
from typing import Any

_MAX_KEYS = 16


def jwks_entries(document: str) -> list[dict[str, Any]]:
    """Return the first keys of a JWKS document, none where it is none."""
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return []
    entries = found.get("keys") if isinstance(found, dict) else None
    return [key for key in entries[:_MAX_KEYS] if isinstance(key, dict)] if isinstance(entries, list) else []
