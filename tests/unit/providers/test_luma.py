"""What is sent to Luma, how its generations are read, and how a lost one is found again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from storyjob.api.outcome import Accepted, FailureKind, JobPhase, NoTrace, Rejected, Unknown, UrlOutput
from storyjob.api.step import StepKind
from storyjob.providers.base import Finder, Lost, Request
from storyjob.providers.luma import ENDPOINT, PAGE_SIZE, PAGES
from support.vendors import CALLBACK, JOBS, REQUESTS, SECRET, STILL, TOKEN, Vendor, an_attempt, answering, connect

REQUEST, JOB = REQUESTS["luma"], JOBS["luma"]
LINK = "https://bucket.example/still.png"
LINKED = replace(STILL, url=LINK)
K, P = FailureKind, JobPhase


async def sent(request: Request, **attempt: Any) -> tuple[httpx.Request, dict[str, Any]]:
    vendor = answering(201, json={"id": "abc123", "state": "queued"})
    assert await connect("luma", vendor).submit(request, an_attempt(**attempt)) == Accepted("abc123")
    (only,) = vendor.asked
    return only, json.loads(only.content)


async def test_a_request_with_all_that_belongs_to_it() -> None:
    request, body = await sent(replace(REQUEST, seed=7, input={"resolution": "720p", "duration": "5s"}))

    assert (request.method, str(request.url)) == ("POST", f"{ENDPOINT}/generations/video")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert body == {
        "model": "ray-2",
        "prompt": "pan to the moon",
        "resolution": "720p",
        "duration": "5s",
        "callback_url": CALLBACK,
    }


async def test_a_picture_without_a_callback() -> None:
    request, body = await sent(replace(REQUEST, step=StepKind.IMAGE, model="photon-1"), callback_url=None)

    assert request.url.path.endswith("/generations/image")
    assert body == {"model": "photon-1", "prompt": "pan to the moon"}


@pytest.mark.parametrize(
    ("input_", "keyframes"),
    [
        pytest.param({}, {"frame0": {"type": "image", "url": LINK}}, id="the first frame unless said otherwise"),
        pytest.param(
            {"keyframes": {"frame1": {"type": "image", "url": "$image"}}},
            {"frame1": {"type": "image", "url": LINK}},
            id="placed by hand",
        ),
        pytest.param({"first_frame": {"url": "$image"}}, None, id="placed elsewhere"),
    ],
)
async def test_where_the_still_goes(input_: dict[str, Any], keyframes: object) -> None:
    _, body = await sent(replace(REQUEST, image=LINKED, input=input_))

    assert body.get("keyframes") == keyframes


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        pytest.param(replace(REQUEST, image=STILL), "STORYJOB_S3_PUBLIC_ENDPOINT", id="a still without a link"),
        pytest.param(replace(REQUEST, step=StepKind.AUDIO), "audio", id="no narrations here"),
    ],
)
async def test_what_cannot_work_is_refused_unsent(request_: Request, named: str) -> None:
    vendor = answering(201, json={"id": "abc123"})

    outcome = await connect("luma", vendor).submit(request_, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        pytest.param(400, {"detail": "model must be one of ray-2"}, K.INVALID, id="a bad body"),
        pytest.param(400, {"detail": "Insufficient credits"}, K.QUOTA, id="no credits"),
        pytest.param(400, {"detail": "Prompt failed moderation"}, K.REFUSED, id="a filter"),
        pytest.param(401, {"detail": "Not authenticated"}, K.UNAUTHORIZED, id="no key"),
        pytest.param(402, {"detail": "pay"}, K.QUOTA, id="payment required"),
        pytest.param(403, {"detail": "Invalid API key"}, K.UNAUTHORIZED, id="a wrong key"),
        pytest.param(404, {"detail": "Not found"}, K.INVALID, id="no such way"),
        pytest.param(422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, K.INVALID, id="a list of wrongs"),
        pytest.param(429, {"detail": "Rate limit exceeded"}, K.THROTTLED, id="throttled"),
    ],
)
async def test_a_submit_that_took_nothing(status: int, document: dict[str, Any], kind: FailureKind) -> None:
    outcome = await connect("luma", answering(status, json=document)).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is kind


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_no_5xx_proves_that_nothing_was_taken(status: int) -> None:
    assert isinstance(
        await connect("luma", answering(status, json={"detail": "x"})).submit(REQUEST, an_attempt()), Unknown
    )


@pytest.mark.parametrize("document", [{}, {"id": None}, {"id": "../x"}])
async def test_a_success_that_names_no_generation_is_unknown(document: dict[str, Any]) -> None:
    assert isinstance(await connect("luma", answering(201, json=document)).submit(REQUEST, an_attempt()), Unknown)


@pytest.mark.parametrize(
    ("fields", "phase", "kind"),
    [
        pytest.param({"state": "queued"}, P.QUEUED, None, id="queued"),
        pytest.param({"state": "dreaming"}, P.RUNNING, None, id="dreaming"),
        pytest.param({"state": "hibernating"}, P.RUNNING, None, id="a state nobody knows"),
        pytest.param({"state": None}, P.RUNNING, None, id="no state"),
        pytest.param({"state": "failed", "failure_reason": "out of memory"}, P.FAILED, K.FAILED, id="failed"),
        pytest.param({"state": "failed", "failure_reason": None}, P.FAILED, K.FAILED, id="failed without a reason"),
        pytest.param({"state": "failed", "failure_reason": "Moderation: flagged"}, P.FAILED, K.REFUSED, id="a filter"),
        pytest.param({"state": "completed", "assets": None}, P.FAILED, K.INVALID, id="nothing made"),
        pytest.param({"state": "completed", "assets": {"image": "https://x/1"}}, P.FAILED, K.INVALID, id="no clip"),
    ],
)
async def test_how_a_generation_stands(fields: dict[str, Any], phase: JobPhase, kind: FailureKind | None) -> None:
    seen = await connect("luma", answering(200, json={"id": "abc123", **fields})).observe(JOB)

    assert seen.phase is phase
    assert (seen.failure.kind if seen.failure else None) is kind


@pytest.mark.parametrize("step", [StepKind.IMAGE, StepKind.VIDEO])
async def test_what_was_made(step: StepKind) -> None:
    assets = {"image": "https://cdn.luma.example/image", "video": "https://cdn.luma.example/video"}
    vendor = answering(200, json={"id": "abc123", "state": "completed", "assets": assets})

    seen = await connect("luma", vendor).observe(replace(JOB, step=step))

    assert seen.result is not None
    assert seen.result.output == UrlOutput(f"https://cdn.luma.example/{step.value}")


@pytest.mark.parametrize("job_id", ["../x", ""])
async def test_an_id_that_bends_the_path_is_not_asked_about(job_id: str) -> None:
    vendor = answering(200, json={})

    seen = await connect("luma", vendor).observe(replace(JOB, job_id=job_id))

    assert (seen.phase, vendor.asked) == (P.UNREACHABLE, [])


async def test_an_answer_about_another_generation_says_nothing() -> None:
    seen = await connect("luma", answering(200, json={"id": "other", "state": "failed"})).observe(JOB)

    assert seen.phase is P.UNREACHABLE


async def test_nothing_is_deleted_by_a_cancel() -> None:
    vendor = answering(204)

    await connect("luma", vendor).cancel(JOB)

    assert vendor.asked == []


NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOST = Lost(StepKind.VIDEO, "ray-2", hashlib.sha256(TOKEN.encode()).hexdigest(), NOW, NOW)


def listed(job_id: str, callback: object) -> dict[str, Any]:
    return {"id": job_id, "state": "dreaming", "request": {"prompt": "x", "callback_url": callback}}


STRANGER = listed("other", CALLBACK.replace(TOKEN, "f" * 32))


def pages(*generations: list[dict[str, Any]]) -> Vendor:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["offset"]) // PAGE_SIZE
        more = page + 1 < len(generations)
        return httpx.Response(200, json={"generations": generations[page], "has_more": more})

    return Vendor(answer)


async def found(vendor: Vendor) -> Accepted | NoTrace:
    luma = connect("luma", vendor)
    assert isinstance(luma, Finder)
    trace = await luma.find(LOST)
    assert isinstance(trace, Accepted | NoTrace)
    return trace


@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(pages([STRANGER, listed("mine", CALLBACK)]), id="among others"),
        pytest.param(pages([STRANGER] * PAGE_SIZE, [listed("mine", CALLBACK)]), id="on the second page"),
    ],
)
async def test_a_lost_generation_is_known_by_its_callback_url(vendor: Vendor) -> None:
    assert await found(vendor) == Accepted("mine")


@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(pages([]), id="nothing listed"),
        pytest.param(pages([STRANGER]), id="somebody else's"),
        pytest.param(pages([{"id": "mine", "request": None}, {"id": "mine"}, {}]), id="no request shown"),
        pytest.param(pages([listed("mine", None), listed("mine", 7), listed("mine", "http://[")]), id="no usable URL"),
        pytest.param(pages([listed("mine", f"{CALLBACK}&token=x")]), id="two tokens"),
        pytest.param(pages([listed("../x", CALLBACK)]), id="an id that bends the path"),
        pytest.param(answering(200, json={"generations": "none"}), id="no list"),
    ],
)
async def test_without_a_trace_nothing_is_claimed(vendor: Vendor) -> None:
    trace = await found(vendor)

    assert isinstance(trace, NoTrace)
    assert trace.answered


async def test_the_search_ends() -> None:
    vendor = pages(*[[STRANGER]] * (PAGES + 3))

    assert isinstance(await found(vendor), NoTrace)
    assert len(vendor.asked) == PAGES


@pytest.mark.parametrize("vendor", [answering(500), answering(401, json={"detail": "no"}), answering(200, text="x")])
async def test_a_list_that_cannot_be_read_is_asked_for_again(vendor: Vendor) -> None:
    trace = await found(vendor)

    assert isinstance(trace, NoTrace)
    assert not trace.answered
