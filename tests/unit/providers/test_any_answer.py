"""Whatever a vendor answers, no adapter raises: an exception there would hide a job that costs money."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from storyjob.api.outcome import Accepted, Done, Observation, Rejected, Submission, Unknown
from storyjob.providers.registry import provider_types
from support.vendors import JOBS, OPERATION, REQUESTS, Vendor, an_attempt, connect

# Words that lead deep into the adapters, so that random documents do not all end at the first look.
WORDS = st.sampled_from(
    [
        *("succeeded", "failed", "aborted", "starting", "https://x.example/a", "data:video/mp4;base64,AAAA"),
        *("SUCCEEDED", "FAILED", "CANCELLED", "SAFETY.INPUT.TEXT", "completed"),
        *("COMPLETED", "IN_QUEUE", "content_policy_violation", "client_cancelled"),
        *("AAAA", "quota_exceeded", "UNAVAILABLE", "abc123", OPERATION),
    ]
)
KEYS = st.sampled_from(
    [
        *("id", "name", "status", "output", "error", "detail", "data_removed", "done", "response", "videos", "code"),
        *("message", "details", "reason", "raiMediaFilteredCount", "raiMediaFilteredReasons", "bytesBase64Encoded"),
        *("gcsUri", "mimeType", "audio_base64", "alignment", "characters", "character_start_times_seconds"),
        *("failure", "failureCode", "cost", "credits", "issues", "state", "assets", "failure_reason"),
        *("request_id", "error_type", "images", "has_nsfw_concepts", "msg", "loc", "type", "status_url"),
        *("character_end_times_seconds", "title", "video", "urls", "data", "b64_json", "url", "type"),
        *("predictions", "raiFilteredReason", "audioContent", "items", "contentType"),
        *("steps", "content", "mime_type", "uri", "errors", "state"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6),
    max_leaves=20,
)
STATUSES = st.sampled_from([200, 200, 200, 201, 202, 204, 302, 307, 400, 401, 404, 422, 429, 499, 500, 503])
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "location", "request-id", "content-type"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)


# Imagen answers 200 where its filter kept everything back, and charges nothing.
FILTERED_WITH_200 = ("google-imagen",)
ABOUT_THE_JOB = st.dictionaries(KEYS, DOCUMENTS, max_size=6)
BODIES = st.binary(max_size=200) | DOCUMENTS.map(lambda document: json.dumps(document).encode()) | ABOUT_THE_JOB


@pytest.mark.parametrize("type_", provider_types())
@settings(max_examples=100, deadline=None)
@given(status=STATUSES, headers=HEADERS, body=BODIES)
@example(status=302, headers={"location": "A:0"}, body=b"")
def test_submit_and_observe_never_raise(
    type_: str, status: int, headers: dict[str, str], body: bytes | dict[str, Any]
) -> None:
    if isinstance(body, dict):
        job_id = JOBS[type_].job_id
        body = json.dumps({**body, "id": job_id, "name": job_id}).encode()
    vendor = Vendor(lambda request: httpx.Response(status, headers=headers, content=body))

    outcome, seen = asyncio.run(ask(type_, vendor))

    assert isinstance(outcome, Accepted | Done | Rejected | Unknown)
    assert isinstance(seen, Observation)
    if not 200 <= status < 300:
        assert isinstance(outcome, Rejected | Unknown)
    elif type_ not in FILTERED_WITH_200:
        assert isinstance(outcome, Accepted | Done | Unknown)
    if status in (302, 499, 500):
        assert isinstance(outcome, Unknown)


async def ask(type_: str, vendor: Vendor) -> tuple[Submission, Observation]:
    """Submit and observe, as an operator does."""
    provider = connect(type_, vendor)
    return await provider.submit(REQUESTS[type_], an_attempt()), await provider.observe(JOBS[type_])
