"""A server that takes what it is sent, says at most the beginning of an answer, and then nothing more, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

NOTHING = b""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
WATCH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Silent:
    """``asked`` counts the requests."""

    port: int = 0
    asked: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def silent_server(says: bytes = NOTHING, *, every: float = 0.0) -> AsyncIterator[Silent]:
    """Serve silence after ``says``; with ``every`` one more byte each so many seconds."""
    silent = Silent()
    open_ones: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            silent.asked += 1
            writer.write(says)
            while not reader.at_eof():
                if every:
                    await asyncio.sleep(every)
                    writer.write(b" ")
                    await writer.drain()
                else:
                    await reader.read(1 << 16)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked has given up, which is what this is for
        finally:
            writer.transport.abort()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        open_ones.add(task)
        task.add_done_callback(open_ones.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    silent.port = server.sockets[0].getsockname()[1]
    try:
        yield silent
    finally:
        server.close()
        for task in list(open_ones):
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)
