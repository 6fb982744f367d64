"""Finished files on disk, each under a link that cannot be guessed and that expires."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from storyjob.simulator.clock import Clock
from storyjob.simulator.job import Media
from storyjob.simulator.script import Subject


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One output."""

    key: str
    path: Path
    content_type: str
    subject: Subject
    """Whose output it is, for faults on its download."""
    expires_at: float


class Files:
    """Keeps outputs for ``ttl`` seconds."""

    def __init__(self, folder: Path, clock: Clock, ttl: float) -> None:
        self._folder = folder
        self._clock = clock
        self._ttl = ttl
        self._files: dict[str, StoredFile] = {}
        self._by_age: deque[StoredFile] = deque()

    def put(self, media: Media, subject: Subject) -> StoredFile:
        """Keep a file and return it with its key."""
        self._sweep()
        key = secrets.token_urlsafe(24)
        path = self._folder / f"{key}.{media.extension}"
        path.write_bytes(media.data)
        stored = StoredFile(key, path, media.content_type, subject, self._clock.now() + self._ttl)
        self._files[key] = stored
        self._by_age.append(stored)
        return stored

    def find(self, key: str) -> StoredFile | None:
        """Return a file, or None once it expired."""
        self._sweep()
        return self._files.get(key)

    def forget(self, key: str) -> None:
        """Delete a file before its time."""
        stored = self._files.pop(key, None)
        if stored is not None:
            stored.path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        now = self._clock.now()
        while self._by_age and self._by_age[0].expires_at <= now:
            self.forget(self._by_age.popleft().key)
