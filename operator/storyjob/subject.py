"""What the running task works on, so that each of its log lines can name the object without being told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

Fields = Mapping[str, str | int]

_SUBJECT: ContextVar[Fields] = ContextVar("subject", default=MappingProxyType({}))


@contextmanager
def about(**fields: str | int | None) -> Iterator[None]:
    """Name an object for all that is done within, tasks that are begun there included; what is None is left out."""
    before = _SUBJECT.get()
    _SUBJECT.set({key: value for key, value in fields.items() if value is not None})
    try:
        yield
    finally:
        # Not reset by a token: a coroutine that is thrown away ends in whatever context that happens.
        _SUBJECT.set(before)


def subject() -> Fields:
    """Return what is being worked on here, empty when that is no single object."""
    return _SUBJECT.get()
