"""Connections that only sit there are cut off and make room for those that ask something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from storyjob_webhook import gate
from storyjob_webhook.gate import Gate, keep_door
from storyjob_webhook.metrics import Metrics

REQUEST = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"


class Port:
    """An open port whose one handler answers when it is told to."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        app = keep_door(web.Application(), "test", Metrics())
        app.router.add_get("/slow", self._slow)
        self.gate = Gate(app, connections=3)
        self.port = 0

    async def _slow(self, _: web.Request) -> web.Response:
        self.entered.set()
        await self.go_on.wait()
        return web.Response(text="done")

    async def connect(self, sends: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sends)
        await writer.drain()
        return reader, writer


@pytest.fixture
async def port(monkeypatch: Any) -> AsyncIterator[Port]:
    monkeypatch.setattr(gate, "HEAD_SECONDS", 60)
    made = Port()
    made.port = await made.gate.open("127.0.0.1", 0)
    yield made
    made.go_on.set()
    await made.gate.close()


async def test_a_head_that_never_ends_is_cut_off(monkeypatch: Any) -> None:
    monkeypatch.setattr(gate, "HEAD_SECONDS", 0.05)
    port = Port()
    port.port = await port.gate.open("127.0.0.1", 0)
    reader, writer = await port.connect(b"GET /slow HTTP/1.1\r\nHost: x\r\nX-A: ")
    assert await reader.read() == b""
    writer.close()
    await port.gate.close()


async def test_the_oldest_idle_connection_makes_room(port: Port) -> None:
    served, busy = await port.connect(REQUEST)
    await port.entered.wait()
    oldest, first = await port.connect()
    _, second = await port.connect(b"GET /slow")
    newest, third = await port.connect(REQUEST)
    assert await oldest.read() == b""
    port.go_on.set()
    assert (await served.readline()).startswith(b"HTTP/1.1 200 ")
    assert (await newest.readline()).startswith(b"HTTP/1.1 200 ")
    for writer in (busy, first, second, third):
        writer.close()


async def test_when_all_are_being_served_a_new_one_is_hung_up_on(port: Port) -> None:
    writers = []
    for _ in range(3):
        port.entered.clear()
        writers.append((await port.connect(REQUEST))[1])
        await port.entered.wait()
    reader, writer = await port.connect()
    assert await reader.read() == b""
    for one in [*writers, writer]:
        one.close()


async def test_what_is_being_served_may_finish_at_shutdown(port: Port) -> None:
    reader, writer = await port.connect(REQUEST)
    await port.entered.wait()
    closing = asyncio.create_task(port.gate.close())
    await asyncio.sleep(0)
    port.go_on.set()
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    await closing
    with pytest.raises(OSError):
        await port.connect()
    writer.close()
