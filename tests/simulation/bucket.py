"""A model of the bucket, and the operator's own port to it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from simulation.network import Network, Route
from simulation.weather import Channel
from storyjob.api.errors import StorageError
from storyjob.media.bucket import Head, StoreConfig
from storyjob.media.store import Store

TO_BUCKET = Route(
    Channel.BUCKET,
    usual=0.02,
    slow=20.0,
    patience=90.0,
    refused=lambda: StorageError("S3 refuses: SlowDown"),
    broken=lambda: StorageError("S3 broke: InternalError"),
    silent=lambda: StorageError("S3 does not answer: ReadTimeoutError"),
)


@dataclass(frozen=True, slots=True)
class Stored:
    """One object."""

    data: bytes
    content_type: str
    sha256: str


@dataclass(slots=True)
class Bucket:
    """All objects by key."""

    objects: dict[str, Stored] = field(default_factory=dict)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.objects[key] = Stored(data, content_type, hashlib.sha256(data).hexdigest())


class SimStore(Store):
    """One process's view of the bucket."""

    def __init__(self, network: Network, bucket: Bucket, config: StoreConfig) -> None:
        self.config = config
        self._network = network
        self._bucket = bucket

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        await self._network.ask(TO_BUCKET, lambda: self._bucket.put(key, data, content_type))

    async def upload(self, key: str, path: Path, *, content_type: str, sha256: str) -> bool:
        data = await asyncio.to_thread(path.read_bytes)
        await self._network.ask(TO_BUCKET, lambda: self._bucket.put(key, data, content_type))
        return True

    async def get(self, key: str, *, max_bytes: int = 1 << 20) -> bytes | None:
        found = await self._network.ask(TO_BUCKET, lambda: self._bucket.objects.get(key))
        return None if found is None else found.data

    async def download(self, key: str, path: Path, *, max_bytes: int, bucket: str | None = None) -> bool:
        data = await self.get(key)
        if data is None:
            return False
        await asyncio.to_thread(path.write_bytes, data)
        return True

    async def head(self, key: str, *, bucket: str | None = None) -> Head | None:
        found = await self._network.ask(TO_BUCKET, lambda: self._bucket.objects.get(key))
        if found is None:
            return None
        return Head(len(found.data), "", found.content_type, {"sha256": found.sha256})

    async def list_keys(self, prefix: str) -> list[str]:
        return await self._network.ask(
            TO_BUCKET, lambda: sorted(key for key in self._bucket.objects if key.startswith(prefix))
        )

    async def presign(self, key: str, *, seconds: int) -> str:
        return f"https://bucket.example/{key}"
