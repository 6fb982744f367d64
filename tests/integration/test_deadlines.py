"""Nobody waits for ever: real servers that fall silent, met by each kind of request with a shortened deadline."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import yaml
from kubernetes.aio import client as kubernetes

from storyjob.api.errors import OutputUnreachable, StorageError
from storyjob.api.mediaprovider import SecretKey
from storyjob.cluster import client
from storyjob.cluster.client import Cluster
from storyjob.cluster.connection import Connection
from storyjob.cluster.errors import Unavailable
from storyjob.cluster.events import Events
from storyjob.cluster.lease import Lease, Terms
from storyjob.cluster.resources import SCENES
from storyjob.egress import public_client
from storyjob.local.pki import create_pki
from storyjob.media.bucket import QUICK, TRANSFER, StoreConfig
from storyjob.media.download import Downloader, FetchLimits, Sink
from storyjob.media.store import SMALL, Store
from storyjob.providers import exchange
from storyjob.providers.exchange import LARGE_BYTES, Call, NoReply, Reply
from storyjob.reconcile.credentials import read_secret
from support.builders import metadata
from support.silent import HEAD, NOTHING, WATCH, Silent, silent_server

SHORT = 0.3  # seconds
HANG = 30.0  # seconds; longer than any test may take, and shorter than what was waited for before there were limits
SILENCES = pytest.mark.parametrize(
    "says", [pytest.param(NOTHING, id="it never answers"), pytest.param(HEAD, id="it falls silent after the head")]
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "REQUEST_SECONDS", SHORT)
    monkeypatch.setattr(client, "SILENCE_SECONDS", SHORT)
    monkeypatch.setattr(exchange, "ASK_SECONDS", SHORT)
    monkeypatch.setattr(exchange, "ASK_MEDIA_SECONDS", SHORT)


@asynccontextmanager
async def a_cluster(says: bytes) -> AsyncIterator[Cluster]:
    async with silent_server(says) as server:
        configuration = kubernetes.Configuration()
        configuration.host = server.url
        cluster = Cluster(Connection(configuration))
        try:
            yield cluster
        finally:
            await cluster.close()


REQUESTS: dict[str, Callable[[Cluster], Awaitable[object]]] = {
    "a read": lambda cluster: cluster.get(SCENES, "tales", "fox"),
    "a list": lambda cluster: cluster.list(SCENES),
    "a write": lambda cluster: cluster.json_patch(SCENES, "tales", "fox", []),
    "a Secret": lambda cluster: read_secret(cluster, "tales", SecretKey(name="keys", key="token")),
}


@SILENCES
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=list(REQUESTS))
async def test_a_silent_api_server_is_unavailable(
    says: bytes, request_: Callable[[Cluster], Awaitable[object]]
) -> None:
    async with a_cluster(says) as cluster, asyncio.timeout(HANG):
        with pytest.raises(Unavailable, match="TimeoutError"):
            await request_(cluster)


@pytest.mark.parametrize("says", [NOTHING, WATCH], ids=["it never answers", "a watch that dies without a word"])
async def test_a_silent_watch_ends(says: bytes) -> None:
    async with a_cluster(says) as cluster, asyncio.timeout(HANG):
        with pytest.raises(Unavailable, match="Timeout"):
            await anext(cluster.watch(SCENES, None, "1"))


@SILENCES
async def test_nothing_hangs_on_events_and_leases(says: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with a_cluster(says) as cluster, asyncio.timeout(HANG):
        await Events(cluster, "one").tell("Scene", metadata("fox"), "Told", "so")
        lease = Lease(cluster, Terms("tales", "lease", "one", seconds=0.9))
        await lease.release()
        taking = asyncio.create_task(lease.take())
        await asyncio.sleep(2 * SHORT)
        taking.cancel()
    assert not lease.valid
    assert "event Told about Scene fox could not be written" in caplog.text
    assert "could not be given back" in caplog.text
    assert "the lease cannot be read" in caplog.text


def a_store(server: Silent) -> Store:
    keys = {"access_key": "k", "secret_key": "s"}
    quick, transfer = replace(QUICK, whole=SHORT, silence=2.0), replace(TRANSFER, whole=SHORT, silence=2.0, attempts=1)
    return Store(StoreConfig("tales", endpoint=server.url, quick=quick, transfer=transfer, workers=2, **keys))


STORE: dict[str, Callable[[Store, Path], Awaitable[object]]] = {
    "put": lambda store, path: store.put("a", b"a", content_type="text/plain"),
    "head": lambda store, path: store.head("a"),
    "get": lambda store, path: store.get("a"),
    "get of a still": lambda store, path: store.get("a", max_bytes=2 * SMALL),
    "list": lambda store, path: store.list_keys("a"),
    "delete": lambda store, path: store.delete("a"),
    "probe": lambda store, path: store.probe(),
    "upload": lambda store, path: store.upload("a", path / "a", content_type="text/plain", sha256=""),
    "download": lambda store, path: store.download("a", path / "b", max_bytes=10),
}


@SILENCES
async def test_a_silent_bucket_refuses(says: bytes, tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "a").write_bytes, b"a")
    async with silent_server(says) as server, asyncio.timeout(HANG):
        store = a_store(server)
        for name, operation in STORE.items():
            if name == "head" and says == HEAD:
                continue  # that is all that there is of an answer to it
            with pytest.raises(StorageError, match="did not finish within"):
                await operation(store, tmp_path)
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["a"]


async def test_a_bucket_that_drips_is_given_up_and_leaves_nothing(tmp_path: Path) -> None:
    head = HEAD.replace(b"1000", b"10000000")
    async with silent_server(head, every=0.01) as server, asyncio.timeout(HANG):
        with pytest.raises(StorageError, match="did not finish within"):
            await a_store(server).download("a", tmp_path / "b", max_bytes=10_000_000)


async def test_transfers_that_hang_do_not_hold_up_small_requests(tmp_path: Path) -> None:
    async with silent_server() as server, asyncio.timeout(HANG):
        store = a_store(server)
        store._transfer.seconds = HANG
        transfers = [asyncio.create_task(store.download("a", tmp_path / "b", max_bytes=10)) for _ in range(9)]
        with pytest.raises(StorageError, match="did not finish within"):
            await store.head("a")
        assert not any(transfer.done() for transfer in transfers)
        for transfer in transfers:
            transfer.cancel()


@asynccontextmanager
async def internet(server: Silent) -> AsyncIterator[httpx.AsyncClient]:
    async with public_client([f"127.0.0.1:{server.port}"], timeout=httpx.Timeout(HANG)) as http:
        yield http


@SILENCES
@pytest.mark.parametrize("max_bytes", [1, 2 * LARGE_BYTES], ids=["a question", "a question with media"])
async def test_a_vendor_that_falls_silent_is_not_waited_for(says: bytes, max_bytes: int) -> None:
    async with silent_server(says) as server, internet(server) as http, asyncio.timeout(HANG):
        reply = await exchange.ask(http, Call("GET", server.url, {}, max_bytes=max_bytes))
    if says is NOTHING:
        assert reply == NoReply(f"no answer within {SHORT} s", sent=True)
    else:
        assert isinstance(reply, Reply)
        assert not reply.whole


async def test_a_paid_request_has_its_own_time_and_its_silence_is_no_refusal() -> None:
    async with silent_server() as server, internet(server) as http, asyncio.timeout(HANG):
        reply = await exchange.exchange(http, Call("POST", server.url, {}, b"{}"), SHORT)
    assert reply == NoReply(f"no answer within {SHORT} s", sent=True)
    assert server.asked == 1


async def test_a_name_server_that_is_silent_means_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> list[object]:
        await asyncio.sleep(HANG)
        raise AssertionError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    async with public_client([], timeout=httpx.Timeout(HANG)) as http, asyncio.timeout(HANG / 2):
        reply = await exchange.exchange(http, Call("POST", "https://vendor.example.com/", {}, b"{}"), SHORT)
    assert isinstance(reply, NoReply)
    assert not reply.sent


@SILENCES
async def test_a_download_that_falls_silent_is_unreachable(says: bytes, tmp_path: Path) -> None:
    async with silent_server(says) as server, internet(server) as http, asyncio.timeout(HANG):
        limits = FetchLimits(total_seconds=HANG, idle_seconds=SHORT)
        with (tmp_path / "x").open("wb") as file, pytest.raises(OutputUnreachable, match="ReadTimeout"):
            await Downloader(http, [f"127.0.0.1:{server.port}"], limits).download(server.url, Sink(file, 10))


LOAD = """
import asyncio, os, signal, sys
from storyjob.cluster import connection
from storyjob.cluster.errors import ClusterError

