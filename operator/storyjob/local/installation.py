"""StoryJob itself in a local world: simulator, operator and webhook sidecar as processes of our own interpreter."""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType
from typing import Self

from storyjob.local.assets import crds, demo_providers
from storyjob.local.port import LOOPBACK, free_ports
from storyjob.local.probe import answers_ok
from storyjob.local.process import Probe, Process, Program
from storyjob.local.world import LocalWorld
from storyjob.together import together

OWN_NAMESPACE = "storyjob-system"
_NAMESPACE = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {OWN_NAMESPACE}}}\n"
_STOP_GRACE = 5.0  # seconds; what it bought is worth nothing once its world is gone


class Installation:
    """Our CRDs, the simulated providers, and the three processes."""

    def __init__(self, world: LocalWorld, *, speed: float = 1.0, detached: bool = False) -> None:
        self._world = world
        self._detached = detached
        simulator, callbacks, internal, metrics = free_ports(4)
        self.simulator_url = f"http://{LOOPBACK}:{simulator}"
        self.webhook_url = f"http://{LOOPBACK}:{internal}"
        self._settings = self._environment(simulator, callbacks, internal, metrics)
        self.simulator = self._process(
            "simulator",
            ("--host", LOOPBACK, "--port", str(simulator), "--speed", f"{speed:g}"),
            answers_ok(f"{self.simulator_url}/_sim/health"),
        )
        self.operator = self._process("operator", (), answers_ok(f"http://{LOOPBACK}:{metrics}/readyz"))
        self.webhook = self._process("webhook", (), answers_ok(f"{self.webhook_url}/readyz"))

    @property
    def processes(self) -> tuple[Process, ...]:
        """All processes, in the order in which they start."""
        return (self.simulator, self.operator, self.webhook)

    async def start(self) -> None:
        """Apply CRDs and providers and start all processes. Raises ``LocalWorldError`` and leaves none running."""
        try:
            await together(self._prepare_cluster(), self.simulator.start())
            await together(self.operator.start(), self.webhook.start(), self._apply_providers())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all processes."""
        await asyncio.gather(*(process.stop(_STOP_GRACE) for process in self.processes))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self.stop())

    async def _prepare_cluster(self) -> None:
        await self._kubectl("apply", "--server-side", "-f", str(crds()))
        await self._kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(crds()))
        await self._kubectl("apply", "--server-side", "-f", "-", stdin=_NAMESPACE)

    async def _apply_providers(self) -> None:
        manifests = demo_providers(self.simulator_url)
        await self._kubectl("apply", "--server-side", "-n", "default", "-f", "-", stdin=manifests)

    async def _kubectl(self, *arguments: str, stdin: str | None = None) -> None:
        await asyncio.to_thread(self._world.kubectl, *arguments, stdin=stdin)

    def _environment(self, simulator: int, callbacks: int, internal: int, metrics: int) -> dict[str, str]:
        temporary = self._world.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        s3 = self._world.s3.bucket.endpoint.removeprefix("http://")
        return {
            **self._world.environment(),
            "STORYJOB_NAMESPACE": OWN_NAMESPACE,
            "STORYJOB_CALLBACK_URL": f"http://{LOOPBACK}:{callbacks}",
            "STORYJOB_ALLOWED_HOSTS": f"{LOOPBACK}:{simulator},{s3}",
            "STORYJOB_WEBHOOK_HOST": LOOPBACK,
            "STORYJOB_WEBHOOK_PORT": str(callbacks),
            "STORYJOB_INTERNAL_HOST": LOOPBACK,
            "STORYJOB_INTERNAL_PORT": str(internal),
            "STORYJOB_METRICS_HOST": LOOPBACK,
            "STORYJOB_METRICS_PORT": str(metrics),
            # The user's proxy must not stand between processes of one machine.
            "NO_PROXY": LOOPBACK,
            "no_proxy": LOOPBACK,
            "PYTHONUNBUFFERED": "1",
            # Killed, they leave their temporary files; there they go with the world.
            "TMPDIR": str(temporary),
        }

    def _process(self, name: str, arguments: tuple[str, ...], ready: Probe) -> Process:
        program = Program(
            name=name,
            command=(sys.executable, "-m", "storyjob.cli.main", name, *arguments),
            log=self._world.folder / "logs" / f"{name}.log",
            ready=ready,
            environment=self._settings,
            detached=self._detached,
        )
        return Process(program)
