"""A store in the session's real bucket, and a real ffmpeg."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storyjob.local.s3 import Bucket
from storyjob.media.bucket import StoreConfig
from storyjob.media.film import FilmMaker
from storyjob.media.store import Store


def config_of(bucket: Bucket, prefix: str = "") -> StoreConfig:
    return StoreConfig(
        bucket=bucket.name,
        prefix=prefix,
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key=bucket.access_key_id,
        secret_key=bucket.secret_access_key,
    )


@pytest.fixture
async def store(s3: Bucket) -> AsyncIterator[Store]:
    """A store under a prefix of its own."""
    store = Store(config_of(s3, f"test-{secrets.token_hex(4)}"))
    yield store
    await store.aclose()


@pytest.fixture
def maker(store: Store, tmp_path: Path) -> FilmMaker:
    return FilmMaker(store, tmp_path, asyncio.Semaphore(2))
