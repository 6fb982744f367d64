"""Finds bytes that an attempt stored before it could write their record."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from storyjob.api.step import StepKind
from storyjob.media.download import FetchLimits
from storyjob.media.fetch import Fetched
from storyjob.media.inputs import file_sha256
from storyjob.media.keep import Made, Slot, keep
from storyjob.media.probe import Probe, check_kind, probe
from storyjob.media.record import Record
from storyjob.media.store import Store


async def recover(
    store: Store, slot: Slot, made: Made, *, kind: StepKind, directory: Path, limits: FetchLimits | None = None
) -> Record | None:
    """Return the record of what this attempt stored, written now; ``None`` when it stored nothing.

    For use when the provider's link is dead: what was paid for may be in the bucket already. An alignment is lost.
    Raises ``StorageError``, and ``MediaError`` for bytes that cannot be such a result.
    """
    allowed = limits or FetchLimits()
    keys = await store.list_keys(slot.layout.attempt(slot.input_hash, slot.token_hash))
    if not keys:
        return None
    path = directory / f"{secrets.token_hex(8)}.part"
    try:
        if not await store.download(keys[0], path, max_bytes=allowed.bytes):
            return None
        sha256, size, found = await asyncio.to_thread(_measured, path)
        check_kind(found, kind, max_seconds=allowed.media_seconds)
        return await keep(store, Fetched(path, sha256, size, found), slot, made)
    finally:
        path.unlink(missing_ok=True)


def _measured(path: Path) -> tuple[str, int, Probe]:
    return file_sha256(path), path.stat().st_size, probe(path)
