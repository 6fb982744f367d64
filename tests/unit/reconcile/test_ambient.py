"""Clocks and dice can be set for one task and all it starts, and for nothing else."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

from storyjob.ambient import AMBIENT, Ambient, monotonic, now, random_hex
from support.builders import NOW


def test_a_context_has_a_clock_of_its_own() -> None:
    ours = copy_context()
    ours.run(AMBIENT.set, Ambient(lambda: NOW, lambda: 7.0, lambda size: "ab" * size))

    async def seen() -> tuple[datetime, float, str]:
        return await asyncio.create_task(_read())

    with asyncio.Runner() as runner:
        assert runner.run(seen(), context=ours) == (NOW, 7.0, "abab")
        assert runner.run(seen()) != (NOW, 7.0, "abab")


async def _read() -> tuple[datetime, float, str]:
    return now(), monotonic(), random_hex(2)


def test_the_machines_own_clock_is_the_default() -> None:
    assert abs(now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert len(random_hex(16)) == 32
    assert random_hex(16) != random_hex(16)
