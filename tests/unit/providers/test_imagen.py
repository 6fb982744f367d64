"""What is sent to Imagen, and how its answers are read."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from storyjob.api.outcome import BytesOutput, Done, FailureKind, JobPhase, Rejected, Result, Submission, Unknown
from storyjob.api.step import StepKind
from storyjob.providers.base import Request
from support.vendors import JOBS, REQUESTS, SECRET, STILL, Vendor, an_attempt, answering, connect

REQUEST = REQUESTS["google-imagen"]
PNG = base64.b64encode(b"\x89PNG picture").decode()
DRAWN = {"predictions": [{"bytesBase64Encoded": PNG, "mimeType": "image/png"}]}
K = FailureKind


async def submit(request: Request, vendor: Vendor) -> Submission:
    return await connect("google-imagen", vendor).submit(request, an_attempt())


async def test_a_prompt_with_an_api_key() -> None:
    vendor = answering(200, json=DRAWN)

    assert await submit(REQUEST, vendor) == Done(Result(BytesOutput(b"\x89PNG picture", "image/png")))
    (asked,) = vendor.asked
    assert asked.url == (
        "https://us-central1-aiplatform.googleapis.com/v1beta1/publishers/google/models/imagen-4.0-generate-001:predict"
    )
    assert asked.headers["x-goog-api-key"] == SECRET
    assert json.loads(asked.content) == {
        "instances": [{"prompt": "a small fox"}],
        "parameters": {"sampleCount": 1, "includeRaiReason": True},
    }


@pytest.mark.parametrize(
    ("wishes", "sent"),
    [
        pytest.param({}, {}, id="Google refuses a seed beside its watermark"),
        pytest.param({"addWatermark": True}, {"addWatermark": True}, id="which the user may ask for"),
        pytest.param({"addWatermark": False}, {"addWatermark": False, "seed": 7}, id="and may go without"),
        pytest.param({"seed": 9}, {"seed": 9}, id="what the user writes is sent"),
    ],
)
async def test_when_the_seed_goes_along(wishes: dict[str, Any], sent: dict[str, Any]) -> None:
    vendor = answering(200, json=DRAWN)

    await submit(replace(REQUEST, seed=7, input=wishes), vendor)

    parameters = json.loads(vendor.asked[0].content)["parameters"]
    assert parameters == {"sampleCount": 1, "includeRaiReason": True, **sent}


async def test_labels_are_no_parameter() -> None:
    vendor = answering(200, json=DRAWN)

    await submit(replace(REQUEST, input={"labels": {"team": "film"}, "aspectRatio": "16:9"}), vendor)

    body = json.loads(vendor.asked[0].content)
    assert body["labels"] == {"team": "film"}
    assert body["parameters"] == {"sampleCount": 1, "includeRaiReason": True, "aspectRatio": "16:9"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"model": "../x"}, "model", id="a model that bends the path"),
        pytest.param({"model": "a:predict"}, "model", id="a model with a verb"),
        pytest.param({"step": StepKind.VIDEO}, "video", id="no clips here"),
        pytest.param({"image": STILL}, "prompt only", id="a picture to start from"),
        pytest.param({"input": {"storageUri": "gs://b/x"}}, "storageUri", id="a bucket we cannot read"),
    ],
)
async def test_what_cannot_work_is_refused_unsent(changes: dict[str, Any], named: str) -> None:
    vendor = answering(200, json=DRAWN)

    outcome = await submit(replace(REQUEST, **changes), vendor)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


async def test_a_broken_service_account_is_told_and_nothing_is_sent() -> None:
    vendor = answering(200, json=DRAWN)

    outcome = await connect("google-imagen", vendor, secret='{"type": "service_account"}').submit(REQUEST, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.UNAUTHORIZED
    assert "private_key" in outcome.failure.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param({"predictions": [{"raiFilteredReason": "58061214"}]}, "58061214", id="filtered, called a success"),
        pytest.param(
            {"predictions": [7, {"raiFilteredReason": "a"}, {"raiFilteredReason": {"b": 1}}]}, "a; ", id="two reasons"
        ),
    ],
)
async def test_a_filtered_picture(document: dict[str, Any], reason: str) -> None:
    outcome = await submit(REQUEST, answering(200, json=document))

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.REFUSED
    assert reason in outcome.failure.message


async def test_one_of_two_may_be_filtered() -> None:
    document = {"predictions": [{"raiFilteredReason": "58061214"}, {"bytesBase64Encoded": PNG, "mimeType": "x/y"}]}

    outcome = await submit(REQUEST, answering(200, json=document))

    assert outcome == Done(Result(BytesOutput(b"\x89PNG picture", "image/png")))


@pytest.mark.parametrize(
    "document", [{}, {"predictions": []}, {"predictions": 7}, {"predictions": [{"bytesBase64Encoded": "???"}]}]
)
async def test_a_success_without_a_picture_may_have_been_charged(document: dict[str, Any]) -> None:
    assert isinstance(await submit(REQUEST, answering(200, json=document)), Unknown)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        pytest.param(400, {"status": "INVALID_ARGUMENT"}, K.INVALID, id="bad request"),
        pytest.param(400, {"message": "violates our usage guidelines"}, K.REFUSED, id="the prompt is refused at once"),
        pytest.param(400, {"details": [{"reason": "API_KEY_INVALID"}]}, K.UNAUTHORIZED, id="a bad key is a 400"),
        pytest.param(403, {"status": "PERMISSION_DENIED"}, K.UNAUTHORIZED, id="no right"),
        pytest.param(403, {"details": [{"reason": "BILLING_DISABLED"}]}, K.QUOTA, id="nobody pays"),
        pytest.param(404, {"status": "NOT_FOUND"}, K.INVALID, id="no such model"),
        pytest.param(429, {"status": "RESOURCE_EXHAUSTED"}, K.THROTTLED, id="throttled"),
        pytest.param(500, {"status": "INTERNAL"}, None, id="a 500"),
        pytest.param(503, {"status": "UNAVAILABLE"}, None, id="Google's own 503, which says to try again"),
        pytest.param(503, {}, None, id="a proxy's 503"),
        pytest.param(504, {"status": "DEADLINE_EXCEEDED"}, None, id="too slow"),
    ],
)
async def test_why_it_said_no(status: int, error: dict[str, Any], kind: FailureKind | None) -> None:
    outcome = await submit(REQUEST, answering(status, json={"error": error}))

    if kind is None:
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.failure.kind is kind


async def test_there_is_no_job_to_ask_about_or_cancel() -> None:
    vendor = answering(500)
    provider = connect("google-imagen", vendor)

    seen = await provider.observe(JOBS["google-imagen"])
    await provider.cancel(JOBS["google-imagen"])

    assert seen.phase is JobPhase.GONE
    assert vendor.asked == []
