"""Values of a status that anybody with the right to it may have spoiled, read so that reckoning with them works."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import AfterValidator, Field

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_MOST = Decimal(10) ** 12  # USD
_LONGEST = 10**9  # seconds; thirty years


def _within_reach(moment: datetime) -> datetime:
    # A moment at the very end of the calendar has none after it, and computing one would raise.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment if _FIRST <= aware <= _LAST else min(max(aware, _FIRST), _LAST)


def _countable(text: str) -> str:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return "0"
    return text if amount.is_finite() and abs(amount) <= _MOST else "0"


Moment = Annotated[datetime, AfterValidator(_within_reach)]
"""A moment that others can be reckoned from."""
Amount = Annotated[str, Field(max_length=24), AfterValidator(_countable)]
"""USD, a decimal string; one that is no number counts nothing."""
Seconds = Annotated[int, Field(ge=0), AfterValidator(lambda seconds: min(seconds, _LONGEST))]
"""A length of time that can be added to a moment."""
