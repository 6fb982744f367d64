"""What is sent to the Interactions API, and how its interactions are read."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest

from storyjob.api.outcome import (
    Accepted,
    Authorization,
    BytesOutput,
    FailureKind,
    JobPhase,
    Observation,
    Rejected,
    Result,
    Unknown,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.providers.base import Authorizer, Job, Request
from support.vendors import CALLBACK, JOBS, REQUESTS, SECRET, STILL, Vendor, an_attempt, answering, connect

PICTURE, JOB = REQUESTS["gemini"], JOBS["gemini"]
CLIP = Request(StepKind.VIDEO, "gemini-omni-1.1-flash", "pan to the moon")
CLIP_JOB = Job(JOB.job_id, StepKind.VIDEO, CLIP.model)
ROOT = "https://generativelanguage.googleapis.com"
FILE = f"{ROOT}/v1beta/files/abc123"
K, P = FailureKind, JobPhase


async def sent(request: Request, **attempt: Any) -> dict[str, Any]:
    vendor = answering(200, json={"id": JOB.job_id, "status": "in_progress"})
    assert await connect("gemini", vendor).submit(request, an_attempt(**attempt)) == Accepted(JOB.job_id)
    (only,) = vendor.asked
    assert only.url == f"{ROOT}/v1beta/interactions"
    assert only.headers["x-goog-api-key"] == SECRET
    body: dict[str, Any] = json.loads(only.content)
    return body


def standing(**fields: Any) -> dict[str, Any]:
    return {"id": JOB.job_id, **fields}


def made(*contents: Any, **more: Any) -> dict[str, Any]:
    steps = [{"type": "thought"}, {"type": "model_output", "content": list(contents), **more}]
    return standing(status="completed", steps=steps)


async def observe(document: dict[str, Any], job: Job = JOB) -> Observation:
    return await connect("gemini", answering(200, json=document)).observe(job)


def with_file(file: httpx.Response, uri: str = FILE) -> Vendor:
    """Return a Gemini that made a clip, whose file answers as given."""
    document = made({"type": "video", "uri": uri, "mime_type": "video/mp4"})
    return Vendor(lambda request: file if "/files/" in request.url.path else httpx.Response(200, json=document))


async def test_a_picture_is_made_in_the_background_and_its_end_is_told() -> None:
    body = await sent(PICTURE)

    assert body == {**await sent(PICTURE, callback_url=None), "webhook_config": {"uris": [CALLBACK]}}


async def test_without_a_callback_nobody_is_called() -> None:
    assert await sent(PICTURE, callback_url=None) == {
        "model": "gemini-3.1-flash-image",
        "input": "a small fox",
        "background": True,
        "store": True,
        "response_format": {"type": "image"},
    }


async def test_a_clip_comes_in_a_file_and_starts_from_a_still() -> None:
    wishes = {
        "response_format": {"aspect_ratio": "9:16", "duration": "6s"},
        "generation_config": {"video_config": {"task": "image_to_video"}},
        "labels": {"team": "film"},
    }

    body = await sent(replace(CLIP, image=STILL, seed=7, input=wishes), callback_url=None)

    assert body == {
        "model": "gemini-omni-1.1-flash",
        "input": [
            {"type": "image", "data": base64.b64encode(STILL.data).decode(), "mime_type": "image/png"},
            {"type": "text", "text": "pan to the moon"},
        ],
        "background": True,
        "store": True,
        "response_format": {"type": "video", "delivery": "uri", "aspect_ratio": "9:16", "duration": "6s"},
        "generation_config": {"seed": 7, "video_config": {"task": "image_to_video"}},
        "labels": {"team": "film"},
    }


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"step": StepKind.AUDIO}, "audio", id="no narrations here"),
        pytest.param({"model": "models/../x"}, "model", id="a model that is a path"),
        *(
            pytest.param({"input": {name: False}}, f"input.{name}", id=f"{name} is ours")
            for name in ("background", "store", "stream", "webhook_config")
        ),
        pytest.param({"input": {"response_format": ["video"]}}, "response_format", id="a part that is no object"),
        pytest.param({"input": {"temperature": float("inf")}}, "JSON", id="not a number"),
    ],
)
async def test_what_cannot_work_is_refused_unsent(changes: dict[str, Any], named: str) -> None:
    vendor = answering(200, json={"id": JOB.job_id})

    outcome = await connect("gemini", vendor).submit(replace(PICTURE, **changes), an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        pytest.param(400, "invalid_request", K.INVALID, id="malformed"),
        pytest.param(400, "failed_precondition", K.INVALID, id="billing is off"),
        pytest.param(400, "parameter_unknown", K.INVALID, id="an unknown parameter"),
        pytest.param(416, "out_of_range", K.INVALID, id="out of range"),
        pytest.param(401, "authentication", K.UNAUTHORIZED, id="a wrong key"),
        pytest.param(402, "payment_required", K.QUOTA, id="no credit"),
        pytest.param(403, "permission_denied", K.UNAUTHORIZED, id="no right"),
        pytest.param(404, "model_not_found", K.INVALID, id="no such model"),
        pytest.param(409, "aborted", K.INVALID, id="a conflict"),
        pytest.param(429, "rate_limit_exceeded", K.THROTTLED, id="too fast"),
        pytest.param(429, "too_many_requests", K.THROTTLED, id="too many"),
        pytest.param(429, "quota_exceeded", K.QUOTA, id="the day's quota"),
        *(
            pytest.param(400, code, K.REFUSED, id=f"blocked: {code}")
            for code in (
                *("safety", "recitation", "language", "prohibited_content", "spii", "blocklist", "content_blocked"),
                *("image_safety", "image_prohibited_content", "image_recitation", "image_other"),
            )
        ),
        pytest.param(499, "cancelled", None, id="the client went away"),
        pytest.param(500, "api_error", None, id="a 500"),
        pytest.param(501, "unimplemented", None, id="a 501"),
        pytest.param(503, "service_unavailable", None, id="Google's own 503, which says to try again"),
        pytest.param(503, "other", None, id="a proxy's 503"),
        pytest.param(504, "deadline_exceeded", None, id="too slow"),
    ],
)
async def test_why_it_said_no(status: int, code: str, kind: FailureKind | None) -> None:
    vendor = answering(status, json={"error": {"code": code, "message": "why"}})

    outcome = await connect("gemini", vendor).submit(PICTURE, an_attempt())

    if kind is None:
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.failure.kind is kind
        assert f"{code}: why" in outcome.failure.message


async def test_the_older_shape_of_errors_is_read_too() -> None:
    details = [{"reason": "API_KEY_INVALID"}]
    vendor = answering(400, json={"error": {"code": 400, "message": "API key not valid.", "details": details}})

    outcome = await connect("gemini", vendor).submit(PICTURE, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.UNAUTHORIZED


@pytest.mark.parametrize("job_id", [None, "", "a/b", "../x", "a?b", "a" * 201])
async def test_an_id_that_could_bend_the_path_is_not_taken(job_id: str | None) -> None:
    vendor = answering(200, json={"id": job_id})
    provider = connect("gemini", vendor)

    assert isinstance(await provider.submit(PICTURE, an_attempt()), Unknown)
    assert (await provider.observe(replace(JOB, job_id=job_id or ""))).phase is P.UNREACHABLE
    with pytest.raises(httpx.RequestError):
        await provider.cancel(replace(JOB, job_id=job_id or ""))
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    ("document", "phase", "kind", "words"),
    [
        pytest.param(standing(status="queued"), P.QUEUED, None, "", id="queued"),
        pytest.param(standing(status="in_progress"), P.RUNNING, None, "", id="running"),
        pytest.param(standing(status="dreaming"), P.RUNNING, None, "dreaming", id="a status nobody knows"),
        pytest.param(standing(), P.RUNNING, None, "null", id="no status"),
        pytest.param(standing(status="cancelled"), P.CANCELED, None, "cancelled", id="cancelled"),
        pytest.param(standing(status="failed"), P.FAILED, K.FAILED, "no reason", id="failed without a reason"),
        pytest.param(
            standing(status="failed", errors=[{"code": "api_error", "message": "oh"}]),
            P.FAILED,
            K.FAILED,
            "api_error: oh",
            id="failed",
        ),
        pytest.param(
            standing(status="failed", errors=[{"code": "image_safety", "message": "no"}, 7]),
            P.FAILED,
            K.REFUSED,
            "image_safety",
            id="blocked",
        ),
        pytest.param(
            standing(status="failed", errors=[{"code": "https://errors.example/prohibited_content"}]),
            P.FAILED,
            K.REFUSED,
            "prohibited_content",
            id="blocked by a code that is a URI",
        ),
        pytest.param(
            standing(status="failed", error={"code": "quota_exceeded", "message": "no"}),
            P.FAILED,
            K.QUOTA,
            "quota_exceeded",
            id="the quota ran out",
        ),
        pytest.param(standing(status="incomplete"), P.FAILED, K.FAILED, "incomplete", id="incomplete"),
        pytest.param(standing(status="budget_exceeded"), P.FAILED, K.FAILED, "budget_exceeded", id="over a budget"),
        pytest.param(standing(status="requires_action"), P.FAILED, K.INVALID, "tools", id="waiting for a tool"),
        pytest.param(made(), P.FAILED, K.FAILED, "holds no image", id="completed with nothing"),
        pytest.param(
            made({"type": "text", "text": "I cannot draw that."}),
            P.FAILED,
            K.FAILED,
            "I cannot draw that.",
            id="words for a picture",
        ),
        pytest.param(
            made({"type": "text", "text": "That is against our content policy."}),
            P.FAILED,
            K.REFUSED,
            "content policy",
            id="a refusal in words",
        ),
        pytest.param(
            made(error={"code": 3, "message": "no image"}), P.FAILED, K.FAILED, "no image", id="a step that failed"
        ),
        pytest.param(made({"type": "image", "data": "???"}, 7), P.FAILED, K.FAILED, "holds no", id="garbled"),
        pytest.param(made({"type": "image", "uri": "gs://b/x"}), P.FAILED, K.FAILED, "holds no", id="a bucket"),
    ],
)
async def test_how_an_interaction_stands(
    document: dict[str, Any], phase: JobPhase, kind: FailureKind | None, words: str
) -> None:
    seen = await observe(document)

    assert seen.phase is phase
    assert (seen.failure.kind if seen.failure else None) is kind
    assert words in ((seen.failure.message if seen.failure else seen.message) or "")


@pytest.mark.parametrize(
    ("mime", "content_type"),
    [("image/png", "image/png"), ("text/html", "application/octet-stream"), (None, "application/octet-stream")],
)
async def test_the_last_picture_is_taken(mime: str | None, content_type: str) -> None:
    first = {"type": "image", "data": base64.b64encode(b"draft").decode(), "mime_type": "image/png"}
    last = {"type": "image", "data": base64.b64encode(b"final").decode(), "mime_type": mime}

    seen = await observe(made(first, last, {"type": "text", "text": "There it is."}))

    assert seen.result == Result(BytesOutput(b"final", content_type))


@pytest.mark.parametrize("uri", [FILE, f"{FILE}:download?alt=media"])
async def test_a_clip_is_a_download_once_its_file_is_ready(uri: str) -> None:
    vendor = with_file(httpx.Response(200, json={"name": "files/abc123", "state": "ACTIVE"}), uri)

    seen = await connect("gemini", vendor).observe(CLIP_JOB)

    assert seen.result == Result(UrlOutput(f"{FILE}:download?alt=media", authorized=True))
    assert [request.url.path for request in vendor.asked] == [
        f"/v1beta/interactions/{JOB.job_id}",
        "/v1beta/files/abc123",
    ]


@pytest.mark.parametrize(
    ("file", "phase"),
    [
        pytest.param(httpx.Response(200, json={"state": "PROCESSING"}), P.RUNNING, id="still processed"),
        pytest.param(httpx.Response(200, json={"state": "FAILED", "error": {"message": "x"}}), P.FAILED, id="failed"),
        pytest.param(httpx.Response(403, json={"error": {"code": "permission_denied"}}), P.GONE, id="gone, says a 403"),
        pytest.param(httpx.Response(404, json={"error": {"code": "not_found"}}), P.GONE, id="gone"),
        pytest.param(httpx.Response(503, json={}), P.UNREACHABLE, id="an outage"),
        pytest.param(httpx.Response(200, content=b"<html>"), P.UNREACHABLE, id="a proxy's page"),
    ],
)
async def test_a_file_that_is_not_ready(file: httpx.Response, phase: JobPhase) -> None:
    seen = await connect("gemini", with_file(file)).observe(CLIP_JOB)

    assert seen.phase is phase
    assert seen.result is None


async def test_a_file_of_another_host_is_not_asked_about_with_the_key() -> None:
    uri = "https://files.example.com/v1beta/files/abc123"
    vendor = with_file(httpx.Response(500), uri)

    seen = await connect("gemini", vendor).observe(CLIP_JOB)

    assert seen.result == Result(UrlOutput(f"{uri}:download?alt=media", authorized=True))
    assert {request.url.host for request in vendor.asked} == {"generativelanguage.googleapis.com"}
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    ("endpoint", "url", "own"),
    [
        pytest.param("", FILE, ROOT, id="Google"),
        pytest.param("https://proxy.example/gemini", FILE, ROOT, id="Google, past a proxy"),
        pytest.param(
            "https://proxy.example/gemini", "https://proxy.example/f", "https://proxy.example/gemini", id="the proxy"
        ),
        pytest.param("", "https://storage.googleapis.com/x", None, id="another service of Google's"),
        pytest.param("", f"{ROOT}.example.com/x", None, id="a name that looks alike"),
        pytest.param("", FILE.replace("https", "http"), None, id="without encryption"),
        pytest.param("", "https://[broken", None, id="no URL"),
    ],
)
async def test_the_key_goes_to_the_providers_own_hosts_only(endpoint: str, url: str, own: str | None) -> None:
    provider = connect("gemini", answering(500), endpoint=endpoint)

    given = await cast(Authorizer, provider).authorize(url)

    assert given == (Authorization(own, {"x-goog-api-key": SECRET}) if own else None)
    assert SECRET not in repr(given)


async def test_an_answer_about_another_interaction_is_none() -> None:
    assert (await observe({"id": "other", "status": "completed"})).phase is P.UNREACHABLE


async def test_a_cancel_is_one_post() -> None:
    vendor = answering(200, json=standing(status="cancelled"))

    await connect("gemini", vendor).cancel(JOB)

    (asked,) = vendor.asked
    assert (asked.method, asked.url.path) == ("POST", f"/v1beta/interactions/{JOB.job_id}/cancel")


@pytest.mark.parametrize(
    ("status", "code", "ends"),
    [
        pytest.param(400, "failed_precondition", True, id="it has ended"),
        pytest.param(409, "aborted", True, id="it is ending"),
        pytest.param(404, "not_found", True, id="nobody knows it"),
        pytest.param(400, "invalid_request", False, id="a mistake of ours"),
        pytest.param(403, "permission_denied", False, id="no right"),
        pytest.param(503, "service_unavailable", False, id="an outage"),
    ],
)
async def test_when_a_cancel_is_as_good_as_done(status: int, code: str, ends: bool) -> None:
    provider = connect("gemini", answering(status, json={"error": {"code": code, "message": "why"}}))

    if ends:
        await provider.cancel(JOB)
    else:
        with pytest.raises(httpx.RequestError, match="why"):
            await provider.cancel(JOB)


async def test_an_endpoint_that_cannot_be_is_told() -> None:
    vendor = answering(200, json=standing(status="queued"))
    provider = connect("gemini", vendor, endpoint="https://x.example/?a=b")

    assert (await provider.observe(JOB)).phase is P.UNREACHABLE
    with pytest.raises(httpx.RequestError, match=r"spec\.endpoint"):
        await provider.cancel(JOB)
    assert vendor.asked == []
