"""A supervised child process: started, waited for until it is ready, logged to a file, stopped for certain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from storyjob.api.errors import LocalWorldError
from storyjob.local.orphans import die_with_parent

Command = tuple[str | Path, ...]
Probe = Callable[[], Awaitable[bool]]
"""Answers whether a process is ready; asked again and again until it says yes."""

POLL_INTERVAL = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how to see that it is ready."""

    name: str
    command: Command
    log: Path
    ready: Probe
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Added to our own environment; may hold secrets."""
    ready_seconds: float = 120.0
    detached: bool = False
    """Whether it may outlive us."""


class Process:
    """One child process in a session of its own, so that Ctrl-C at the terminal does not reach it before us.

    Bound to no event loop: a session of tests may start it in one loop and restart it in another.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The name that messages use."""
        return self.program.name

    @property
    def pid(self) -> int | None:
        """The process id, or None before the first start."""
        return self._child.pid if self._child else None

    @property
    def exit_code(self) -> int | None:
        """What it ended with (negative: the signal), or None while it runs or was never started."""
        return self._child.poll() if self._child else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its log."""
        try:
            text = self.program.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def spawn(self) -> None:
        """Start it without waiting until it is ready. Raises ``LocalWorldError``."""
        if self.running:
            raise LocalWorldError(f"{self.name} is running already, as process {self.pid}")
        self.program.log.parent.mkdir(parents=True, exist_ok=True)
        with self.program.log.open("ab") as log:
            try:
                self._child = subprocess.Popen(
                    self.program.command,
                    env={**os.environ, **self.program.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=None if self.program.detached else die_with_parent(),
                )
            except OSError as error:
                raise LocalWorldError(f"{self.name} cannot be started: {error}") from error

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises ``LocalWorldError`` with the tail of its log."""
        self.spawn()
        try:
            await self.wait_ready()
        except BaseException:
            await self.kill()
            raise

    async def wait_ready(self) -> None:
        """Wait until the probe says yes. Raises ``LocalWorldError`` when it dies first, or takes too long."""
        deadline = time.monotonic() + self.program.ready_seconds
        while not await self.program.ready():
            self.check()
            if time.monotonic() > deadline:
                raise LocalWorldError(
                    f"{self.name} was not ready after {self.program.ready_seconds:.0f} s; {self._log_tail()}"
                )
            await asyncio.sleep(POLL_INTERVAL)
        # What answered may be a stranger on the same port.
        self.check()

    def check(self) -> None:
        """Raise ``LocalWorldError`` with the tail of its log when it has ended."""
        if not self.running:
            raise LocalWorldError(f"{self.name} {self._ending()}; {self._log_tail()}")

    async def stop(self, grace: float = 10.0) -> None:
        """Ask it to end, and make it end after ``grace`` seconds. Harmless when it does not run."""
        if self.running and self._child:
            self._signal(signal.SIGTERM)
            await self._wait(grace)
        await self.kill()

    async def kill(self) -> None:
        """End it and whatever it started, at once."""
        if self._child is None:
            return
        self._signal(signal.SIGKILL)
        await self._wait(None)

    async def restart(self, grace: float = 10.0) -> None:
        """Stop it, start it again and wait until it is ready."""
        await self.stop(grace)
        await self.start()

    def _signal(self, number: signal.Signals) -> None:
        # Its session's id is its own: this reaches its children as well, even when it is gone itself.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid or 0, number)

    async def _wait(self, seconds: float | None) -> None:
        deadline = time.monotonic() + (float("inf") if seconds is None else seconds)
        # Polled, since the waiting of asyncio's own subprocesses is bound to the loop that started them.
        while self.running and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(POLL_INTERVAL)

    def _ending(self) -> str:
        code = self.exit_code
        if code is None:
            return "was never started"
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def _log_tail(self) -> str:
        return f"the end of {self.program.log}:\n{self.tail() or '(it is empty)'}"
