"""kopf watches and ticks; it writes nothing but its finalizer, and an outage of the API server does not end it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from storyjob.api.resource import KOPF_FINALIZER
from storyjob.handlers.startup import LONGEST_PAUSE, kopf_settings


def test_an_outage_is_waited_for_however_long_it_lasts() -> None:
    pauses = kopf_settings().networking.error_backoffs

    assert isinstance(pauses, Iterable)
    first = list(itertools.islice(pauses, 100))
    assert first == sorted(first)
    assert (first[0], first[-1], len(first)) == (0.5, LONGEST_PAUSE, 100)
    assert next(iter(pauses)) == 0.5, "each request begins anew"


def test_it_writes_nothing_but_its_finalizer() -> None:
    settings = kopf_settings()

    assert settings.persistence.finalizer == KOPF_FINALIZER
    assert not settings.posting.enabled
