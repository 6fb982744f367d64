"""The simulator of all vendors, and the adapters connected to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import httpx

from storyjob.api.outcome import Accepted, JobPhase, Observation
from storyjob.providers.base import Connection, Job, Provider, Request
from storyjob.providers.registry import provider_type
from support.accounts import KEYS, vendor_of
from support.vendors import an_attempt, description

ATTEMPT = an_attempt(callback_url=None)
_ENDED = {JobPhase.SUCCEEDED, JobPhase.FAILED, JobPhase.CANCELED, JobPhase.GONE}
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Simulation:
    """A running simulator."""

    url: str
    http: httpx.AsyncClient

    def connection(self, type_: str, key: str | None = None) -> Connection:
        """Return how to reach a vendor."""
        vendor = vendor_of(type_)
        return Connection(f"{self.url}/{vendor}", key or KEYS[vendor], self.http, service=description(type_))

    def provider(self, type_: str, key: str | None = None) -> Provider:
        """Return an adapter that talks to the simulator."""
        return provider_type(type_).build(self.connection(type_, key))

    async def fault(self, name: str, **more: Any) -> None:
        """Let something go wrong once."""
        answer = await self.http.post(f"{self.url}/_sim/faults", json=[{"fault": name, **more}])
        answer.raise_for_status()

    async def ledger(self) -> list[dict[str, Any]]:
        """Return every submission that reached a vendor."""
        entries: list[dict[str, Any]] = (await self.http.get(f"{self.url}/_sim/ledger")).json()
        return entries

    async def bought(self) -> int:
        """Return how many jobs the vendors took."""
        return sum(entry["job_id"] is not None for entry in await self.ledger())


async def accepted(provider: Provider, request: Request, **attempt: Any) -> Job:
    """Submit and return the job that was taken."""
    outcome = await provider.submit(request, replace(ATTEMPT, **attempt))
    assert isinstance(outcome, Accepted), outcome
    return Job(outcome.job_id, request.step, request.model, outcome.handles)


async def ended(provider: Provider, job: Job) -> Observation:
    """Ask until the job has ended."""
    async with asyncio.timeout(30):
        while True:
            seen = await provider.observe(job)
            if seen.phase in _ENDED:
                return seen
            await asyncio.sleep(_POLL_SECONDS)
