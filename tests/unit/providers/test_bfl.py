"""What is sent to Black Forest Labs, and how its tasks are read."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from storyjob.api.outcome import Accepted, FailureKind, JobPhase, Observation, Rejected, Unknown, UrlOutput
from storyjob.api.step import StepKind
from storyjob.providers.base import Request
from storyjob.providers.bfl import ENDPOINT
from support.vendors import JOBS, REQUESTS, SECRET, an_attempt, answering, connect

REQUEST, JOB = REQUESTS["bfl"], JOBS["bfl"]
K, P = FailureKind, JobPhase
OWN = f"{ENDPOINT}/v1/get_result?id=abc123"
REGIONAL = "https://api.eu1.bfl.ai/v1/get_result?id=abc123"
SAMPLE = "https://delivery-eu1.bfl.ai/results/a/sample.jpeg?sig=1"
READY = {"status": "Ready", "result": {"sample": SAMPLE, "prompt": "https://evil.example"}}


async def sent(request: Request) -> tuple[httpx.Request, dict[str, Any]]:
    vendor = answering(200, json={"id": "abc123", "polling_url": REGIONAL, "cost": 3.0})
    outcome = await connect("bfl", vendor).submit(request, an_attempt())
    assert outcome == Accepted("abc123", {"polling_url": REGIONAL, "credits": "3.0"})
    (only,) = vendor.asked
    return only, json.loads(only.content)


async def seen(document: dict[str, Any], **handles: str) -> Observation:
    vendor = answering(200, json={"id": "abc123", **document})
    return await connect("bfl", vendor).observe(replace(JOB, handles=handles))


async def test_a_request_with_all_that_belongs_to_it() -> None:
    request, body = await sent(replace(REQUEST, seed=7, input={"width": 1280, "output_format": "png"}))

    assert (request.method, str(request.url)) == ("POST", f"{ENDPOINT}/v1/flux-2-pro")
    assert request.headers["x-key"] == SECRET
    assert body == {"prompt": "a small fox", "seed": 7, "width": 1280, "output_format": "png"}


async def test_the_users_inputs_win_and_placeholders_are_filled_in() -> None:
    _, body = await sent(replace(REQUEST, input={"prompt": {"text": "$text"}}))

    assert body == {"prompt": {"text": "a small fox"}}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        pytest.param({"model": "../credits"}, "'../credits'", id="a model that bends the path"),
        pytest.param({"model": "flux 2"}, "'flux 2'", id="a model with a space"),
        pytest.param({"step": StepKind.VIDEO}, "video", id="a clip"),
        pytest.param({"input": {"webhook_url": "https://x"}}, "input.webhook_url", id="a webhook of one's own"),
    ],
)
async def test_what_cannot_work_is_refused_unsent(changed: dict[str, Any], named: str) -> None:
    vendor = answering(200, json={"id": "abc123"})

    outcome = await connect("bfl", vendor).submit(replace(REQUEST, **changed), an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        pytest.param(402, {"detail": "Insufficient credits"}, K.QUOTA, id="no credits"),
        pytest.param(403, {"detail": "Not authenticated"}, K.UNAUTHORIZED, id="a wrong key"),
        pytest.param(404, {"detail": "Not Found"}, K.INVALID, id="no such model"),
        pytest.param(422, {"detail": [{"loc": ["body"], "msg": "Field required"}]}, K.INVALID, id="a bad input"),
        pytest.param(422, {"detail": "the prompt was flagged"}, K.REFUSED, id="a filter"),
        pytest.param(429, {"detail": "Too many active tasks"}, K.THROTTLED, id="too many tasks"),
        pytest.param(503, {"detail": "try again"}, None, id="a 503"),
        pytest.param(200, {"id": "../x"}, None, id="a task that bends the path"),
        pytest.param(200, {}, None, id="no task"),
    ],
)
async def test_what_an_answer_means(status: int, document: dict[str, Any], kind: FailureKind | None) -> None:
    outcome = await connect("bfl", answering(status, json=document)).submit(REQUEST, an_attempt())

    if kind is None:
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.failure.kind is kind


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        pytest.param(REGIONAL, REGIONAL, id="a region of its own"),
        pytest.param("", OWN, id="none was told"),
        pytest.param("https://evil.example/v1/get_result?id=abc123", OWN, id="a stranger"),
        pytest.param("https://evilbfl.ai/v1/get_result?id=abc123", OWN, id="a stranger with a similar name"),
        pytest.param("http://api.eu1.bfl.ai/v1/get_result?id=abc123", OWN, id="without TLS"),
        pytest.param("https://api.eu1.bfl.ai:8443/v1/get_result?id=abc123", OWN, id="another port"),
        pytest.param("https://api.eu1.bfl.ai/v1/get_result?id=another", OWN, id="another task"),
        pytest.param("https://[", OWN, id="no address"),
    ],
)
async def test_the_key_goes_to_nobody_else(given: str, asked: str) -> None:
    vendor = answering(200, json={"id": "abc123", "status": "Pending"})

    await connect("bfl", vendor).observe(replace(JOB, handles={"polling_url": given} if given else {}))

    assert [str(request.url) for request in vendor.asked] == [asked]


async def test_behind_a_proxy_a_region_is_not_asked_directly() -> None:
    vendor = answering(200, json={"id": "abc123", "status": "Pending"})

    await connect("bfl", vendor, endpoint="https://proxy.example/bfl").observe(
        replace(JOB, handles={"polling_url": REGIONAL})
    )

    assert str(vendor.asked[0].url) == "https://proxy.example/bfl/v1/get_result?id=abc123"


@pytest.mark.parametrize(
    ("document", "phase", "kind"),
    [
        pytest.param({"status": "Pending"}, P.RUNNING, None, id="pending"),
        pytest.param({"status": "Dreaming"}, P.RUNNING, None, id="a word that is not known"),
        pytest.param({}, P.RUNNING, None, id="no word"),
        pytest.param({"status": "Task not found"}, P.GONE, None, id="forgotten"),
        pytest.param({"status": "Request Moderated"}, P.FAILED, K.REFUSED, id="the prompt is refused"),
        pytest.param({"status": "Content Moderated"}, P.FAILED, K.REFUSED, id="the picture is refused"),
        pytest.param({"status": "Error", "details": {"error": "oom"}}, P.FAILED, K.FAILED, id="an error"),
        pytest.param({"status": "Ready", "result": None}, P.FAILED, K.INVALID, id="ready without a picture"),
        pytest.param({"status": "Ready", "result": {"sample": "file:///x"}}, P.FAILED, K.INVALID, id="no link"),
    ],
)
async def test_how_a_task_stands(document: dict[str, Any], phase: JobPhase, kind: FailureKind | None) -> None:
    found = await seen(document)

    assert (found.phase, found.failure.kind if found.failure else None) == (phase, kind)


@pytest.mark.parametrize(
    ("handles", "cost"),
    [
        pytest.param({"credits": "3.0"}, Decimal("0.03"), id="credits are cents"),
        pytest.param({"credits": "many"}, None, id="no number"),
        pytest.param({}, None, id="not told"),
    ],
)
async def test_a_picture_and_what_it_cost(handles: dict[str, str], cost: Decimal | None) -> None:
    found = await seen(READY, **handles)

    assert found.phase is P.SUCCEEDED
    assert found.result is not None
    assert (found.result.output, found.result.cost) == (UrlOutput(SAMPLE), cost)


async def test_an_answer_about_another_task_says_nothing() -> None:
    found = await seen(READY | {"id": "another"})

    assert (found.phase, found.result) == (P.UNREACHABLE, None)


async def test_an_id_that_could_bend_the_path_is_not_asked_about() -> None:
    vendor = answering(200, json={})

    found = await connect("bfl", vendor).observe(replace(JOB, job_id="a&b=c"))

    assert (found.phase, vendor.asked) == (P.UNREACHABLE, [])
