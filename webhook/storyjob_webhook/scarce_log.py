"""Says the same thing at most once a minute, so that strangers cannot fill the log."""

from __future__ import annotations

import logging
import time

INTERVAL = 60.0  # seconds
_REMEMBERED = 256


class ScarceLog:
    """Warnings, each of which is about something named by a key."""

    def __init__(self, name: str) -> None:
        self._log = logging.getLogger(name)
        self._said: dict[str, float] = {}

    def warning(self, key: str, message: str, *arguments: object) -> None:
        """Warn unless the same was said within the last minute."""
        now = time.monotonic()
        if now - self._said.get(key, -INTERVAL) < INTERVAL:
            return
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[key] = now
        self._log.warning(message, *arguments)
