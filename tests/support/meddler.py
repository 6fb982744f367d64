"""A proxy between the operator and the API server that is slow, refuses, cuts, or forgets, as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from storyjob.local.port import LOOPBACK
from support.controlplane import Cluster

_PATIENCE = 30.0  # seconds to start or stop
_LOOK_INTERVAL = 0.1  # seconds until a running watch does what it is told
_DROPPED = {"content-length", "content-encoding", "transfer-encoding", "connection", "host"}
GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


@dataclass
class Meddler:
    """What it does may be changed at any time, from any thread."""

    cluster: Cluster
    seconds: float = 0.0
    """How long each request is held before it is passed on."""
    every: int = 0
    """Of so many requests one is answered 429, and asked to come back in a second."""
    forgets: bool = False
    """Watches are answered 410: too old. Those that run are ended the same way."""
    cuts: bool = False
    """Watches end in the middle, without a word."""
    blind: bool = False
    """Watches run, and nothing is told."""
    did: Counter[str] = field(default_factory=Counter)
    port: int = 0
    _asked: int = 0

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that leads through the proxy."""
        document = yaml.safe_load(self.cluster.kubeconfig.read_text())
        document["clusters"][0]["cluster"] = {"server": f"http://{LOOPBACK}:{self.port}"}
        path.write_text(yaml.safe_dump(document))
        return path

    @contextmanager
    def at_work(self) -> Iterator[Meddler]:
        """Run in a thread of its own."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="meddler")
        thread.start()
        runner = asyncio.run_coroutine_threadsafe(self._start(), loop).result(_PATIENCE)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._stop(runner), loop).result(_PATIENCE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_PATIENCE)
            loop.close()

    async def _start(self) -> web.AppRunner:
        context = ssl.create_default_context(cafile=str(self.cluster.authority))
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        self._http = aiohttp.ClientSession(connector=connector, auto_decompress=False, read_bufsize=2**21)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        self.port = runner.addresses[0][1]
        return runner

    async def _stop(self, runner: web.AppRunner) -> None:
        await runner.cleanup()
        await self._http.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_asyncgens()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self._asked += 1
        if self.every and self._asked % self.every == 0:
            self.did["429"] += 1
            return web.json_response({"code": 429, "message": "busy"}, status=429, headers={"Retry-After": "1"})
        if self.seconds:
            self.did["slow"] += 1
            await asyncio.sleep(self.seconds)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
        url = self.cluster.url + request.raw_path
        asked = self._http.request(
            request.method, url, headers=headers, data=await request.read() or None, skip_auto_headers=["Content-Type"]
        )
        async with asked as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _DROPPED}
            if request.query.get("watch") not in ("1", "true"):
                return web.Response(status=answer.status, headers=kept, body=await answer.read())
            watch = web.StreamResponse(status=answer.status, headers=kept)
            await watch.prepare(request)
            with contextlib.suppress(ConnectionError):
                async for line in self._lines(answer, request):
                    await watch.write(line)
            return watch

    async def _lines(self, answer: aiohttp.ClientResponse, request: web.Request) -> AsyncIterator[bytes]:
        reading = asyncio.create_task(answer.content.readline())
        try:
            while True:
                if self.forgets:
                    self.did["410"] += 1
                    yield json.dumps({"type": "ERROR", "object": GONE}).encode() + b"\n"
                    return
                if self.cuts:
                    self.did["cut"] += 1
                    if request.transport is not None:
                        request.transport.abort()
                    return
                await asyncio.wait([reading], timeout=_LOOK_INTERVAL)
                if self.blind or not reading.done():
                    await asyncio.sleep(_LOOK_INTERVAL if self.blind else 0)
                    continue
                if not (line := reading.result()):
                    return
                yield line
                reading = asyncio.create_task(answer.content.readline())
        finally:
            reading.cancel()
