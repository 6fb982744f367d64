"""What happened in one run, told line by line for whoever must understand it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable


class Trace:
    """Lines with their time and their actor; put together only when somebody reads them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lines: list[tuple[float, str, str, tuple[object, ...]]] = []

    def add(self, actor: str, text: str, *args: object) -> None:
        """Tell one thing; ``args`` fill in the ``%s`` of the text."""
        self._lines.append((self._clock(), actor, text, args))

    def lines(self) -> list[str]:
        """Return all lines, oldest first."""
        return [f"{at:10.3f}  {actor:<12} {text % args}" for at, actor, text, args in self._lines]

    def digest(self) -> str:
        """Return a hash of all that happened: equal for equal runs."""
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._lines)
