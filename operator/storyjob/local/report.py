"""Tells a person at a terminal, or a reader of a CI log, how a long piece of work goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

LOG_INTERVAL = 30.0  # seconds between two progress lines where nobody watches


class Report:
    """Prints whole lines, and a live line: redrawn in place on a terminal, now and then in a log."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._drawn = False
        self._last = clock()

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self._wipe()
        print(text, file=self._stream, flush=True)

    def live(self, text: str) -> None:
        """Show the state of things; the next live text takes its place."""
        now = self._clock()
        if self._terminal:
            self._stream.write(f"\r\x1b[2K{text}")
            self._stream.flush()
            self._drawn = True
        elif now - self._last >= LOG_INTERVAL:
            self._last = now
            print(text, file=self._stream, flush=True)

    def _wipe(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[2K")
            self._drawn = False


def elapsed(seconds: float) -> str:
    """Return a duration as ``4:07``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
