"""Makes sure that no child process outlives us, however we die."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Loaded before any fork: between fork and exec only what needs no lock is safe.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> Callable[[], None] | None:
    """Return a ``preexec_fn`` after which the kernel kills the child when our thread ends, or None.

    Linux only; elsewhere a SIGKILL of the parent leaves its children. The kernel watches the *thread* that
    forked, so start processes from the main thread.
    """
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return ask_the_kernel
