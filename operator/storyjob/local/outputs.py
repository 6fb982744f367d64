"""Brings the finished film and what belongs to it from the bucket to a folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

from storyjob.api.errors import LocalWorldError
from storyjob.api.storyjob import Outputs
from storyjob.local.s3 import Bucket
from storyjob.media.bucket import StoreConfig
from storyjob.media.layout import parse_uri
from storyjob.media.store import Store


async def download_outputs(outputs: Outputs, bucket: Bucket, folder: Path) -> list[Path]:
    """Download every output under its own file name and return the paths. Raises ``LocalWorldError``."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    store = Store(
        StoreConfig(
            bucket=bucket.name,
            endpoint=bucket.endpoint,
            region=bucket.region,
            access_key=bucket.access_key_id,
            secret_key=bucket.secret_access_key,
        )
    )
    files = (outputs.film, outputs.poster, outputs.captions, outputs.subtitles, outputs.manifest)
    paths = []
    try:
        for file in files:
            if file is None:
                continue
            key = parse_uri(file.uri).key
            path = folder / key.rpartition("/")[2]
            if not await store.download(key, path, max_bytes=file.bytes):
                raise LocalWorldError(f"{file.uri} is in the story's status but not in the bucket")
            paths.append(path)
    finally:
        await store.aclose()
    return paths
