"""The sidecar over a real API server, with a service account that has exactly the documented rights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import yaml

from storyjob.api.settings import Settings
from storyjob.cluster.client import Cluster as Client
from storyjob.cluster.client import Json
from storyjob.cluster.connection import Connection
from storyjob.cluster.resources import PROVIDERS, SCENES, SECRETS
from storyjob_webhook.access import needed
from storyjob_webhook.sidecar import Ports, Sidecar
from support.callbacks import Job, a_provider, a_signing_secret, keys_secret, signed
from support.controlplane import Cluster


def service_account(cluster: Cluster, namespace: str, name: str, rules: list[Json]) -> str:
    """Create a service account with these rights in its namespace and return a token."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules}
    cluster.kubectl("create", "serviceaccount", name, "-n", namespace)
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(role))
    cluster.kubectl(
        "create", "rolebinding", name, "-n", namespace, f"--role={name}", f"--serviceaccount={namespace}:{name}"
    )
    return cluster.kubectl("create", "token", name, "-n", namespace).strip()


def sidecar_rules(namespace: str) -> list[Json]:
    """Return as RBAC rules what the sidecar says that it needs."""
    rules = []
    for right in needed(namespace, [namespace]):
        resource = "/".join(part for part in (right.resource.plural, right.subresource) if part)
        rule: Json = {"apiGroups": [right.resource.group], "resources": [resource], "verbs": [right.verb]}
        rules.append(rule | ({"resourceNames": [right.name]} if right.name else {}))
    return rules


@pytest.fixture
def sidecar_kubeconfig(crds: Cluster, namespace: str, tmp_path: Path) -> Path:
    token = service_account(crds, namespace, "sidecar", sidecar_rules(namespace))
    config = yaml.safe_load(crds.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path = tmp_path / "sidecar.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return path


@dataclass
class World:
    """The sidecar on a real cluster, the administrator who plays the operator, and a client."""

    namespace: str
    admin: Client
    own: Client
    ports: Ports
    http: aiohttp.ClientSession
    secret: str

    async def running(self, name: str, **fields: str | None) -> Job:
        """Make a Scene with an attempt that a provider works on."""
        job = Job(namespace=self.namespace, scene=name, **fields)  # type: ignore[arg-type]
        body = job.item() | {"metadata": {"namespace": self.namespace, "name": name}}
        created = await self.admin.create(SCENES, self.namespace, body)
        job.uid = created["metadata"]["uid"]
        await self.set_step(job)
        return job

    async def set_step(self, job: Job) -> None:
        """Write the step's status as the operator does."""
        add = {"op": "add", "path": "/status/steps", "value": {job.step: job.step_status()}}
        await self.admin.json_patch(SCENES, self.namespace, job.scene, [add], subresource="status")

    async def call(self, job: Job, *, url: str | None = None, secret: str | None = None) -> int:
        body = job.body()
        target = f"http://127.0.0.1:{self.ports.public}{url or job.url}"
        async with self.http.post(target, data=body, headers=signed(secret or self.secret, body)) as answer:
            await answer.read()
            return answer.status

    async def callback_of(self, job: Job) -> Json | None:
        scene = await self.admin.get(SCENES, self.namespace, job.scene)
        found: Json | None = scene["status"]["steps"][job.step].get("callback")
        return found

    def internal(self, path: str) -> str:
        return f"http://127.0.0.1:{self.ports.internal}{path}"


@pytest.fixture
def settings(namespace: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STORYJOB_S3_BUCKET", "stories")
    read = Settings.model_validate(
        {
            "namespace": namespace,
            "watch_namespaces": namespace,
            "webhook_host": "127.0.0.1",
            "internal_host": "127.0.0.1",
        }
    )
    return read.model_copy(update={"webhook_port": 0, "internal_port": 0})


async def connect(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    with monkeypatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubeconfig))
        return await Connection.load()


@pytest.fixture
async def world(
    crds: Cluster, namespace: str, sidecar_kubeconfig: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    admin = Client(await connect(crds.kubeconfig, monkeypatch))
    connection = await connect(sidecar_kubeconfig, monkeypatch)
    own, callers = Client(connection), Client(connection.anonymous())
    provider = a_provider(namespace)
    del provider["metadata"]["uid"], provider["metadata"]["resourceVersion"]
    made = await admin.create(PROVIDERS, namespace, provider)
    secret = a_signing_secret()
    await admin.create(SECRETS, namespace, keys_secret(namespace, {made["metadata"]["uid"]: [secret]}))
    sidecar = Sidecar(settings, own, callers)
    following = asyncio.create_task(sidecar.follow())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        built = World(namespace, admin, own, await sidecar.open(), http, secret)
        await until_ready(built, following)
        yield built
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await sidecar.close()
    for client in (admin, own, callers):
        await client.close()
    # aiohttp returns before the TLS connections have said goodbye, and the loop would end before them.
    await asyncio.sleep(0.1)


async def until_ready(world: World, following: asyncio.Task[None]) -> None:
    for _ in range(600):
        if following.done():
            following.result()
        async with world.http.get(world.internal("/readyz")) as answer:
            if answer.status == 200:
                return
            said = await answer.text()
        await asyncio.sleep(0.05)
    raise AssertionError(f"the sidecar did not become ready: {said}")
