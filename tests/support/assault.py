"""What an attacker sends to the sidecar's public port: waves that go on for some seconds, over raw connections."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from storyjob.local.port import LOOPBACK
from support.callbacks import Job, signed

Tally = Counter[int]
"""Answers by status; 0 is a connection that was closed without one."""
Wave = Callable[["Target", float], Awaitable[Tally]]
PATIENCE = 15.0  # seconds until an attacker gives up on an answer
MEGA = 1 << 20


@dataclass(frozen=True)
class Target:
    """Whom to attack, and with what knowledge."""

    port: int
    victim: Job
    """A running job. Some waves know its token, as the vendor does, or a tenant who is their own vendor."""
    secret: str
    """What the victim's callbacks are signed with; only ``bombs`` and ``replays`` use it."""

    def head(self, url: str, *lines: str) -> bytes:
        """Return a POST's head."""
        return "\r\n".join((f"POST {url} HTTP/1.1", "Host: x", *lines, "", "")).encode()


async def knock(port: int, data: AsyncIterator[bytes]) -> int:
    """Send bytes over a connection of its own and return the first answer's status."""
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=1 << 16)
    except OSError:
        return 0
    sending = asyncio.ensure_future(_send(writer, data))
    try:
        async with asyncio.timeout(PATIENCE):
            line = await reader.readline()
        return int(line.split()[1]) if line.startswith(b"HTTP/1.") else 0
    except (OSError, ValueError, TimeoutError):
        return 0
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, data: AsyncIterator[bytes]) -> None:
    with suppress(OSError):
        async for part in data:
            writer.write(part)
            await writer.drain()


async def at_once(data: bytes) -> AsyncIterator[bytes]:
    """Send everything at once."""
    yield data


async def repeated(head: bytes, part: bytes, times: int) -> AsyncIterator[bytes]:
    """Send a head, then the same part again and again."""
    yield head
    for _ in range(times):
        yield part


async def dripping(head: bytes, seconds: float) -> AsyncIterator[bytes]:
    """Send a head, then a byte every half second."""
    yield head
    for _ in range(int(seconds * 2)):
        await asyncio.sleep(0.5)
        yield b"x"


def flood(make: Callable[[Target, int], bytes], a_second: int = 1000) -> Wave:
    """Return a wave of so many requests a second, each over a connection of its own, answered or not."""

    async def wave(target: Target, seconds: float) -> Tally:
        tally: Tally = Counter()
        loop, under_way = asyncio.get_running_loop(), set[asyncio.Task[None]]()

        async def one(number: int) -> None:
            tally[await knock(target.port, at_once(make(target, number)))] += 1

        began = loop.time()
        for number in range(int(seconds * a_second)):
            await asyncio.sleep(max(0.0, began + number / a_second - loop.time()))
            task = asyncio.create_task(one(number))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
        return tally

    return wave


def crowd(size: int, make: Callable[[Target, float], AsyncIterator[bytes]]) -> Wave:
    """Return a wave of so many connections at a time; one that is closed comes again."""

    async def wave(target: Target, seconds: float) -> Tally:
        tally: Tally = Counter()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds

        async def one() -> None:
            while loop.time() < end:
                tally[await knock(target.port, make(target, seconds))] += 1
                await asyncio.sleep(0.01)

        await asyncio.gather(*(one() for _ in range(size)))
        return tally

    return wave


def _unknown(target: Target, number: int) -> bytes:
    job = Job()
    return target.head(job.url, "Content-Length: 2") + b"{}"


def _guessed(target: Target, number: int) -> bytes:
    return target.head(f"{target.victim.path}?token={number:032x}", "Content-Length: 2") + b"{}"


def _lost(target: Target, number: int) -> bytes:
    return target.head(f"/api/webhooks/job/%2e%2e/{number}", "Content-Length: 2") + b"{}"


