"""One fast simulator with small media for the whole session, clean before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storyjob.simulator.settings import MediaMode, Settings
from support.simulator import Receiver, Simulator, running_receiver, running_simulator


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Simulator]:
    with running_simulator(Settings(speed=50, media=MediaMode.SMALL, speech_concurrency=2)) as simulator:
        yield simulator


@pytest.fixture
def simulator(_simulator: Simulator) -> Iterator[Simulator]:
    """A simulator with an empty ledger and no faults."""
    yield _simulator
    _simulator.http.delete("/_sim/faults")
    _simulator.http.delete("/_sim/ledger")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook receiver."""
    with running_receiver() as receiver:
        yield receiver
