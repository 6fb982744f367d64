"""Whatever lies where a record should be: it is a record of ours, or it is ignored."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storyjob.api.scene import StepOutput
from storyjob.media.captions import Narration, cues
from storyjob.media.layout import Layout
from storyjob.media.record import Record, RecordedAlignment, read_record
from storyjob.media.store import Store
from support.mutation import mutated, spoiled_bytes

often = settings(deadline=None, max_examples=200)
INPUT, TOKEN = "ab" * 32, "cd" * 32
LAYOUT = Layout("stories", "tales")
PLACE = LAYOUT.record(INPUT)
RECORD = Record(
    key=LAYOUT.media(INPUT, TOKEN, "mp3"),
    sha256="ef" * 32,
    bytes=1_000,
    content_type="audio/mpeg",
    seconds=1.5,
    alignment=RecordedAlignment(characters=list("A fox."), starts=[0, 0.1, 0.2, 0.3, 0.4, 0.5], ends=[1.0] * 6),
    provider="voice",
    model="eleven_multilingual_v2",
    job_id="job-1",
    token_hash=TOKEN,
    cost=Decimal("0.03"),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
WRITTEN = RECORD.model_dump_json(by_alias=True).encode()


def read(data: bytes) -> Record | None:
    async def get(key: str, *, max_bytes: int) -> bytes:
        return data

    bucket = SimpleNamespace(get=get, uri=lambda key: f"s3://bucket/{key}")
    return asyncio.run(read_record(cast(Store, bucket), PLACE))


def test_our_own_is_read() -> None:
    assert read(WRITTEN) == RECORD


@often
@given(st.binary() | spoiled_bytes(WRITTEN) | mutated(json.loads(WRITTEN)).map(lambda item: json.dumps(item).encode()))
def test_anything(data: bytes) -> None:
    record = read(data)
    if record is None:
        return
    assert record.key.startswith(LAYOUT.root + "media/" + INPUT + "/")
    StepOutput(uri=f"s3://bucket/{record.key}", **_output(record))
    assert len(record.model) <= 200
    if record.spoken is not None:
        cues([Narration("A fox.", 0.0, 1.5, record.spoken)])


def _output(record: Record) -> dict[str, Any]:
    return record.model_dump(include={"sha256", "bytes", "content_type", "seconds"})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"key": Layout("stories", "others").media(INPUT, TOKEN, "mp3")}, id="another namespace's file"),
        pytest.param({"key": PLACE}, id="itself"),
        pytest.param({"key": f"{PLACE}/../../secret"}, id="dots"),
        pytest.param({"bytes": 10**30}, id="more bytes than there are"),
        pytest.param({"contentType": "x" * 101 + "/y"}, id="a type that no status holds"),
        pytest.param({"contentType": "audio/mpeg\r\nX-Evil: 1"}, id="a type with a header in it"),
        pytest.param({"cost": "1e999999"}, id="a cost beyond all money"),
        pytest.param({"cost": "-1"}, id="a negative cost"),
        pytest.param({"model": "x" * 201}, id="a model that no status holds"),
        pytest.param({"version": 2}, id="another version"),
        pytest.param({"sha256": None}, id="no hash"),
    ],
)
def test_what_is_not_ours_is_ignored(changes: dict[str, Any]) -> None:
    assert read(json.dumps(json.loads(WRITTEN) | changes).encode()) is None
