"""Makes the world from the settings: one client of each kind, shared by everything."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import httpx

from storyjob.ambient import now
from storyjob.api.settings import Settings
from storyjob.api.step import StepKind
from storyjob.cluster.client import Cluster
from storyjob.cluster.connection import Connection
from storyjob.cluster.events import Events
from storyjob.cluster.ledger import Ledger
from storyjob.egress import public_client
from storyjob.media.bucket import StoreConfig
from storyjob.media.download import Downloader, FetchLimits
from storyjob.media.film import FilmMaker
from storyjob.media.shelf import Shelf
from storyjob.media.store import Store
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.filmjobs import FilmJobs
from storyjob.reconcile.filmrunner import FilmRunner
from storyjob.reconcile.inprocess import InProcess
from storyjob.reconcile.vendors import Vendors
from storyjob.reconcile.world import Caches, World

CONNECT_SECONDS, IDLE_SECONDS = 10.0, 60.0
# Each request looks through the whole pool, so idle connections cost CPU.
CONNECTIONS = httpx.Limits(max_connections=256, max_keepalive_connections=16)


async def assemble(settings: Settings, instance: str) -> World:
    """Return everything that reconciling works with. Nothing has been called yet."""
    cluster = Cluster(await Connection.load())
    timeout = httpx.Timeout(IDLE_SECONDS, connect=CONNECT_SECONDS)
    http = public_client(settings.allowed_hosts, timeout=timeout, limits=CONNECTIONS)
    work_dir = Path(tempfile.mkdtemp(prefix="storyjob-", dir=settings.work_dir))
    store = Store(StoreConfig.of(settings), Shelf(work_dir / "shelf", settings.shelf_bytes))
    caches = Caches()
    limits = _fetch_limits(settings)
    return World(
        settings=settings,
        cluster=cluster,
        caches=caches,
        ledger=Ledger(cluster, caches.scenes),
        events=Events(cluster, instance),
        store=store,
        films=_film_runner(settings, store, work_dir),
        downloader=lambda kind: Downloader(http, settings.allowed_hosts, limits[kind]),
        vendors=Vendors(cluster, http, settings.allowed_hosts),
        work_dir=work_dir,
        desk=Desk(awake_since=now()),
    )


def _film_runner(settings: Settings, store: Store, work_dir: Path) -> FilmRunner:
    if settings.film_runner == "Job":
        return FilmJobs(settings)
    return InProcess(FilmMaker(store, work_dir, asyncio.Semaphore(settings.renders)))


def _fetch_limits(settings: Settings) -> dict[StepKind, FetchLimits]:
    sizes = {
        StepKind.IMAGE: settings.max_image_bytes,
        StepKind.AUDIO: settings.max_audio_bytes,
        StepKind.VIDEO: settings.max_video_bytes,
    }
    return {kind: FetchLimits(bytes=size, total_seconds=settings.download_seconds) for kind, size in sizes.items()}
