"""Lists and then watches one kind for ever, and reports each object seen, changed or gone."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

from storyjob.cluster.cache import Key
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError, Gone, Unavailable
from storyjob.cluster.resources import Resource

_log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
SHORT_WATCH = 1.0  # seconds; something between us and the server that ends each watch at once must not make us spin
WATCH_TRIES = 5  # from the same place, some 20 s; then everything is listed again

Seen = Callable[[dict[str, Any]], None]
Lost = Callable[[Key, str], None]


class Informer:
    """Keeps a caller up to date about one kind: ``seen(object)``, and ``lost(key, uid)`` when it is gone.

    With a label ``selector`` it is about what that picks, and nothing else.

    A watch that is cut goes on where it was; only when the server has forgotten that place (410) is everything listed
    again. After every list it reports as lost what it knew and the list did not show, so that deletions that happened
    meanwhile are not missed.
    """

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str | None,
        seen: Seen,
        lost: Lost,
        *,
        selector: str | None = None,
    ) -> None:
        self._cluster = cluster
        self._resource = resource
        self._namespace = namespace
        self._seen = seen
        self._lost = lost
        self._selector = selector
        self._known: dict[Key, str] = {}
        self._version: str | None = None
        self._failures = 0
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Run until cancelled; pauses grow to 30 s while the API server does not answer."""
        while True:
            try:
                if self._version is None:
                    self._version = await self._list()
                await self._watch(self._version)
            except Gone as error:
                self._version = None
                # Once is usual after a cut; a server that forgets everything at once must not be kept busy with lists.
                if self._failures:
                    await self._pause(error)
                self._failures += 1
            except ClusterError as error:
                if not isinstance(error, Unavailable) or self._failures >= WATCH_TRIES:
                    # The rights, the kind or the whole server may be other ones now: begin anew.
                    self._version = None
                await self._pause(error)

    async def _pause(self, error: ClusterError) -> None:
        self._failures += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures, 6)) * random.uniform(0.5, 1)  # noqa: S311 (spread, not secret)
        again = "listing" if self._version is None else "watching"
        _log.warning("%s: %s; %s again in %.1f s", self._resource.plural, error, again, pause)
        await asyncio.sleep(pause)

    async def _list(self) -> str:
        listed: dict[Key, str] = {}
        version = ""
        async for page, at in self._cluster.pages(self._resource, self._namespace, selector=self._selector):
            version = at
            for item in page:
                listed[_key(item)] = item["metadata"]["uid"]
                self._take(item)
        for key, uid in self._known.items():
            if listed.get(key) != uid:
                self._lost(key, uid)
        self._known = listed
        self.synced.set()
        return version

    async def _watch(self, version: str) -> None:
        """Watch until the server ends it, as it does every few minutes."""
        began = asyncio.get_running_loop().time()
        events = self._cluster.watch(self._resource, self._namespace, version, selector=self._selector)
        async for kind, item in events:
            self._failures = 0
            if kind != "BOOKMARK":
                self._tell(kind, item)
            self._version = item["metadata"]["resourceVersion"]
        if asyncio.get_running_loop().time() - began < SHORT_WATCH:
            raise Unavailable(f"watch {self._resource.plural}: it ended at once")
        self._failures = 0

    def _tell(self, kind: str, item: dict[str, Any]) -> None:
        key, uid = _key(item), item["metadata"]["uid"]
        if kind == "DELETED":
            self._known.pop(key, None)
            self._lost(key, uid)
        else:
            self._known[key] = uid
            self._take(item)

    def _take(self, item: dict[str, Any]) -> None:
        try:
            self._seen(item)
        except Exception:  # noqa: BLE001 (one object that cannot be read must not hide all the others)
            _log.exception("%s %s cannot be read and is passed over", self._resource.kind, "/".join(_key(item)))


def _key(item: dict[str, Any]) -> Key:
    return Key(item["metadata"]["namespace"], item["metadata"]["name"])
