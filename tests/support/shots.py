"""Shots whose media really lies in the bucket."""

from __future__ import annotations

import hashlib

from storyjob.api.outcome import Alignment
from storyjob.media.shot import StoredMedia
from storyjob.media.store import Store


async def stored(
    store: Store,
    data: bytes,
    content_type: str,
    seconds: float | None = None,
    alignment: Alignment | None = None,
) -> StoredMedia:
    """Put bytes into the bucket, as if they had been bought."""
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"{store.config.prefix}/team-a/media/{sha256}"
    await store.put(key, data, content_type=content_type)
    return StoredMedia(key, sha256, content_type, seconds, alignment)
