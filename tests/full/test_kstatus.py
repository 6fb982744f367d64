"""The real kstatus library says of every state what our own reading of its rules says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.gomodule import BUILD_SECONDS, built
from support.kstatus import kstatus
from support.states import every_state


@pytest.fixture(scope="module")
def library() -> Path:
    """The library as a program."""
    return built(Path(__file__).parent / "kstatus")


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_the_library_and_our_reading_of_it_agree_on_every_state(library: Path) -> None:
    states = every_state()
    objects = json.dumps([state.item for state in states])

    said = json.loads(subprocess.run([library], input=objects, capture_output=True, text=True, check=True).stdout)

    told = dict(zip((state.name for state in states), said, strict=True))
    assert told == {state.name: kstatus(state.item) for state in states}
    assert told == {state.name: state.kstatus for state in states}
