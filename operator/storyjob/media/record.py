"""Owns the look-up record of what was bought: written last, it is what makes a purchase findable."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError
from pydantic.alias_generators import to_camel

from storyjob.api.errors import StorageError
from storyjob.api.outcome import Alignment
from storyjob.api.scene import JOB_ID_LIMIT
from storyjob.media.layout import Layout
from storyjob.media.store import MIB, Store

_log = logging.getLogger(__name__)

# An alignment has a few dozen bytes for each of up to 5,000 characters.
_MAX_BYTES = 4 * MIB
_NAME = re.compile(r"[0-9a-f-]{1,256}\.[a-z0-9]{1,8}")
_MOST = 10**12


class RecordedAlignment(BaseModel):
    """When each character is spoken, in seconds."""

    model_config = ConfigDict(frozen=True)

    characters: list[str]
    starts: list[FiniteFloat]
    ends: list[FiniteFloat]


class Record(BaseModel):
    """What lies in the bucket for one input, and what really made it.

    ``job_id`` and ``cost`` (USD, a decimal string in JSON) are there when the provider told them. Nothing in it is
    larger than a status can hold: whoever may write to the bucket may have written it.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    version: Literal[1] = 1
    key: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=1, le=_MOST)
    content_type: str = Field(max_length=100, pattern=r"^[\w.+-]+/[\w.+-]+$")
    seconds: float | None = Field(default=None, ge=0, le=_MOST, allow_inf_nan=False)
    width: int | None = None
    height: int | None = None
    alignment: RecordedAlignment | None = None
    provider: str = Field(max_length=253)
    model: str = Field(max_length=200)
    job_id: str | None = Field(default=None, max_length=JOB_ID_LIMIT)
    token_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    cost: Decimal | None = Field(default=None, ge=0, le=_MOST)
    created_at: datetime

    @property
    def spoken(self) -> Alignment | None:
        """The alignment as planning and providers know it."""
        if self.alignment is None:
            return None
        found = self.alignment
        return Alignment(tuple(found.characters), tuple(found.starts), tuple(found.ends))


async def read_record(store: Store, key: str) -> Record | None:
    """Return the record under this key, or ``None`` when there is none that we could have written."""
    data = await store.get(key, max_bytes=_MAX_BYTES)
    if data is None:
        return None
    try:
        record = Record.model_validate_json(data)
    except ValidationError as error:
        # Never the values: whatever lies there is not ours to show.
        problem = error.errors(include_url=False, include_input=False)[0]
        _log.warning("%s is not a record and is ignored: %s", store.uri(key), problem["msg"])
        return None
    # Whoever can write one object here must not be able to have any other read, another namespace's least of all.
    if not _beside(key, record.key):
        _log.warning("%s names bytes that do not lie beside it and is ignored", store.uri(key))
        return None
    return record


def _beside(record_key: str, key: str) -> bool:
    folder = record_key.rpartition("/")[0] + "/"
    return key.startswith(folder) and _NAME.fullmatch(key.removeprefix(folder)) is not None


async def read_spoken(store: Store, layout: Layout, input_hash: str, sha256: str) -> Alignment | None:
    """Return when each word of a narration is spoken, if the record of its purchase is of these bytes and knows."""
    record = await read_record(store, layout.record(input_hash))
    return record.spoken if record is not None and record.sha256 == sha256 else None


async def write_record(store: Store, key: str, record: Record) -> None:
    """Write the record; only ever after the bytes it names. Raises ``StorageError``."""
    data = record.model_dump_json(by_alias=True, exclude_none=True).encode()
    if len(data) > _MAX_BYTES:
        raise StorageError(f"the record for {store.uri(key)} has {len(data)} bytes; at most {_MAX_BYTES}")
    await store.put(key, data, content_type="application/json")
