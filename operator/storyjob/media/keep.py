"""Puts what was bought into the bucket so that it is never lost, never overwritten and found again."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from storyjob.api.errors import StorageError
from storyjob.api.outcome import Alignment
from storyjob.killpoint import Act, crossing
from storyjob.media.bucket import Head
from storyjob.media.fetch import Fetched
from storyjob.media.layout import Layout
from storyjob.media.record import Record, RecordedAlignment, write_record
from storyjob.media.store import Store


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the result of one attempt belongs."""

    layout: Layout
    input_hash: str
    token_hash: str
    fresh: bool = False
    """Nothing can lie there yet, since the attempt began in this process; saves a look."""


@dataclass(frozen=True, slots=True)
class Made:
    """What made a result, and when it was stored."""

    provider: str
    model: str
    created_at: datetime
    job_id: str | None = None
    cost: Decimal | None = None  # USD


async def keep(store: Store, fetched: Fetched, slot: Slot, made: Made, alignment: Alignment | None = None) -> Record:
    """Store bytes, then their record. May be repeated at any time. Raises ``StorageError``."""
    with crossing(Act.BYTES):
        key = await _keep_bytes(store, fetched, slot)
    media = fetched.media
    record = Record(
        key=key,
        sha256=fetched.sha256,
        bytes=fetched.bytes,
        content_type=fetched.content_type,
        seconds=media.seconds,
        width=media.width,
        height=media.height,
        alignment=_recorded(alignment),
        provider=made.provider,
        model=made.model,
        job_id=made.job_id,
        token_hash=slot.token_hash,
        cost=made.cost,
        created_at=made.created_at,
    )
    with crossing(Act.RECORD):
        await write_record(store, slot.layout.record(slot.input_hash), record)
    return record


async def _keep_bytes(store: Store, fetched: Fetched, slot: Slot) -> str:
    key = slot.layout.media(slot.input_hash, slot.token_hash, fetched.extension)
    there = None if slot.fresh else await store.head(key)
    if there is not None and not await _same(there, fetched):
        # The provider sent other bytes than before a crash. Both stay; only a record makes either count.
        key = slot.layout.media(slot.input_hash, slot.token_hash, fetched.extension, fetched.sha256[:16])
        there = await store.head(key)
    if there is None:
        if await store.upload(key, fetched.path, content_type=fetched.content_type, sha256=fetched.sha256):
            return key
        there = await store.head(key)
    if there is None or not await _same(there, fetched):
        size = "nothing" if there is None else f"{there.bytes} bytes"
        raise StorageError(f"{store.uri(key)} holds {size} instead of the {fetched.bytes} bytes just written")
    return key


async def _same(there: Head, fetched: Fetched) -> bool:
    if there.bytes != fetched.bytes:
        return False
    if "sha256" in there.metadata:
        return there.metadata["sha256"] == fetched.sha256
    return there.md5 is None or there.md5 == await asyncio.to_thread(_md5, fetched.path)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _recorded(alignment: Alignment | None) -> RecordedAlignment | None:
    if alignment is None:
        return None
    characters, starts, ends = alignment.characters, alignment.starts, alignment.ends
    return RecordedAlignment(characters=list(characters), starts=list(starts), ends=list(ends))
