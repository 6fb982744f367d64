"""Programs for tests out of Go modules that lie in the checkout, each built once and kept by what it was built from."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from storyjob.local.golang import get_go
from storyjob.local.lock import exclusive
from storyjob.local.release import cache_home
from storyjob.local.report import Report

BUILD_SECONDS = 1500  # a cold build on two cores takes one minute, a busy machine many


def built(module: Path, package: str = ".") -> Path:
    """Return the program of a module's folder, built where there is none of these sources yet."""
    name = module.name
    sources = b"".join(file.read_bytes() for file in sorted(module.iterdir()))
    program = cache_home() / f"{name}-{hashlib.sha256(sources).hexdigest()[:12]}"
    report = Report()
    with exclusive(program.with_name(f"{program.name}.lock"), lambda: report.line(f"Another process builds {name}.")):
        if not program.is_file():
            _build(module, package, program, report)
    return program


def _build(module: Path, package: str, program: Path, report: Report) -> None:
    report.line(f"Building {program.name} from its Go module; this happens once and takes a minute or two.")
    program.parent.mkdir(parents=True, exist_ok=True)
    go = get_go(module, report)
    with tempfile.TemporaryDirectory(prefix=f".{module.name}-", dir=program.parent) as scratch:
        made = Path(scratch) / module.name
        subprocess.run(
            [go.program, "build", "-trimpath", "-mod=readonly", "-ldflags=-s -w", "-o", made, package],
            cwd=module,
            # Without them a build takes what a build of Kubernetes left in Go's cache.
            env={**os.environ, "GOFLAGS": "", **go.environment, "CGO_ENABLED": "0"},
            timeout=BUILD_SECONDS,
            check=True,
        )
        made.rename(program)
