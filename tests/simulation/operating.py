"""One operator process: the real operator over simulated ports, from its start to its death."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx

from simulation.apiserver import ApiServer, Json
from simulation.bucket import Bucket, SimStore
from simulation.internet import Internet, SimDownloader
from simulation.market import TOKEN, Line, Market
from simulation.network import Network
from simulation.ports import SimCluster
from simulation.studio import SimFilms
from simulation.trace import Trace
from simulation.virtual import EPOCH, Process, VirtualLoop
from simulation.watching import Watch
from simulation.weather import Weather
from storyjob.ambient import AMBIENT, Ambient, now
from storyjob.api.settings import Settings
from storyjob.cluster.cache import Key
from storyjob.cluster.errors import ClusterError
from storyjob.cluster.events import Events
from storyjob.cluster.lease import Lease, Terms
from storyjob.cluster.ledger import Ledger
from storyjob.cluster.resources import PROVIDERS, SCENES, STORYJOBS, Resource
from storyjob.handlers.timers import PROVIDER_SECONDS, STORY_SECONDS
from storyjob.media.bucket import StoreConfig
from storyjob.media.film import FilmMaker
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.inprocess import InProcess
from storyjob.reconcile.leadership import lead
from storyjob.reconcile.operator import Operator
from storyjob.reconcile.queue import Item, Kind
from storyjob.reconcile.vendors import Vendors
from storyjob.reconcile.world import Caches, World

BUCKET = "media"
RESYNC_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Models:
    """The world outside, which all processes share."""

    loop: VirtualLoop
    network: Network
    api: ApiServer
    bucket: Bucket
    market: Market
    weather: Weather
    trace: Trace
    work_dir: Path
    settings: Settings
    leased: bool
    """Whether operators lead one at a time."""
    sends: Callable[[Line], None]
    spins: Callable[[str, Item, int], None]
    """Told of each reconcile: the process, the item, and how often it was reconciled within this second."""


def ambient(loop: VirtualLoop, dice: random.Random, skew: float = 0.0) -> Ambient:
    """Return clocks that show virtual time, one of them wrong by ``skew`` seconds, and seeded dice."""

    def now() -> datetime:
        return EPOCH + timedelta(seconds=loop.time() + skew)

    def random_hex(size: int) -> str:
        token = dice.randbytes(size).hex()
        if size == 16:
            TOKEN.set(token)
        return token

    return Ambient(now, loop.time, random_hex)


class CountingOperator(Operator):
    """The operator; each reconcile is counted, since none may spin."""

    def __init__(self, world: World, models: Models, name: str) -> None:
        super().__init__(world)
        self._models = models
        self._name = name
        self._second = -1
        self._counts: Counter[Item] = Counter()

    async def _reconcile(self, item: Item) -> None:
        second = int(self._models.loop.time())
        if second != self._second:
            self._second = second
            self._counts.clear()
        self._counts[item] += 1
        self._models.spins(self._name, item, self._counts[item])
        await super()._reconcile(item)


class OperatorProcess:
    """From start to death, once. What runs in it sees nothing but the ports."""

    def __init__(self, models: Models, name: str, dice: random.Random, skew: float) -> None:
        self.process = Process(name, models.loop)
        self.process.context.run(AMBIENT.set, ambient(models.loop, dice, skew))
        self._models = models
        self._instance = name.rpartition(".")[0]
        self.operator: CountingOperator | None = None
        self._lease: Lease | None = None
        self._leading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin as the handlers do: look at everything, then watch and work."""
        self.process.start(self._main())

    def terminate(self, then: Callable[[], None]) -> None:
        """End as after SIGTERM."""
        self.process.start(self._shut_down(then))

    async def _shut_down(self, then: Callable[[], None]) -> None:
        if self.operator is not None:
            self.operator.world.gate.open = False
            if self._leading is not None:
                self._leading.cancel()
            release = [self._lease.release()] if self._lease is not None else []
            await asyncio.gather(self.operator.shut_down(), *release)
        self.process.on_death = then
        self.process.die()

    async def _main(self) -> None:
        models = self._models
        operator = self.operator = CountingOperator(self._world(), models, self.process.name)
        try:
            await operator.bucket_works()
            await operator.resync()
        except ClusterError as error:
            models.trace.add(self.process.name, "ends at its start: %s", error)
            self.process.die()
            return
        models.trace.add(self.process.name, "is at work")
        for resource, saw in (
            (STORYJOBS, operator.saw_story),
            (SCENES, operator.saw_scene),
            (PROVIDERS, operator.saw_provider),
        ):
            Watch(models.loop, models.api, models.weather, self.process, resource, _saw(saw)).begin()
        for part in (
            operator.keep_in_step(),
            operator.watch_bucket(),
            self._tick(Kind.STORY, STORYJOBS, STORY_SECONDS),
            self._tick(Kind.PROVIDER, PROVIDERS, PROVIDER_SECONDS),
        ):
            self.process.start(part)
        await self._lead(operator)

    async def _lead(self, operator: CountingOperator) -> None:
        """Work as the leader until the lease is lost, which ends the process; or without a lease, for ever."""
        models = self._models
        if not models.leased:
            await operator.work()
            return
        terms = Terms(models.settings.namespace, models.settings.lease_name, self._instance)
        self._lease = Lease(operator.world.cluster, terms)
        self._leading = self.process.start(lead(operator, self._lease))
        await asyncio.wait([self._leading])
        if operator.world.gate.open:
            models.trace.add(self.process.name, "has lost the lease")
            await self._shut_down(self.process.on_death)

    async def _tick(self, kind: Kind, resource: Resource, seconds: float) -> None:
        while self.operator is not None:
            await asyncio.sleep(seconds)
            for item in self._models.api.all(resource):
                meta = item["metadata"]
                self.operator.enqueue(kind, Key(meta["namespace"], meta["name"]))

    def _world(self) -> World:
        models = self._models
        cluster = SimCluster(models.network, models.api)
        store = SimStore(models.network, models.bucket, StoreConfig(BUCKET, models.settings.s3_prefix))
        transport = Internet(models.network, models.market, models.weather, models.sends)
        http = httpx.AsyncClient(transport=transport, trust_env=False)
        caches = Caches()
        downloader = SimDownloader(models.network, models.market, models.weather)
        return World(
            settings=models.settings,
            cluster=cluster,
            caches=caches,
            ledger=Ledger(cluster, caches.scenes),
            events=Events(cluster, self.process.name),
            store=store,
            films=InProcess(cast("FilmMaker", SimFilms(store, models.weather))),
            downloader=lambda kind: cast("Any", downloader),
            vendors=Vendors(cluster, http, ()),
            work_dir=models.work_dir,
            desk=Desk(awake_since=now()),
        )


def _saw(saw: Any) -> Callable[[Json, bool], None]:
    return lambda item, gone: saw(item, gone=gone)
