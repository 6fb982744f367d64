"""A span as a plain value, its place in a trace, and whoever takes it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

# W3C Trace Context; versions after 00 may append more.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 0x01

Value = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Parent:
    """A span of somebody else that a trace goes on from."""

    trace_id: int
    span_id: int
    sampled: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of one story."""

    trace_id: int
    parent: Parent | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Something that has ended. Sent a second time it is the very same, id included."""

    name: str
    trace: Trace
    span_id: int
    parent_id: int | None
    start: datetime
    end: datetime
    attributes: Mapping[str, Value] = field(default_factory=dict)
    error: str | None = None
    """One word for why it did not succeed."""
    events: tuple[tuple[str, datetime], ...] = ()


class Tracer(Protocol):
    """Takes spans that ended. Never raises, never waits."""

    @property
    def on(self) -> bool:
        """Whether anybody wants spans; where not, none need be made."""
        ...

    def send(self, spans: Iterable[Span]) -> None:
        """Send spans soon."""
        ...

    async def close(self) -> None:
        """Send what waits, within a few seconds."""
        ...


class Silent:
    """Wants no spans."""

    on = False

    def send(self, spans: Iterable[Span]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


def parse_traceparent(text: str | None) -> Parent | None:
    """Return the parent that a W3C ``traceparent`` names, None when it names none."""
    found = _TRACEPARENT.fullmatch((text or "").strip())
    if found is None or (found[1] == "00" and found[5]):
        return None
    trace_id, span_id = int(found[2], 16), int(found[3], 16)
    if not trace_id or not span_id:
        return None
    return Parent(trace_id, span_id, sampled=bool(int(found[4], 16) & _SAMPLED))


def trace_id_of(*parts: object) -> int:
    """Return the trace id that follows from these parts."""
    return _number(16, parts)


def span_id_of(*parts: object) -> int:
    """Return the span id that follows from these parts."""
    return _number(8, parts)


def _number(size: int, parts: tuple[object, ...]) -> int:
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:size], "big") or 1  # all zeros would be no id
