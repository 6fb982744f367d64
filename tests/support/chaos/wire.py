"""A TCP proxy whose wire can be cut, frozen, slowed, or made deaf: the answers are lost, the requests are not."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from storyjob.local.port import LOOPBACK

_CHUNK = 65536  # bytes
_LATE = 0.2  # seconds that a slow wire adds to each chunk
_PATIENCE = 30.0  # seconds to start or stop


class Line(StrEnum):
    """What a wire does with the bytes on it."""

    OPEN = "open"
    CUT = "cut"
    """Connections are reset, new ones too."""
    FROZEN = "frozen"
    """Nothing is lost and nothing arrives, as while a route changes."""
    DEAF = "deaf"
    """What is asked arrives; what is answered does not."""
    SLOW = "slow"


class Wire:
    """Forwards connections from a port of its own to ``target``, as ``line`` says at each moment."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._line = Line.OPEN
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where to connect, for plain HTTP."""
        return f"http://{LOOPBACK}:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._reset()

    def become(self, line: Line) -> None:
        """Change what the wire does; to be called in its loop."""
        # A stream that lost a part in the middle must never go on as if it were whole.
        if line is Line.CUT or self._line is Line.DEAF:
            self._reset()
        self._line = line

    def _reset(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._line is Line.CUT:
                return
            there, back = await asyncio.open_connection(LOOPBACK, self.target)
            self._writers.add(back)
            try:
                await asyncio.gather(self._pump(reader, back, asks=True), self._pump(there, writer, asks=False))
            finally:
                self._writers.discard(back)
                back.transport.abort()
        except OSError:
            pass  # one end went, which is what this is for; the other end is told below
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asks: bool) -> None:
        while data := await reader.read(_CHUNK):
            while self._line is Line.FROZEN:  # noqa: ASYNC110 (a thaw is rare, and late by nothing that matters)
                await asyncio.sleep(0.02)
            if self._line is Line.SLOW:
                await asyncio.sleep(_LATE)
            if self._line is not Line.DEAF or asks:
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


class Wires:
    """All wires of a test, in a thread of their own; its methods may be called from any other."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._all: list[Wire] = []

    def to(self, target: int) -> Wire:
        """Return a new wire to a port of this machine."""
        wire = Wire(target)
        asyncio.run_coroutine_threadsafe(wire.open(), self._loop).result(_PATIENCE)
        self._all.append(wire)
        return wire

    def let(self, wire: Wire, line: Line) -> None:
        """Change what a wire does, and return when it does it."""

        async def change() -> None:
            wire.become(line)

        asyncio.run_coroutine_threadsafe(change(), self._loop).result(_PATIENCE)

    @contextmanager
    def strung(self) -> Iterator[Wires]:
        """Run the loop of the wires."""
        thread = threading.Thread(target=self._loop.run_forever, name="wires")
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_PATIENCE)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(_PATIENCE)
            self._loop.close()

    async def _close(self) -> None:
        for wire in self._all:
            wire.become(Line.OPEN)
            await wire.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        # Their connections are gone, so they end by themselves.
        if others:
            await asyncio.wait(others, timeout=_PATIENCE / 2)
