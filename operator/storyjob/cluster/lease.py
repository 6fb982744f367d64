"""One leader at a time: a Lease that is taken, renewed, lost in time, and given back.

The library that comes with the client (``kubernetes.aio.leaderelection``) goes on leading when a renewal fails with
anything but an API error, compares wall clocks, and never gives a lease back; hence this one.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storyjob.ambient import monotonic, now, random_hex
from storyjob.api.settings import LONGEST_LEASE_SECONDS
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError, Conflict, NotFound, TestFailed
from storyjob.cluster.resources import LEASES

_log = logging.getLogger(__name__)

TRIES = 7.5  # how often a lease's length its followers look at it
RENEWALS = 5.0  # how often a lease's length its holder renews it
TELLING_SECONDS = 60.0  # for what has to be done in a cluster that was set back, before this process may end
TRUST = 2 / 3
"""The part of its length that a holder relies on; the rest is what clocks and pauses may be off before another acts."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Which Lease, for how long, and who asks."""

    namespace: str
    name: str
    instance: str
    """Names the pod. A process of the same instance takes over at once: its predecessor is dead."""
    seconds: float = 15.0


class Lease:
    """The right to act for all replicas. ``valid`` ends by itself, whether or not anybody can be asked."""

    def __init__(self, cluster: Cluster, terms: Terms) -> None:
        self.identity = f"{terms.instance}_{random_hex(4)}"
        self._cluster = cluster
        self._terms = terms
        self._valid_until = float("-inf")
        self.left_at: datetime | None = None
        """When the holder before us renewed it last, by its own clock; None when it gave the lease back."""
        self._seen: tuple[str, float] = ("", monotonic())
        self._newest = 0
        self.set_back = asyncio.Event()
        """The Lease is older than it was: the cluster was restored from a snapshot. Whoever saw to that clears it."""

    @property
    def valid(self) -> bool:
        """Whether nobody else can hold the lease now. To be asked right before anything that must not happen twice."""
        return monotonic() < self._valid_until

    async def take(self) -> None:
        """Return once the lease is ours."""
        while True:
            try:
                async with asyncio.timeout(self._terms.seconds / 3):
                    if await self._claim():
                        _log.info("leading as %s", self.identity, extra={"action": "lead"})
                        return
            except (ClusterError, TimeoutError) as error:
                _log.warning("the lease cannot be read: %s", str(error) or "no answer in time")
            await asyncio.sleep(self._terms.seconds / TRIES)

    async def keep(self) -> None:
        """Renew the lease; return once another holds it. While it cannot be renewed it stays ours, but not valid."""
        while True:
            await asyncio.sleep(self._terms.seconds / RENEWALS)
            try:
                async with asyncio.timeout(self._terms.seconds / 3):
                    if not await self._renew():
                        break
            except (ClusterError, TimeoutError) as error:
                _log.warning("the lease cannot be renewed: %s", str(error) or "no answer in time")
        self._valid_until = float("-inf")
        with suppress(TimeoutError):
            async with asyncio.timeout(TELLING_SECONDS):
                # What this process knows and the cluster forgot is being written.
                while self.set_back.is_set():  # noqa: ASYNC110 (rare, and late by nothing that matters)
                    await asyncio.sleep(0.1)

    async def release(self) -> None:
        """Give the lease back at once, so that a follower need not wait for it to run out."""
        self._valid_until = float("-inf")
        try:
            async with asyncio.timeout(self._terms.seconds / 3):
                await self._patch(self._held_by(self.identity), holderIdentity="", renewTime=_stamp())
        except TestFailed:
            _log.info("the lease is another's already")
        except (ClusterError, TimeoutError) as error:
            why = str(error) or "no answer in time"
            _log.warning("the lease runs out by itself, it could not be given back: %s", why)

    async def _claim(self) -> bool:
        began = monotonic()
        try:
            found = await self._cluster.get(LEASES, self._terms.namespace, self._terms.name)
        except NotFound:
            return await self._create(began)
        self._note(found)
        spec = found.get("spec") or {}
        if not self._is_free(found["metadata"]["resourceVersion"], spec):
            return False
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": found["metadata"]["resourceVersion"]}
        try:
            await self._cluster.json_patch(
                LEASES,
                self._terms.namespace,
                self._terms.name,
                [version, {"op": "add", "path": "/spec", "value": self._spec(spec.get("leaseTransitions") or 0)}],
            )
        except (TestFailed, Conflict):
            return False
        self._trust_from(began)
        self.left_at = _renewed(spec) if spec.get("holderIdentity") else None
        return True

    def _note(self, lease: dict[str, Any]) -> None:
        version = int(lease["metadata"]["resourceVersion"])
        if version < self._newest:
            self.set_back.set()
        self._newest = version

    def _is_free(self, version: str, spec: dict[str, Any]) -> bool:
        """Whether nobody holds the lease: by our own clock, since when nothing of it has changed."""
        if self._seen[0] != version:
            self._seen = version, monotonic()
        holder = spec.get("holderIdentity") or ""
        if not holder or holder.rpartition("_")[0] == self._terms.instance:
            return True
        told = min(float(spec.get("leaseDurationSeconds") or 0), LONGEST_LEASE_SECONDS)
        seconds = max(told, self._terms.seconds)
        return monotonic() >= self._seen[1] + seconds

    async def _create(self, began: float) -> bool:
        meta = {"name": self._terms.name, "namespace": self._terms.namespace}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": self._spec(-1)}
        try:
            await self._cluster.create(LEASES, self._terms.namespace, body)
        except Conflict:
            return False
        self._trust_from(began)
        return True

    async def _renew(self) -> bool:
        began = monotonic()
        try:
            # Renewals that arrive while no answer does would keep all others from leading, and we may not.
            if not self.valid and not await self._is_ours():
                return False
            self._note(await self._patch(self._held_by(self.identity), renewTime=_stamp()))
        except TestFailed:
            await self._is_ours()
            _log.warning("the lease was taken by another", extra={"action": "lost-lease"})
            return False
        except NotFound:
            return await self._create(began)
        self._trust_from(began)
        return True

    async def _is_ours(self) -> bool:
        found = await self._cluster.get(LEASES, self._terms.namespace, self._terms.name)
        self._note(found)
        return bool((found.get("spec") or {}).get("holderIdentity") == self.identity)

    def _trust_from(self, began: float) -> None:
        # Counted from before the request went out: when it was carried out, nobody knows.
        self._valid_until = began + self._terms.seconds * TRUST

    def _held_by(self, identity: str) -> dict[str, Any]:
        return {"op": "test", "path": "/spec/holderIdentity", "value": identity}

    async def _patch(self, test: dict[str, Any], **fields: str) -> dict[str, Any]:
        changes = [{"op": "add", "path": f"/spec/{name}", "value": value} for name, value in fields.items()]
        return await self._cluster.json_patch(LEASES, self._terms.namespace, self._terms.name, [test, *changes])

    def _spec(self, transitions: int) -> dict[str, Any]:
        stamp = _stamp()
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": round(self._terms.seconds),
            "acquireTime": stamp,
            "renewTime": stamp,
            "leaseTransitions": transitions + 1,
        }


def _stamp() -> str:
    """Return the time as Kubernetes' MicroTime, for people to read: who leads never hangs on it."""
    return now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _renewed(spec: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(spec.get("renewTime") or "").astimezone(UTC)
    except ValueError:
        return None
