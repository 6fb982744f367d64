"""Runs a program on a line of a vendor's SDK that cannot be installed beside the one in our own environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from storyjob.local.release import cache_home

_FIRST_TIME = 240.0  # seconds; later runs find the environment made


def run_line(program: Path, *arguments: str) -> dict[str, Any]:
    """Run a program in the environment that its lock file describes, and return the JSON that it prints."""
    options = ("--quiet", "--no-project", "--frozen", "--python", sys.executable)
    done = subprocess.run(
        [_uv(), "run", *options, "--script", str(program), *arguments],
        env={**os.environ, "UV_CACHE_DIR": str(cache_home() / "sdks"), "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        timeout=_FIRST_TIME,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _uv() -> str:
    """Return the uv that runs us, or one that is installed, or the one that the Makefile fetched."""
    found = os.environ.get("UV") or shutil.which("uv")
    return found or str(cache_home() / "uv" / "bin" / "uv")
