"""The slim watch cache of Scenes: by uid, only what a callback is judged by, about 1 KiB a scene."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from storyjob.api.scene import LIVE_PHASES
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.cache import Key

WAIT_SECONDS = 1.0  # how long a callback may be ahead of our watch
WAITERS = 256  # callbacks that wait for the watch at once; more are told to come back


@dataclass(frozen=True, slots=True)
class Attempt:
    """A step's newest attempt."""

    token_hash: str
    provider: str | None
    job_id: str | None
    open: bool
    """Whether a callback can still tell anything new."""
    recorded: bool
    """Whether a callback of this very attempt is in the status."""
    recorded_job: str | None
    recorded_end: bool
    """Whether that callback said that the job has ended."""


@dataclass(frozen=True, slots=True)
class SceneEntry:
    """One scene's attempts."""

    key: Key
    uid: str
    version: int
    attempts: Mapping[StepKind, Attempt]


class TooManyWaiting(Exception):
    """So many callbacks wait for the watch that another one may not."""


class SceneIndex:
    """The scenes by uid; an older resourceVersion never replaces a newer one."""

    def __init__(self) -> None:
        self._entries: dict[str, SceneEntry] = {}
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def waiting(self) -> int:
        """How many callbacks wait for the watch."""
        return self._waiting

    def seen(self, item: dict[str, Any]) -> None:
        """Take in a Scene that a list or a watch showed."""
        entry = _entry(item)
        known = self._entries.get(entry.uid)
        if known is not None and known.version >= entry.version:
            return
        self._entries[entry.uid] = entry
        for waiter in self._waiters.pop(entry.uid, ()):
            if not waiter.done():
                waiter.set_result(None)

    def lost(self, key: Key, uid: str) -> None:
        """Forget a Scene that is gone; ``key`` may be another Scene's by now."""
        self._entries.pop(uid, None)

    def absorb(self, item: dict[str, Any]) -> None:
        """Take in the answer to an own write, unless the watch has said meanwhile that the Scene is gone."""
        if item["metadata"]["uid"] in self._entries:
            self.seen(item)

    def get(self, uid: str) -> SceneEntry | None:
        """Return the scene as it was last seen."""
        return self._entries.get(uid)

    async def find(self, uid: str, accepts: Callable[[SceneEntry], bool]) -> SceneEntry | None:
        """Return the scene; wait a little for the watch while it is unknown or not yet as ``accepts`` wants it."""
        entry = self._entries.get(uid)
        if entry is not None and accepts(entry):
            return entry
        if self._waiting >= WAITERS:
            raise TooManyWaiting
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while entry is None or not accepts(entry):
                    await self._change(uid)
                    entry = self._entries.get(uid)
        except TimeoutError:
            return self._entries.get(uid)
        finally:
            self._waiting -= 1
        return entry

    async def _change(self, uid: str) -> None:
        waiter = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(uid, set())
        waiters.add(waiter)
        try:
            await waiter
        finally:
            waiters.discard(waiter)
            if not waiters and self._waiters.get(uid) is waiters:
                del self._waiters[uid]


def _entry(item: dict[str, Any]) -> SceneEntry:
    metadata = item["metadata"]
    steps = (item.get("status") or {}).get("steps") or {}
    return SceneEntry(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        attempts={kind: _attempt(steps[kind]) for kind in StepKind if (steps.get(kind) or {}).get("tokenHash")},
    )


def _attempt(step: dict[str, Any]) -> Attempt:
    token_hash, job_id = step["tokenHash"], step.get("jobId")
    callback = step.get("callback") or {}
    recorded = callback.get("tokenHash") == token_hash
    phase = step.get("phase")
    # An attempt that ended without its job ever being known may still be told of it: money was perhaps spent.
    lost_sight_of = phase != StepPhase.SUCCEEDED and job_id is None
    return Attempt(
        token_hash=token_hash,
        provider=step.get("provider"),
        job_id=job_id,
        open=phase in LIVE_PHASES or lost_sight_of,
        recorded=recorded,
        recorded_end=recorded and callback.get("ended", True),
        recorded_job=callback.get("jobId") if recorded else None,
    )
