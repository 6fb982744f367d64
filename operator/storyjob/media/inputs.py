"""Brings stored media from the bucket into a working directory, and checks that it is what was stored."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from storyjob.api.errors import FilmError, OutputLost
from storyjob.media.shot import StoredMedia
from storyjob.media.store import Store

MAX_BYTES = 4 << 30


async def bring(store: Store, media: StoredMedia, path: Path) -> Path:
    """Download it. Raises ``OutputLost`` when it is gone, ``FilmError`` when changed, or ``StorageError``."""
    uri = store.uri(media.key, media.bucket)
    if not await store.download(media.key, path, max_bytes=MAX_BYTES, bucket=media.bucket):
        raise OutputLost(f"{uri} is no longer in the bucket; restore it, or change `regenerate` to buy it again")
    if await asyncio.to_thread(file_sha256, path) != media.sha256:
        raise FilmError(f"{uri} is not what was stored there; it was changed from outside")
    return path


def file_sha256(path: Path) -> str:
    """Return the hash of a file. Blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
