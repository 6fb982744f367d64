"""Reads the errors of services made with FastAPI: a sentence, or a list of what is wrong with the body."""

from __future__ import annotations

from storyjob.providers.answers import JsonObject, as_text


def words(document: JsonObject) -> str:
    """Return the human text of ``{"detail": …}``."""
    detail = document.get("detail") or document.get("message") or ""
    if isinstance(detail, list):
        return "; ".join(as_text(one.get("msg", one) if isinstance(one, dict) else one) for one in detail)
    return as_text(detail)
