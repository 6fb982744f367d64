"""The local world: a control plane and an S3 server, started and stopped together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from storyjob.local.binaries import Binaries
from storyjob.local.controlplane import ControlPlane, Options
from storyjob.local.kubectl import Kubectl
from storyjob.local.process import Process
from storyjob.local.s3 import S3Server
from storyjob.together import together


class LocalWorld:
    """What the operator needs around it. All data lie in one folder."""

    def __init__(self, binaries: Binaries, folder: Path, *, detached: bool = False) -> None:
        self.folder = folder
        self.control_plane = ControlPlane(binaries, folder / "kubernetes", Options(detached=detached))
        self.s3 = S3Server(folder / "s3", detached=detached)
        self.kubectl = Kubectl(self.control_plane.kubeconfig)

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of an administrator."""
        return self.control_plane.kubeconfig

    @property
    def processes(self) -> tuple[Process, ...]:
        """All processes, in the order in which they start."""
        return (*self.control_plane.processes, self.s3.process)

    def environment(self) -> dict[str, str]:
        """Return the variables with which kubectl and our own commands find this world."""
        return {"KUBECONFIG": str(self.kubeconfig), **self.s3.bucket.environment()}

    async def start(self) -> None:
        """Start everything and wait until it is ready. Raises ``LocalWorldError`` and leaves nothing running."""
        try:
            await together(self.control_plane.start(), self.s3.start())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything. The folder stays."""
        await asyncio.gather(self.control_plane.stop(), self.s3.stop())

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self.stop())
