"""The signing keys of the providers, read on demand from the one Secret that the operator writes them into."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Callable, Mapping

from storyjob.cluster.client import Cluster, Json
from storyjob.cluster.errors import ClusterError, NotFound
from storyjob.cluster.resources import SECRETS

SECRET_NAME = "storyjob-webhook-keys"  # noqa: S105 (the name of the Secret, not a secret)
REREAD_SECONDS = 5.0  # at most this often when a signature fails, or a key stays missing
MISS_SECONDS = 0.5  # at most this often for a MediaProvider that is new to us, whose first callback may be here already
MISSES = 20  # so often, then it stays missing
MISSES_KNOWN = 1024  # MediaProviders
MAX_AGE_SECONDS = 60.0  # a key that was withdrawn is believed at most this long

_log = logging.getLogger(__name__)


class SigningKeys:
    """What signatures are checked with, by MediaProvider uid; several while a key is being exchanged."""

    def __init__(self, cluster: Cluster, namespace: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._clock = clock
        self._keys: Mapping[str, tuple[str, ...]] = {}
        self._misses: dict[str, int] = {}
        self._read_at = -MAX_AGE_SECONDS * 1000
        self._lock = asyncio.Lock()

    async def of(self, uid: str) -> tuple[str, ...]:
        """Return the secrets of one MediaProvider, none when the operator has not written any yet."""
        if uid in self._keys:
            await self._read(older_than=MAX_AGE_SECONDS)
        elif self._misses.get(uid, 0) < MISSES:
            await self._look_for(uid)
        else:
            await self._read(older_than=REREAD_SECONDS)
        return self._keys.get(uid, ())

    async def _look_for(self, uid: str) -> None:
        """Read until now, so that what the operator wrote before it submitted the job is found."""
        # Not under the lock: callbacks of known providers go on meanwhile.
        await asyncio.sleep(max(0.0, min(MISS_SECONDS, self._read_at + MISS_SECONDS - self._clock())))
        await self._read(older_than=MISS_SECONDS)
        if uid in self._keys:
            self._misses.pop(uid, None)
            return
        if len(self._misses) >= MISSES_KNOWN:
            self._misses.clear()
        self._misses[uid] = self._misses.get(uid, 0) + 1

    async def newer_of(self, uid: str, than: tuple[str, ...]) -> tuple[str, ...]:
        """Return other secrets than those that just failed, none when there are no others."""
        await self._read(older_than=REREAD_SECONDS)
        found = self._keys.get(uid, ())
        return found if found != than else ()

    async def _read(self, *, older_than: float) -> None:
        async with self._lock:
            if self._clock() - self._read_at < older_than:
                return
            self._read_at = self._clock()
            try:
                secret = await self._cluster.get(SECRETS, self._namespace, SECRET_NAME)
            except NotFound:
                self._keys = {}
            except ClusterError as error:
                # What we have may still be right, and without any the vendor is asked to come back.
                _log.warning("cannot read the webhooks' signing keys: %s", error)
            else:
                self._keys = _parse(secret)


def _parse(secret: Json) -> dict[str, tuple[str, ...]]:
    keys: dict[str, tuple[str, ...]] = {}
    for uid, encoded in (secret.get("data") or {}).items():
        try:
            text = base64.b64decode(encoded, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            _log.warning("Secret %s: the value of %s is not text in base64; it is left out", SECRET_NAME, uid)
            continue
        keys[uid] = tuple(line.strip() for line in text.splitlines() if line.strip())
    return keys
