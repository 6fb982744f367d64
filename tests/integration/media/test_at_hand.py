"""What this process has just put into the bucket is neither downloaded nor looked for."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storyjob.local.s3 import Bucket
from storyjob.media.film import FilmMaker
from storyjob.media.shelf import Shelf
from storyjob.media.shot import Look, Shot, StoredMedia
from storyjob.media.store import Store
from support.media import picture

from .conftest import config_of

LOOK = Look(width=128, height=72, fps=10, still_seconds=0.5)


@pytest.fixture
async def shelved(s3: Bucket, tmp_path: Path) -> AsyncIterator[Store]:
    """A store that keeps at hand what it uploads."""
    store = Store(config_of(s3, f"test-{secrets.token_hex(4)}"), Shelf(tmp_path / "shelf", 1 << 20))
    yield store
    await store.aclose()


async def bought(store: Store, folder: Path) -> StoredMedia:
    """Put a picture into the bucket as the operator does, and name it as a status does."""
    data, path, key = picture(), folder / "bought.png", f"{store.config.prefix}/team-a/media/bought.png"
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    assert await store.upload(key, path, content_type="image/png", sha256=sha256)
    return StoredMedia(key, sha256, "image/png", bucket=store.config.bucket)


async def test_it_is_read_from_the_disk_by_whatever_name_our_bucket_goes(
    shelved: Store, store: Store, tmp_path: Path
) -> None:
    media = await bought(shelved, tmp_path)
    await store.delete(media.key)  # another process; the bucket does not have it any more
    for name, bucket in (("unnamed", None), ("named", shelved.config.bucket)):
        assert shelved.at_hand(media.key, bucket=bucket)
        assert await shelved.download(media.key, tmp_path / name, max_bytes=1 << 20, bucket=bucket)
        assert (tmp_path / name).read_bytes() == picture()
    assert not shelved.at_hand(media.key, bucket="another")
    assert not store.at_hand(media.key)


async def test_a_segment_is_looked_for_unless_some_of_it_was_bought_just_now(
    shelved: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for: list[str] = []
    exists = Store.exists

    async def noted(store: Store, key: str) -> bool:
        looked_for.append(key)
        return await exists(store, key)

    monkeypatch.setattr(Store, "exists", noted)
    shot = Shot("forest", 0, image=await bought(shelved, tmp_path))
    maker = FilmMaker(shelved, tmp_path, asyncio.Semaphore(1))

    segment = await maker.segment("team-a", shot, LOOK)
    assert looked_for == []

    assert await maker.segment("team-a", shot, LOOK) == segment  # rendered just now: is it still there?
    assert looked_for == [segment.key]
