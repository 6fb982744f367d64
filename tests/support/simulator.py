"""A simulator for tests, in a thread of its own so that blocking clients can talk to it, and a webhook receiver."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from storyjob.simulator.server import serve
from storyjob.simulator.settings import Settings

_PATIENCE = 30.0  # seconds until a test gives up waiting


@dataclass(frozen=True)
class Simulator:
    """A running simulator."""

    url: str
    http: httpx.Client = field(repr=False)

    def ledger(self) -> list[dict[str, Any]]:
        """Return all submissions, oldest first."""
        entries: list[dict[str, Any]] = self.http.get("/_sim/ledger").json()
        return entries

    def script(self, *faults: dict[str, Any]) -> None:
        """Let things go wrong."""
        answer = self.http.post("/_sim/faults", json=list(faults))
        assert answer.status_code == 201, answer.text


@dataclass
class Receiver:
    """What takes webhooks: keeps each, answers with the statuses given, then with 200."""

    url: str
    statuses: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def running_simulator(settings: Settings) -> Iterator[Simulator]:
    """Run a simulator on a free port of the loopback."""
    loop = asyncio.new_event_loop()
    ready: list[str] = []
    started, stop = threading.Event(), asyncio.Event()

    async def run() -> None:
        async with serve(settings) as url:
            ready.append(url)
            started.set()
            await stop.wait()

    def work() -> None:
        try:
            loop.run_until_complete(run())
        finally:
            started.set()
            loop.close()

    thread = threading.Thread(target=work, name="simulator")
    thread.start()
    started.wait(_PATIENCE)
    try:
        with httpx.Client(base_url=ready[0], timeout=_PATIENCE) as http:
            yield Simulator(ready[0], http)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_PATIENCE)


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Run a webhook receiver on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = receiver.statuses.pop(0) if receiver.statuses else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", receiver.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook?token=a-token-nobody-may-see")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="receiver")
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def eventually(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds and return its value."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"did not come true within {_PATIENCE} s: {condition}")
