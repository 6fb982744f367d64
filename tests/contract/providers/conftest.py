"""A fresh simulator of all vendors for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from storyjob.egress import public_client
from storyjob.simulator.server import serve
from storyjob.simulator.settings import MediaMode, Settings
from support.services.world import World
from support.vendor_world import Simulation


@pytest.fixture
async def simulation() -> AsyncIterator[Simulation]:
    """A world in which jobs take some hundredths of a second, reached by the client that the operator uses."""
    settings = Settings(speed=100, media=MediaMode.SMALL)
    async with serve(settings) as url, public_client(["127.0.0.1"], timeout=httpx.Timeout(30)) as http:
        yield Simulation(url, http)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Services of somebody's own, as many as a test runs, reached by the client that the operator uses."""
    async with AsyncExitStack() as stack, public_client(["127.0.0.1"], timeout=httpx.Timeout(30)) as http:
        yield World(stack, http)
