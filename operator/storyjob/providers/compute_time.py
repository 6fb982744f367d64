"""Reads how long a vendor's hardware worked on a job, of which its price may be made."""

from __future__ import annotations

from decimal import Decimal

MAX_SECONDS = 604_800  # a week; whatever is above is no time that a generation takes


def compute_seconds(metrics: object, key: str) -> Decimal | None:
    """Return the seconds under ``key``, None for anything that cannot be a time."""
    value = metrics.get(key) if isinstance(metrics, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(str(value)) if 0 <= value <= MAX_SECONDS else None
