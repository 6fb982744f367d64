"""Starts the operator around kopf and stops it in the order that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from typing import Any

import kopf

from storyjob.api.resource import KOPF_FINALIZER
from storyjob.api.settings import Settings
from storyjob.cluster.access import await_access
from storyjob.cluster.client import PAGE, SILENCE_SECONDS, WATCH_SECONDS
from storyjob.cluster.errors import ClusterError
from storyjob.cluster.lease import Lease, Terms
from storyjob.handlers.probes import Probes
from storyjob.handlers.storage import NoDiffs
from storyjob.handlers.timers import register_timers
from storyjob.handlers.watch import register_watches
from storyjob.reconcile.assemble import assemble
from storyjob.reconcile.census import Census
from storyjob.reconcile.leadership import lead
from storyjob.reconcile.metrics import REGISTRY
from storyjob.reconcile.operator import Operator
from storyjob.reconcile.rights import needed
from storyjob.tracing.setup import tracer_from_environment

_log = logging.getLogger(__name__)

LONGEST_PAUSE = 10.0  # seconds


class Pauses:
    """Seconds between kopf's tries of one request, without an end: an outage of the API server is waited for.

    With an end kopf would end with them, and what is being bought just then would have to be finished in a hurry.
    """

    def __iter__(self) -> Iterator[float]:
        pause = 0.5
        while True:
            yield pause
            pause = min(2 * pause, LONGEST_PAUSE)


async def run(settings: Settings) -> None:
    """Run until SIGTERM, SIGINT, or until a part that must not end has ended."""
    instance = settings.instance or socket.gethostname()
    operator = Operator(await assemble(settings, instance))
    world, probes = operator.world, Probes(settings)
    world.tracer = tracer_from_environment()
    REGISTRY.register(Census(world))
    try:
        await probes.start()
        served, film_jobs = settings.watch_namespaces or (None,), settings.film_runner == "Job"
        rights = needed(settings.namespace, served, settings.lease_name, film_jobs=film_jobs)
        await await_access(world.cluster, rights, "operator", probes.waits_for)
        await operator.bucket_works()
        await operator.resync()
        probes.ready = True
        terms = Terms(settings.namespace, settings.lease_name, instance, settings.lease_seconds)
        await _serve(operator, settings, Lease(world.cluster, terms))
    finally:
        await world.tracer.close()
        await probes.stop()
        await world.cluster.close()
        shutil.rmtree(world.work_dir, ignore_errors=True)


async def _serve(operator: Operator, settings: Settings, lease: Lease) -> None:
    ready, stop, terminate = asyncio.Event(), asyncio.Event(), asyncio.Event()
    leading = asyncio.create_task(lead(operator, lease))
    parts = (operator.keep_in_step(lease.set_back), operator.watch_bucket(), operator.follow_films())
    background = [asyncio.create_task(part) for part in parts]
    watching = asyncio.create_task(_watch(operator, settings, ready, stop))
    # kopf sets its own signal handlers until it is ready; ours, set later, take their place.
    seeing = asyncio.create_task(ready.wait())
    await asyncio.wait([seeing, watching], return_when=asyncio.FIRST_COMPLETED)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, terminate.set)
    asked = asyncio.create_task(terminate.wait())
    watched: list[asyncio.Task[Any]] = [asked, watching, leading, *background]
    _log.info("operator is at work", extra={"action": "start"})
    ended, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    _log.info("operator stops: nothing more is bought", extra={"action": "stop"})
    operator.world.gate.open = False
    leading.cancel()  # from here on nothing new is begun, and another replica may
    await asyncio.gather(leading, lease.release(), operator.shut_down(), return_exceptions=True)
    stop.set()
    for task in background:
        task.cancel()
    await asyncio.gather(watching, *background, return_exceptions=True)
    for task in ended:
        if task.cancelled():
            raise ClusterError("the watches of the cluster ended by themselves; the lines before say why")
        task.result()  # raises what ended it, unless we were asked to stop


async def _watch(operator: Operator, settings: Settings, ready: asyncio.Event, stop: asyncio.Event) -> None:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    register_watches(registry, operator)
    register_timers(registry, operator)
    namespaces = settings.watch_namespaces
    await kopf.operator(
        registry=registry,
        settings=kopf_settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        ready_flag=ready,
        stop_flag=stop,
    )


def _login(**arguments: Any) -> kopf.ConnectionInfo | None:
    """Find the API server in the same order as the rest of the operator does."""
    if "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
        return kopf.login_with_service_account(**arguments)
    return kopf.login_with_kubeconfig(**arguments)


def kopf_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: it watches and ticks, and writes nothing but its own finalizer."""
    settings = kopf.OperatorSettings()
    settings.persistence.finalizer = KOPF_FINALIZER
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix="kopf.storyjob.dev", v1=False)
    settings.persistence.diffbase_storage = NoDiffs()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = 15.0
    settings.networking.error_backoffs = Pauses()
    settings.networking.connect_timeout = 5.0
    # The server ends each watch after five minutes. One that died without a word is noticed sooner: a living one says
    # something each minute, were it only a bookmark.
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = WATCH_SECONDS + 30
    settings.watching.connect_timeout = 5.0
    settings.watching.inactivity_timeout = SILENCE_SECONDS
    settings.watching.chunk_size = PAGE
    settings.queueing.idle_timeout = 1.0
    return settings
