"""The sidecar's life: opens its ports, gets the caches in step, serves, and ends cleanly."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from storyjob.api.settings import Settings
from storyjob.cluster.access import await_access
from storyjob.cluster.client import Cluster
from storyjob.cluster.connection import Connection
from storyjob.cluster.informer import Informer
from storyjob.cluster.resources import PROVIDERS, SCENES
from storyjob_webhook.access import needed
from storyjob_webhook.accounts import AccountIndex
from storyjob_webhook.app import build_internal, build_public
from storyjob_webhook.callbacks import Callbacks
from storyjob_webhook.gate import Gate
from storyjob_webhook.keys import SigningKeys
from storyjob_webhook.metrics import Metrics
from storyjob_webhook.probes import Readiness, routes
from storyjob_webhook.recorder import Recorder
from storyjob_webhook.scenes import SceneIndex
from storyjob_webhook.stories import Stories

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports listened on."""

    public: int
    internal: int


class Sidecar:
    """Everything of one process, over one cluster."""

    def __init__(self, settings: Settings, cluster: Cluster, callers: Cluster) -> None:
        """``cluster`` has the service account's rights, ``callers`` none but those of the tokens it is given."""
        self._settings = settings
        self._cluster = cluster
        self._namespaces: Sequence[str | None] = settings.watch_namespaces or (None,)
        self.readiness = Readiness()
        self.readiness.waits_for("caches", "the lists of Scenes and MediaProviders were not read yet")
        metrics = Metrics()
        self.scenes, self.accounts = scenes, accounts = SceneIndex(), AccountIndex()
        metrics.watch_size("scenes", "Scenes in the watch cache.", lambda: len(scenes))
        metrics.watch_size("waiting", "Callbacks that wait for the watch to catch up.", lambda: scenes.waiting)
        metrics.watch_size("providers", "MediaProviders in the watch cache.", lambda: len(accounts))
        self.informers = [
            Informer(cluster, kind, namespace, index.seen, index.lost)
            for namespace in self._namespaces
            for kind, index in ((PROVIDERS, accounts), (SCENES, scenes))
        ]
        self._recorder = Recorder(cluster, scenes, metrics)
        keys = SigningKeys(cluster, settings.namespace)
        self.callbacks = callbacks = Callbacks(
            scenes, accounts, keys, self._recorder, metrics, synced=lambda: self.synced
        )
        self.stories = stories = Stories(callers, settings.watch_namespaces)
        self._public = Gate(build_public(callbacks, metrics))
        self._internal = Gate(build_internal([*routes(self.readiness, metrics), *stories.routes()], metrics))

    @property
    def synced(self) -> bool:
        """Whether everything was listed once."""
        return all(informer.synced.is_set() for informer in self.informers)

    async def open(self) -> Ports:
        """Listen on both ports; the public one answers 503 until the caches are in step."""
        settings = self._settings
        public = await self._public.open(settings.webhook_host, settings.webhook_port)
        internal = await self._internal.open(settings.internal_host, settings.internal_port)
        _log.info("callbacks on port %d; probes, metrics and API on port %d", public, internal)
        return Ports(public, internal)

    async def follow(self) -> None:
        """Follow the cluster until cancelled. Raises ``AccessError``, or whatever ends a watch that must not end."""
        rights = needed(self._settings.namespace, self._namespaces)
        await await_access(self._cluster, rights, "sidecar", self.readiness.tell_access)
        async with asyncio.TaskGroup() as group:
            for informer in self.informers:
                group.create_task(informer.run())
            for informer in self.informers:
                await informer.synced.wait()
            self.readiness.has("caches")
            _log.info("ready")

    async def close(self) -> None:
        """Stop accepting, and finish what was accepted, within some ten seconds."""
        self.readiness.waits_for("shutdown", "shutting down")
        await asyncio.gather(self._public.close(), self._internal.close())
        await self._recorder.drain()


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ``AccessError`` when CRDs or rights stay missing."""
    connection = await Connection.load()
    cluster, callers = Cluster(connection), Cluster(connection.anonymous())
    sidecar = Sidecar(settings, cluster, callers)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await sidecar.open()
        await _until(stop, asyncio.create_task(sidecar.follow()))
    finally:
        await sidecar.close()
        await callers.close()
        await cluster.close()


async def _until(stop: asyncio.Event, work: asyncio.Task[None]) -> None:
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([work, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if work.done():
        work.result()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
