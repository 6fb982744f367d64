"""Ends a long-running command, even where a thread of it still waits for something outside."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_SECONDS = 5.0


@contextmanager
def ending_soon(seconds: float = EXIT_SECONDS) -> Iterator[None]:
    """End the process at most so long after the block, whatever its threads still wait for.

    Python waits for every thread, and one may hang on a bucket or a name server that does not answer. What must not
    be lost is written before the block ends.
    """
    status = 1
    try:
        yield
        status = 0
    finally:
        end = threading.Timer(seconds, os._exit, (status,))
        end.daemon = True
        end.start()
