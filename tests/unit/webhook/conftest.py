"""A whole sidecar on free loopback ports, over a cluster in memory."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest

from storyjob.api.settings import Settings
from storyjob.cluster.resources import PROVIDERS, SCENES, SECRETS
from storyjob_webhook import gate, scenes
from storyjob_webhook.sidecar import Ports, Sidecar
from support.callbacks import Job, a_provider, a_signing_secret, keys_secret, signed
from support.fake_cluster import FakeCluster


@dataclass
class World:
    """The sidecar, its cluster, and somebody who sends requests."""

    cluster: FakeCluster
    sidecar: Sidecar
    ports: Ports
    http: aiohttp.ClientSession
    secret: str = field(default_factory=a_signing_secret)

    @property
    def public(self) -> str:
        return f"http://127.0.0.1:{self.ports.public}"

    @property
    def internal(self) -> str:
        return f"http://127.0.0.1:{self.ports.internal}"

    def running(self, **fields: object) -> Job:
        """Let a provider work on a new job."""
        job = Job(**fields)  # type: ignore[arg-type]
        self.cluster.put(SCENES, job.item())
        return job

    async def call(self, job: Job, *, body: bytes | None = None, **options: object) -> tuple[int, dict[str, object]]:
        """Send a job's genuine callback, or one that differs in what is given; return status and answer."""
        body = job.body() if body is None else body
        url = str(options.get("url", job.url))
        headers = options.get("headers", signed(self.secret, body))
        async with self.http.post(self.public + url, data=io.BytesIO(body), headers=headers) as answer:  # type: ignore[arg-type]
            return answer.status, await answer.json()

    def callback_of(self, job: Job) -> dict[str, str] | None:
        """Return what is recorded in the Scene."""
        scene = self.cluster.objects["scenes"][(job.namespace, job.scene)]
        found: dict[str, str] | None = scene["status"]["steps"][job.step].get("callback")
        return found

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the loop turn until something holds."""
        for _ in range(10_000):
            if holds():
                return
            await asyncio.sleep(0.001)
        raise AssertionError("it never came to hold")

    async def metrics(self) -> str:
        async with self.http.get(self.internal + "/metrics") as answer:
            return await answer.text()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STORYJOB_S3_BUCKET", "stories")
    read = Settings.model_validate({"webhook_host": "127.0.0.1", "internal_host": "127.0.0.1"})
    return read.model_copy(update={"webhook_port": 0, "internal_port": 0})


@pytest.fixture
async def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(scenes, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(gate, "LINGER_SECONDS", 0.1)
    cluster = FakeCluster()
    sidecar = Sidecar(settings, cluster, cluster)
    cluster.put(PROVIDERS, a_provider())
    following = asyncio.create_task(sidecar.follow())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        made = World(cluster, sidecar, await sidecar.open(), http)
        cluster.put(SECRETS, keys_secret(settings.namespace, {"uid-of-flux": [made.secret]}))
        await until_ready(made)
        yield made
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await sidecar.close()


async def until_ready(world: World) -> None:
    for _ in range(200):
        async with world.http.get(world.internal + "/readyz") as answer:
            if answer.status == 200:
                return
    raise AssertionError("the sidecar did not become ready")
