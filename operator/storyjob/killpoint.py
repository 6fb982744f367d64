"""Lets a test kill or stop the process right before or right after one act of a purchase; else it does nothing.

Power cuts and OOM killers hit between any two lines. To prove what each gap does, a test names one.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from types import TracebackType

VARIABLE = "STORYJOB_TEST_DIE_AT"
"""``before-<act>`` or ``after-<act>``, then perhaps ``:<nth>``: die there when it is reached for the nth time.

With ``:stop`` at the end the process is stopped as SIGSTOP does, and goes on at a SIGCONT.
"""


class Act(StrEnum):
    """What changes something outside this process, in the order of a purchase, of a film, and of an end.

    The last three are every way out: no change of anything outside passes by all of them.
    """

    CHILDREN = "children"
    INTENT = "intent"
    SUBMIT = "submit"
    JOB_ID = "job-id"
    ADOPT = "adopt"
    BYTES = "bytes"
    RECORD = "record"
    SUCCEEDED = "succeeded"
    SEGMENT = "segment"
    FILM = "film"
    MANIFEST = "manifest"
    STATUS = "status"
    KEYS = "keys"
    FIND = "find"
    CANCEL = "cancel"
    SETTLE = "settle"
    FINALIZER = "finalizer"
    WRITE = "write"
    PUT = "put"
    CALL = "call"


class Fuse:
    """Kills or stops this process at the point that it was made for."""

    def __init__(self, order: str) -> None:
        order, stop = order.removesuffix(":stop"), order.endswith(":stop")
        self._signal = signal.SIGSTOP if stop else signal.SIGKILL
        place, _, nth = order.partition(":")
        self._moment, _, act = place.partition("-")
        self._act, self._left = Act(act), int(nth or 1)
        if self._moment not in ("before", "after") or self._left < 1:
            raise ValueError(f"{VARIABLE}={order}: write before-<act> or after-<act>, and perhaps :<nth> from 1 on")

    def reach(self, moment: str, act: Act) -> None:
        """Die if this is the point, and this the time."""
        if (moment, act) != (self._moment, self._act):
            return
        self._left -= 1
        if self._left == 0:
            # Nothing is flushed and nobody is told: the kernel ends it here.
            os.kill(os.getpid(), self._signal)


class _Crossing:
    def __init__(self, fuse: Fuse, act: Act) -> None:
        self._fuse, self._act = fuse, act

    def __enter__(self) -> None:
        self._fuse.reach("before", self._act)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._fuse.reach("after", self._act)


def lit(environment: Mapping[str, str]) -> Fuse | None:
    """Return the fuse that the environment asks for. Raises ``ValueError`` for a point that there is not."""
    order = environment.get(VARIABLE)
    return Fuse(order) if order else None


_FUSE = lit(os.environ)
_NOTHING: AbstractContextManager[None] = nullcontext()


def crossing(act: Act) -> AbstractContextManager[None]:
    """Mark an act: ``with crossing(Act.SUBMIT): …``. An act that raises was not done, so it has no "after"."""
    return _NOTHING if _FUSE is None else _Crossing(_FUSE, act)
