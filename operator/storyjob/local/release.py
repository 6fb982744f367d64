"""Which Kubernetes the local world runs, and where what it fetches is kept."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

KUBERNETES = "1.37.2"
ETCD = "3.7.3"

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def operating_system() -> str:
    """Return the operating system as Go names it, such as ``linux`` or ``darwin``."""
    return sys.platform


def architecture() -> str:
    """Return the processor as Go names it, such as ``amd64`` or ``arm64``."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, machine)


def cache_home() -> Path:
    """Return our cache folder: ``STORYJOB_CACHE``, else ``storyjob`` under the XDG cache folder."""
    if own := os.environ.get("STORYJOB_CACHE"):
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    # The XDG specification says that a relative path here is to be ignored.
    home = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return home / "storyjob"


def binaries_home() -> Path:
    """Return the cache folder of this release's control plane binaries, whether it is there or not."""
    return cache_home() / f"kubernetes-{KUBERNETES}-{operating_system()}-{architecture()}"
