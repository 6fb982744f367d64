"""Lets go first what a whole chain waits for, such as the next narration; all else begins a moment later.

It changes when things are done, never what is done or whether. Nobody gives way for longer than ``PATIENCE``.
"""

from __future__ import annotations

import asyncio

from storyjob.ambient import monotonic
from storyjob.planning.view import StepId

PATIENCE = 0.05  # seconds
HAND_OVER = 0.05  # seconds from the moment that a step is due until its intent is written, if all goes well
REQUEST = 0.008  # seconds that its request is on its way then
_GLANCE = 0.01  # seconds between looks at who goes first


class Traffic:
    """Who goes first, and for how long."""

    def __init__(self) -> None:
        self._first: dict[StepId, float] = {}

    def go_first(self, step: StepId, seconds: float = HAND_OVER) -> None:
        """Let a step's purchase go first for at most so long; said again, the last word counts."""
        self._first[step] = monotonic() + seconds

    async def give_way(self, patience: float = PATIENCE) -> None:
        """Wait until nobody goes first, at most for ``patience`` seconds."""
        end = monotonic() + patience
        while self._taken() and (left := end - monotonic()) > 0:  # noqa: ASYNC110 (time alone may end it, too)
            await asyncio.sleep(min(left, _GLANCE))

    def _taken(self) -> bool:
        if self._first:
            moment = monotonic()
            self._first = {step: until for step, until in self._first.items() if until > moment}
        return bool(self._first)
