"""Keeps files at hand that were just written to the bucket, so that nobody downloads them again."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections import OrderedDict
from pathlib import Path

_log = logging.getLogger(__name__)


class Shelf:
    """Hard links to files of ours by their keys, up to so many bytes; the oldest go first.

    Losing any of it costs a download and nothing else. Threads may use it at the same time.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, path: Path) -> None:
        """Keep a file that must not be changed any more. A file that is too large is not kept."""
        with self._lock:
            self._drop(key)
            size = path.stat().st_size
            if size > self._max_bytes:
                return
            try:
                os.link(path, self._path(key))
            except OSError as error:  # not every file system has links
                _log.debug("%s is not kept at hand: %s", key, error)
                return
            self._sizes[key] = size
            while sum(self._sizes.values()) > self._max_bytes:
                self._drop(next(iter(self._sizes)))

    def take(self, key: str, path: Path) -> bool:
        """Let ``path`` be the file that was kept; ``False`` when there is none."""
        with self._lock:
            if key not in self._sizes:
                return False
            self._sizes.move_to_end(key)
            os.link(self._path(key), path)
            return True

    def has(self, key: str) -> bool:
        """Return whether a file is there, at this moment."""
        with self._lock:
            return key in self._sizes

    def drop(self, key: str) -> None:
        """Forget a file; what the bucket holds under its key is another one now, or none."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        if self._sizes.pop(key, None) is not None:
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._directory / hashlib.sha256(key.encode()).hexdigest()
