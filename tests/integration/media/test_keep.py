"""What was bought is stored once, found again, and never overwritten."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from storyjob.api.errors import MediaError, StorageError
from storyjob.api.outcome import Alignment
from storyjob.api.step import StepKind
from storyjob.media.fetch import Fetched
from storyjob.media.inputs import file_sha256
from storyjob.media.keep import Made, Slot, keep
from storyjob.media.layout import Layout
from storyjob.media.probe import probe
from storyjob.media.record import Record, read_record, write_record
from storyjob.media.recover import recover
from storyjob.media.store import Store
from support.media import picture, sound

INPUT, TOKEN = "ab" * 32, "cd" * 32
MADE = Made("replicate", "flux", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "job-1", Decimal("0.025"))


@pytest.fixture
def slot(store: Store) -> Slot:
    return Slot(Layout(store.config.prefix, "team-a"), INPUT, TOKEN)


def fetched(directory: Path, data: bytes) -> Fetched:
    path = directory / "result.part"
    path.write_bytes(data)
    return Fetched(path, file_sha256(path), len(data), probe(path))


async def test_bytes_and_record_are_found_again(store: Store, slot: Slot, tmp_path: Path) -> None:
    alignment = Alignment(("h", "i"), (0.0, 0.4), (0.4, 1.0))
    record = await keep(store, fetched(tmp_path, sound()), slot, MADE, alignment)
    assert await store.get(record.key) == sound()
    found = await read_record(store, slot.layout.record(INPUT))
    assert found == record
    assert found.spoken == alignment
    assert found.cost == Decimal("0.025")
    assert record.key == slot.layout.media(INPUT, TOKEN, "mp3")
    assert record.seconds == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param("{prefix}/team-b/media/{input}/{token}.png", id="another namespace"),
        pytest.param("{prefix}/team-a/media/{other}/{token}.png", id="another input"),
        pytest.param("{prefix}/team-a/media/{input}/../../../team-b/x.png", id="a way out"),
        pytest.param("{prefix}/team-a/media/{input}/record.json", id="the record itself"),
        pytest.param("", id="nothing"),
    ],
)
async def test_a_record_of_bytes_that_do_not_lie_beside_it_is_none(
    store: Store, slot: Slot, tmp_path: Path, elsewhere: str
) -> None:
    record = await keep(store, fetched(tmp_path, picture()), slot, MADE)
    key = elsewhere.format(prefix=store.config.prefix, input=INPUT, other="ef" * 32, token=TOKEN)
    await write_record(store, slot.layout.record(INPUT), record.model_copy(update={"key": key}))
    assert await read_record(store, slot.layout.record(INPUT)) is None


async def test_the_record_is_written_as_documented(store: Store, slot: Slot, tmp_path: Path) -> None:
    await keep(store, fetched(tmp_path, picture()), slot, MADE)
    written = json.loads(await store.get(slot.layout.record(INPUT)) or b"")
    names = {"version", "key", "sha256", "bytes", "contentType", "width", "height", "provider", "model"}
    assert set(written) == {*names, "jobId", "tokenHash", "cost", "createdAt"}
    assert (written["version"], written["cost"], written["createdAt"]) == (1, "0.025", "2026-01-02T03:04:05Z")


async def test_keeping_twice_uploads_once(
    store: Store, slot: Slot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = fetched(tmp_path, picture())
    first = await keep(store, result, slot, MADE)

    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("bytes that are there were uploaded again")

    monkeypatch.setattr(Store, "upload", refuse)
    assert await keep(store, result, slot, MADE) == first


async def test_bytes_are_never_overwritten(store: Store, slot: Slot, tmp_path: Path) -> None:
    first = await keep(store, fetched(tmp_path, picture()), slot, MADE)
    second = await keep(store, fetched(tmp_path, picture(colour="red")), slot, MADE)
    assert first.key != second.key
    assert await store.get(first.key) == picture()
    assert await store.get(second.key) == picture(colour="red")


async def test_bytes_that_do_not_arrive_get_no_record(
    store: Store, slot: Slot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(*_: object, **__: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(Store, "upload", lose)
    with pytest.raises(StorageError, match="holds nothing"):
        await keep(store, fetched(tmp_path, picture()), slot, MADE)
    assert await read_record(store, slot.layout.record(INPUT)) is None


async def test_bytes_whose_record_was_never_written_are_found(store: Store, slot: Slot, tmp_path: Path) -> None:
    """The operator died between the two writes, and the provider's link with it."""
    kept = await keep(store, fetched(tmp_path, sound()), slot, MADE)
    await store.delete(slot.layout.record(INPUT))
    found = await recover(store, slot, MADE, kind=StepKind.AUDIO, directory=tmp_path)
    assert found == kept
    assert await read_record(store, slot.layout.record(INPUT)) == kept


async def test_nothing_is_found_of_an_attempt_that_stored_nothing(store: Store, slot: Slot, tmp_path: Path) -> None:
    await keep(store, fetched(tmp_path, sound()), slot, MADE)
    other = replace(slot, token_hash="ef" * 32)
    assert await recover(store, other, MADE, kind=StepKind.AUDIO, directory=tmp_path) is None
    with pytest.raises(MediaError, match="an image was asked for"):
        await recover(store, slot, MADE, kind=StepKind.IMAGE, directory=tmp_path)


@pytest.mark.parametrize(
    "data", [b"not json", b"{}", b'{"version": 2}', b"\xff\xfe", b'{"version": 1, "seconds": NaN}']
)
async def test_a_foreign_record_counts_as_absent(
    store: Store, slot: Slot, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    place = slot.layout.record(INPUT)
    await store.put(place, data, content_type="application/json")
    with caplog.at_level(logging.WARNING):
        assert await read_record(store, place) is None
    assert [f"s3://{store.config.bucket}/{place} is not a record" in each for each in caplog.messages] == [True]


def test_a_record_needs_a_real_hash() -> None:
    with pytest.raises(ValueError, match="sha256"):
        Record(
            key="k",
            sha256="x",
            bytes=1,
            content_type="image/png",
            provider="p",
            model="m",
            token_hash=TOKEN,
            created_at=MADE.created_at,
        )
