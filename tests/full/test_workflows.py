"""actionlint, built from its Go module, finds nothing in the workflows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.controlplane import PROJECT
from support.gomodule import BUILD_SECONDS, built

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yaml"))


@pytest.fixture(scope="module")
def actionlint() -> Path:
    """The program."""
    return built(Path(__file__).parent / "actionlint", "github.com/rhysd/actionlint/cmd/actionlint")


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_the_workflows_are_valid(actionlint: Path) -> None:
    done = subprocess.run([actionlint, "-no-color", *WORKFLOWS], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_a_mistake_would_be_found(actionlint: Path, tmp_path: Path) -> None:
    mistaken = tmp_path / "mistaken.yaml"
    mistaken.write_text("on: push\njobs: {one: {runs-on: ubuntu-24.04, steps: [{run: make, timeout: 5}]}}\n")

    done = subprocess.run([actionlint, "-no-color", mistaken], capture_output=True, text=True, check=False)

    assert 'unexpected key "timeout"' in done.stdout
