"""What kopf remembers of objects to tell their changes: nothing."""

from __future__ import annotations

from typing import Any

import kopf


class NoDiffs(kopf.DiffBaseStorage):
    """Spares a copy of every object at every event: only handlers for changes ask what changed, and we have none."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return that there is nothing to compare."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Return that nothing was remembered."""

    def store(self, **_: Any) -> None:
        """Remember nothing, so no prompt is ever copied into an annotation."""