connection.LOAD_SECONDS = 0.3
try:
    loaded = asyncio.run(connection.Connection.load())
except ClusterError as error:
    sys.exit(str(error))
loaded.anonymous()
os.kill(os.getpid(), signal.SIGKILL)
"""


def load(folder: Path, user: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """Load a kubeconfig in a process that is killed right afterwards."""
    pki = create_pki(folder, "10.0.0.1")
    authority = base64.b64encode(pki.authority.read_bytes()).decode()
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority-data": authority}
    named = {"clusters": [{"name": "x", "cluster": cluster}], "users": [{"name": "x", "user": user}]}
    config = named | {"contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}], "current-context": "x"}
    (folder / "config").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config"} | config))
    (folder / "tmp").mkdir()
    environment = os.environ | {"KUBECONFIG": str(folder / "config"), "TMPDIR": str(folder / "tmp")}
    command = [sys.executable, "-c", LOAD]
    return subprocess.run(command, env=environment, timeout=HANG, check=False, text=True, stderr=subprocess.PIPE)


def test_a_credentials_program_that_hangs_is_told(tmp_path: Path) -> None:
    hangs = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", "exec sleep 20 2>&-"]}
    ended = load(tmp_path, {"exec": hangs})
    assert ended.returncode == 1
    assert "credentials did not come within" in ended.stderr


def test_a_killed_process_leaves_no_file_of_the_client_library(tmp_path: Path) -> None:
    ended = load(tmp_path, {"token": "a-token"})
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("status", [0, 1])
def test_a_process_ends_although_a_thread_of_it_hangs(status: int) -> None:
    program = f"""
import asyncio, threading
from storyjob.cli.ending import ending_soon

async def run():
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    await asyncio.sleep(0)
    if {status}:
        raise OSError("it ended badly")

with asyncio.Runner() as runner, ending_soon(0.2):
    runner.run(run())
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=HANG, check=False, stderr=subprocess.DEVNULL)
    assert ended.returncode == status
