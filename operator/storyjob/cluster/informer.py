"""Lists and then watches one kind for ever, and reports each object seen, changed or gone."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

from storyjob.cluster.cache import Key
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError, Gone
from storyjob.cluster.resources import Resource

_log = logging.getLogger(__name__)

Seen = Callable[[dict[str, Any]], None]
Lost = Callable[[Key, str], None]


class Informer:
    """Keeps a caller up to date about one kind: ``seen(object)``, and ``lost(key, uid)`` when it is gone.

    After every list it reports as lost what it knew and the list did not show, so that deletions that
    happened while the watch was cut are not missed.
    """

    def __init__(self, cluster: Cluster, resource: Resource, namespace: str | None, seen: Seen, lost: Lost) -> None:
        self._cluster = cluster
        self._resource = resource
        self._namespace = namespace
        self._seen = seen
        self._lost = lost
        self._known: dict[Key, str] = {}
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Run until cancelled; pauses grow to 30 s while the API server does not answer."""
        failures = 0
        while True:
            try:
                version = await self._list()
                failures = 0
                await self._watch(version)
            except ClusterError as error:
                failures += 1
                pause = min(30.0, 0.5 * 2 ** min(failures, 6)) * random.uniform(0.5, 1)  # noqa: S311 (spread, not secret)
                _log.warning("%s: %s; listing again in %.1f s", self._resource.plural, error, pause)
                await asyncio.sleep(pause)

    async def _list(self) -> str:
        items, version = await self._cluster.list(self._resource, self._namespace)
        listed = {_key(item): item["metadata"]["uid"] for item in items}
        for key, uid in list(self._known.items()):
            if listed.get(key) != uid:
                self._lost(key, uid)
        self._known = listed
        for item in items:
            self._seen(item)
        self.synced.set()
        return version

    async def _watch(self, version: str) -> None:
        while True:
            try:
                async for kind, item in self._cluster.watch(self._resource, self._namespace, version):
                    version = item["metadata"]["resourceVersion"]
                    self._take(kind, item)
            except Gone:
                return

    def _take(self, kind: str, item: dict[str, Any]) -> None:
        if kind == "BOOKMARK":
            return
        key, uid = _key(item), item["metadata"]["uid"]
        if kind == "DELETED":
            self._known.pop(key, None)
            self._lost(key, uid)
        else:
            self._known[key] = uid
            self._seen(item)


def _key(item: dict[str, Any]) -> Key:
    return Key(item["metadata"]["namespace"], item["metadata"]["name"])
