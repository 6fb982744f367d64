"""Recognises that a content filter said no, in the free text that vendors give as the reason."""

from __future__ import annotations

import re

# Whole words, so that an input named `safety_tolerance` is not taken for a filter.
_FILTERED = re.compile(
    r"\b(?:nsfw|safety|flagged|moderation|moderated|responsible ai|usage guidelines|sensitive words)\b"
    r"|\bcontent[ -](?:polic(?:y|ies)|filter(?:ed|s)?)\b"
    r"|\b(?:sensitive|inappropriate|prohibited) content\b",
    re.IGNORECASE,
)


def is_content_refusal(text: str) -> bool:
    """Return whether a vendor's reason speaks of a content filter."""
    return _FILTERED.search(text) is not None