def _forged(target: Target, number: int) -> bytes:
    body = json.dumps({"id": "evil", "status": "succeeded", "n": number}).encode()
    lines = (f"{name}: {value}" for name, value in signed("whsec_AAAA", body).items())
    return target.head(target.victim.url, *lines, f"Content-Length: {len(body)}") + body


def _genuine(target: Target, body: bytes) -> bytes:
    lines = (f"{name}: {value}" for name, value in signed(target.secret, body).items())
    return target.head(target.victim.url, *lines, f"Content-Length: {len(body)}")


def _replayed(target: Target, number: int) -> bytes:
    body = target.victim.body()
    return _genuine(target, body) + body


def _large(target: Target, seconds: float) -> AsyncIterator[bytes]:
    return repeated(target.head(target.victim.url, f"Content-Length: {100 * MEGA}"), b"x" * MEGA, 100)


def _endless(target: Target, seconds: float) -> AsyncIterator[bytes]:
    chunk = b"100000\r\n" + b"x" * MEGA + b"\r\n"
    return repeated(target.head(target.victim.url, "Transfer-Encoding: chunked"), chunk, 100)


def _full(target: Target, seconds: float) -> AsyncIterator[bytes]:
    """Just as large as a body may be, with the token, and held back before its last byte."""
    head = target.head(target.victim.url, f"Content-Length: {8 * MEGA}")
    return dripping(head + b"x" * (8 * MEGA - 1000), seconds)


def _burst(target: Target, seconds: float) -> AsyncIterator[bytes]:
    return at_once(target.head(Job().url, f"Content-Length: {MEGA}") + b"x" * MEGA)


def _slow_head(target: Target, seconds: float) -> AsyncIterator[bytes]:
    return dripping(b"POST / HTTP/1.1\r\nHost: x\r\nX-A: ", seconds)


def _slow_body(target: Target, seconds: float) -> AsyncIterator[bytes]:
    return dripping(target.head(target.victim.url, "Content-Length: 1000000"), seconds)


def _pipelined(target: Target, seconds: float) -> AsyncIterator[bytes]:
    one = target.head(f"{target.victim.path}?token={'0' * 32}", "Content-Length: 0")
    return repeated(b"", one * 1000, 100)


_LISTS = b"[" + b"[],[[]]," * MEGA
BOMB = _LISTS[: 8 * MEGA - 8].rpartition(b",")[0] + b"]"
"""Eight megabytes of JSON that are some hundred megabytes of Python."""


def _bomb(target: Target, seconds: float) -> AsyncIterator[bytes]:
    return at_once(_genuine(target, BOMB) + BOMB)


WAVES: dict[str, Wave] = {
    "unknown ids, 1,000/s": flood(_unknown),
    "guessed tokens, 1,000/s": flood(_guessed),
    "paths that do not exist, 1,000/s": flood(_lost),
    "forged signatures with the token, 1,000/s": flood(_forged),
    "replays of a genuine callback, 1,000/s": flood(_replayed),
    "20 bodies of 100 MB at once": crowd(20, _large),
    "20 chunked bodies of 100 MB at once": crowd(20, _endless),
    "100 bodies of 8 MiB at once, held back": crowd(100, _full),
    "1 MiB at once on 800 connections": crowd(800, _burst),
    "slow heads on 1,500 connections": crowd(1500, _slow_head),
    "slow bodies with the token on 1,500 connections": crowd(1500, _slow_body),
    "pipelining on 100 connections": crowd(100, _pipelined),
    "16 signed JSON bombs of 8 MiB at once": crowd(16, _bomb),
}
"""By what they are; each is to be kept up for some seconds."""


def attack(name: str, target: dict[str, Any], seconds: float) -> Tally:
    """Run one wave to its end; for a process of its own, so everything passed is plain data."""

    async def run() -> Tally:
        return await WAVES[name](Target(**target | {"victim": Job(**target["victim"])}), seconds)

    return asyncio.run(run())
