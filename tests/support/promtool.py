"""Prometheus' own tool: the one on the PATH, else that of Debian's package, unpacked into our cache."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from storyjob.local.release import cache_home


class Promtool:
    """Runs the tool."""

    def __init__(self, program: str) -> None:
        self._program = program

    def __call__(self, *arguments: str | Path, text: str | None = None) -> str:
        """Return what it says with ``text`` as its input; it must be content."""
        done = subprocess.run(
            [self._program, *arguments], input=text, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def get_promtool() -> Promtool:
    """Return the tool; skips the test where it cannot be had."""
    if found := shutil.which("promtool"):
        return Promtool(found)
    cached = cache_home() / "promtool"
    if not cached.is_file():
        with tempfile.TemporaryDirectory() as folder:
            _unpack(folder)
            cached.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder) / "usr" / "bin" / "promtool", cached)
    return Promtool(str(cached))


def _unpack(folder: str) -> None:
    for command in (["apt-get", "download", "-q", "prometheus"], ["sh", "-c", "dpkg-deb -x prometheus_*.deb ."]):
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        except FileNotFoundError:
            pytest.skip("promtool is not on the PATH; install prometheus")
        if done.returncode != 0:
            pytest.skip(f"promtool is not on the PATH, and Debian's cannot be had: {done.stderr.strip()[-200:]}")
