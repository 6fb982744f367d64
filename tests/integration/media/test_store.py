"""The bucket keeps what it is given, and its failures are told in plain words."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from storyjob.api.errors import StorageError
from storyjob.local.port import free_ports
from storyjob.local.s3 import Bucket
from storyjob.media.bucket import QUICK, Head, StoreConfig
from storyjob.media.store import Store

MIB = 1 << 20


def key(store: Store, name: str) -> str:
    return f"{store.config.prefix}/{name}"


async def test_what_was_put_is_read_back(store: Store) -> None:
    here = key(store, "a/fox.txt")
    await store.put(here, b"a fox", content_type="text/plain")
    assert await store.get(here) == b"a fox"
    assert await store.head(here) == Head(5, hashlib.md5(b"a fox").hexdigest(), "text/plain", {})
    assert await store.list_keys(key(store, "a/")) == [here]
    await store.delete(here)
    await store.delete(here)
    assert not await store.exists(here)


async def test_a_big_file_goes_in_parts(store: Store, tmp_path: Path) -> None:
    source, target = tmp_path / "big", tmp_path / "back"
    data = bytes(range(256)) * (20 * MIB // 256)
    await asyncio.to_thread(source.write_bytes, data)
    sha256 = hashlib.sha256(data).hexdigest()
    await store.upload(key(store, "big"), source, content_type="video/mp4", sha256=sha256)
    head = await store.head(key(store, "big"))
    assert head is not None
    assert (head.bytes, head.content_type, head.metadata["sha256"]) == (20 * MIB, "video/mp4", sha256)
    assert await store.download(key(store, "big"), target, max_bytes=20 * MIB)
    assert await asyncio.to_thread(target.read_bytes) == data


async def test_what_is_missing_is_none(store: Store, tmp_path: Path) -> None:
    gone = key(store, "gone")
    assert await store.get(gone) is None
    assert await store.head(gone) is None
    assert not await store.download(gone, tmp_path / "x", max_bytes=1)
    assert list(await asyncio.to_thread(lambda: list(tmp_path.iterdir()))) == []


async def test_a_download_that_is_cancelled_leaves_its_directory_alone(store: Store, tmp_path: Path) -> None:
    here = key(store, "long")
    await store.put(here, bytes(20 * MIB), content_type="video/mp4")
    cancelled = 0
    for nth in range(30):
        directory = tmp_path / str(nth)
        await asyncio.to_thread(directory.mkdir)
        download = asyncio.create_task(store.download(here, directory / "x", max_bytes=20 * MIB))
        await asyncio.sleep(nth / 1000)
        download.cancel()
        await asyncio.wait([download])
        if download.cancelled():  # else it was quicker
            cancelled += 1
            # Were its thread still writing, a file would turn up here now and then.
            await asyncio.to_thread(directory.rmdir)
    assert cancelled


async def test_what_is_too_large_is_refused(store: Store, tmp_path: Path) -> None:
    here = key(store, "large")
    await store.put(here, bytes(100), content_type="text/plain")
    with pytest.raises(StorageError, match="larger than the 99 bytes"):
        await store.get(here, max_bytes=99)
    with pytest.raises(StorageError, match="larger than the allowed 99"):
        await store.download(here, tmp_path / "x", max_bytes=99)
    assert list(await asyncio.to_thread(lambda: list(tmp_path.iterdir()))) == []


async def test_a_presigned_link_reads_the_object_and_nothing_else(store: Store) -> None:
    await store.put(key(store, "fox"), b"a fox", content_type="text/plain")
    link = await store.presign(key(store, "fox"), seconds=60)
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(link)).content == b"a fox"
        assert (await http.get(link.replace("/fox", "/cat"))).status_code == 403
        assert (await http.get(link.partition("?")[0])).status_code in {400, 403}


async def test_links_are_signed_for_the_public_endpoint(store: Store) -> None:
    public = Store(replace(store.config, public_endpoint="https://media.example.com"))
    try:
        link = await public.presign("a/b.png", seconds=60)
    finally:
        await public.aclose()
    assert link.startswith(f"https://media.example.com/{store.config.bucket}/a/b.png?")


async def test_a_sound_bucket_passes_the_probe(store: Store) -> None:
    await store.probe()
    assert await store.list_keys(store.config.prefix) == [key(store, ".storyjob-probe")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"bucket": "no-such-bucket"}, "bucket does not exist", id="no bucket"),
        pytest.param({"secret_key": "wrong"}, "does not know these credentials|access denied", id="wrong secret"),
        pytest.param({"access_key": "nobody"}, "does not know these credentials|access denied", id="wrong key"),
        pytest.param({"endpoint": f"http://127.0.0.1:{free_ports(1)[0]}"}, "cannot be reached", id="nobody listens"),
    ],
)
async def test_the_probe_says_in_plain_words_what_is_wrong(
    s3: Bucket, store: Store, change: dict[str, str], reason: str
) -> None:
    impatient = replace(QUICK, attempts=1, connect=2.0)
    broken = Store(replace(store.config, **change, quick=impatient))  # type: ignore[arg-type]
    try:
        with pytest.raises(StorageError, match=reason) as caught:
            await broken.probe()
    finally:
        await broken.aclose()
    assert s3.secret_access_key not in str(caught.value)


async def test_without_any_credentials_it_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    keyless = Store(replace(store.config, access_key=None, secret_key=None))
    try:
        with pytest.raises(StorageError, match="no credentials found"):
            await keyless.probe()
    finally:
        await keyless.aclose()


def test_its_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(StoreConfig(bucket="b", secret_key="s3cret"))
