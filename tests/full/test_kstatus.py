"""The real kstatus library says of every state what our own reading of its rules says."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from storyjob.local.golang import get_go
from storyjob.local.lock import exclusive
from storyjob.local.release import cache_home
from storyjob.local.report import Report
from support.kstatus import kstatus
from support.states import every_state

MODULE = Path(__file__).parent / "kstatus"
BUILD_SECONDS = 1500  # a cold build on two cores takes one minute, a busy machine many


@pytest.fixture(scope="module")
def library() -> Path:
    """The library as a program, built once from its Go module and kept by what it was built from."""
    sources = b"".join(file.read_bytes() for file in sorted(MODULE.iterdir()))
    program = cache_home() / f"kstatus-{hashlib.sha256(sources).hexdigest()[:12]}"
    report = Report()
    with exclusive(program.with_name(f"{program.name}.lock"), lambda: report.line("Another process builds kstatus.")):
        if not program.is_file():
            _build(program, report)
    return program


def _build(program: Path, report: Report) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    go = get_go(MODULE, report)
    with tempfile.TemporaryDirectory(prefix=".kstatus-", dir=program.parent) as scratch:
        built = Path(scratch) / "kstatus"
        subprocess.run(
            [go.program, "build", "-trimpath", "-mod=readonly", "-o", built, "."],
            cwd=MODULE,
            env={**os.environ, **go.environment, "CGO_ENABLED": "0"},
            timeout=BUILD_SECONDS,
            check=True,
        )
        built.rename(program)


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_the_library_and_our_reading_of_it_agree_on_every_state(library: Path) -> None:
    states = every_state()
    objects = json.dumps([state.item for state in states])

    said = json.loads(subprocess.run([library], input=objects, capture_output=True, text=True, check=True).stdout)

    told = dict(zip((state.name for state in states), said, strict=True))
    assert told == {state.name: kstatus(state.item) for state in states}
    assert told == {state.name: state.kstatus for state in states}
