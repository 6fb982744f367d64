"""What `.ci/run` does and leaves out, tried with stand-ins for make, apt-get and the trial of a node."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / ".ci" / "run"
LEFT_OUT = "- MAKE E2E, the release on a real node: "


@dataclass(frozen=True)
class Checkout:
    """A folder in which everything is a stand-in but the script."""

    folder: Path

    def stand_in(self, program: str, script: str) -> None:
        path = self.folder / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, **environment: str) -> tuple[int, list[str], list[str]]:
        """Return the exit code, what it printed, and the targets that were made."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            [self.folder / ".ci" / "run"],
            env={**os.environ, "PATH": path, "MADE": str(self.folder / "made"), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout.splitlines(), (self.folder / "made").read_text().split()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """One in which all goes well."""
    monkeypatch.delenv("E2E", raising=False)
    made = Checkout(tmp_path)
    made.stand_in("bin/make", 'echo "$@" >> "$MADE"')
    made.stand_in("bin/apt-get", "exit 1")
    made.stand_in(".venv/bin/python", "exit 0")
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci" / "run")
    return made


def test_where_a_node_can_run_all_is_done(checkout: Checkout) -> None:
    code, said, made = checkout.run()

    assert code == 0
    assert made == ["setup", "binaries", "helm", "verify", "test", "e2e"]
    assert not [line for line in said if "MAKE E2E" in line]


def test_what_stands_in_the_way_of_a_node_is_said_last_and_is_no_failure(checkout: Checkout) -> None:
    checkout.stand_in(".venv/bin/python", "echo Fetching; echo 'no Docker daemon starts' >&2; exit 1")

    code, said, made = checkout.run()

    assert code == 0
    assert "e2e" not in made
    assert said[-1] == f"{LEFT_OUT}no Docker daemon starts"


def test_it_can_be_left_out(checkout: Checkout) -> None:
    code, said, made = checkout.run(E2E="0")

    assert (code, said[-1]) == (0, f"{LEFT_OUT}E2E=0 was asked for")
    assert made[-1] == "test"


def test_with_too_little_time_left_it_is_left_out(checkout: Checkout) -> None:
    script = checkout.folder / ".ci" / "run"
    # As if the parts before had taken 66 of the 90 minutes.
    script.write_text(script.read_text().replace("export CI=true", "export CI=true SECONDS=3960"))

    code, said, made = checkout.run()

    assert code == 0
    assert re.fullmatch(re.escape(LEFT_OUT) + r"only 2[34] of 90 minutes are left, and it wants 25", said[-1])
    assert made[-1] == "test"


@pytest.mark.parametrize(
    ("broken", "after"), [("verify", True), ("test", True), ("e2e", True), ("binaries", False), ("helm", False)]
)
def test_one_part_that_fails_fails_all(checkout: Checkout, broken: str, after: bool) -> None:
    checkout.stand_in("bin/make", f'echo "$@" >> "$MADE"; [ "$1" != {broken} ]')

    code, said, made = checkout.run()

    assert code == 1
    assert ("e2e" in made) is after
    assert any("FAILED (1)" in line for line in said) is after
