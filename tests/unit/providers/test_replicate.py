"""What is sent to Replicate, and how its predictions are read."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from storyjob.api.errors import CredentialsError
from storyjob.api.outcome import (
    Accepted,
    BytesOutput,
    FailureKind,
    JobPhase,
    Output,
    Rejected,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.providers.base import InputFile, Request
from storyjob.providers.model_output import find_output
from storyjob.providers.replicate import fetch_signing_secret
from support.vendors import (
    CALLBACK,
    JOBS,
    REQUESTS,
    SECRET,
    STILL,
    Vendor,
    an_attempt,
    answering,
    connect,
    connection,
    raising,
)

REQUEST = REQUESTS["replicate"]
JOB = JOBS["replicate"]
VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
CLIP = replace(REQUEST, step=StepKind.VIDEO, model="wan-video/wan-2.2-i2v-fast", text="pan up", image=STILL)
DATA_URL = "data:image/png;base64,iVBORyBzdGlsbA=="


async def sent(request: Request, **attempt: Any) -> tuple[httpx.Request, dict[str, Any]]:
    vendor = answering(201, json={"id": "abc123"})
    assert await connect("replicate", vendor).submit(request, an_attempt(**attempt)) == Accepted("abc123")
    (only,) = vendor.asked
    return only, json.loads(only.content)


async def test_a_model_is_asked_with_key_deadline_and_callback() -> None:
    request, body = await sent(replace(REQUEST, seed=7), deadline_seconds=90)

    assert request.method == "POST"
    assert request.url == "https://api.replicate.com/v1/models/black-forest-labs/flux-dev/predictions"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["cancel-after"] == "90s"
    assert body == {
        "input": {"prompt": "a small fox", "seed": 7},
        "webhook": CALLBACK,
        "webhook_events_filter": ["start", "completed"],
    }


async def test_without_a_callback_no_webhook_is_asked_for() -> None:
    _, body = await sent(REQUEST, callback_url=None)

    assert body == {"input": {"prompt": "a small fox"}}


@pytest.mark.parametrize(
    ("model", "path", "version"),
    [
        pytest.param("a/b", "/v1/models/a/b/predictions", None, id="a model"),
        pytest.param("a-1/b_2.3", "/v1/models/a-1/b_2.3/predictions", None, id="all letters of names"),
        pytest.param(f"a/b:{VERSION}", "/v1/predictions", VERSION, id="a version"),
        pytest.param("deployments/a/b", "/v1/deployments/a/b/predictions", None, id="a deployment"),
    ],
)
async def test_where_a_model_is_asked(model: str, path: str, version: str | None) -> None:
    request, body = await sent(replace(REQUEST, model=model))

    assert request.url.path == path
    assert body.get("version") == version


@pytest.mark.parametrize(
    "model",
    [
        *("", "flux", "/", "a/", "/b", "a/b/c", "a/b/../c", "../b", "a/..", "a/.", "a/b:latest", f"a/b:{VERSION}/x"),
        *(
            "a/b?x=1",
            "a/b#x",
            "a%2f/b",
            "a/b\n",
            "a/b ",
            "a\\b/c",
            "ä/b",
            f"deployments/a/b:{VERSION}",
            "a/" + "b" * 101,
        ),
    ],
)
async def test_a_model_that_could_bend_the_path_is_refused_unsent(model: str) -> None:
    vendor = answering(201, json={"id": "abc123"})

    outcome = await connect("replicate", vendor).submit(replace(REQUEST, model=model), an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.INVALID
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        pytest.param(CLIP, {"prompt": "pan up", "image": DATA_URL}, id="the still is a data URL under image"),
        pytest.param(
            replace(CLIP, image=InputFile(b"x", "image/png", "https://bucket.example/still.png?sig=1")),
            {"prompt": "pan up", "image": "https://bucket.example/still.png?sig=1"},
            id="a link to the still is preferred",
        ),
        pytest.param(
            replace(CLIP, input={"first_frame_image": "$image", "duration": 5}),
            {"prompt": "pan up", "first_frame_image": DATA_URL, "duration": 5},
            id="a placeholder names the key of the still",
        ),
        pytest.param(
            replace(CLIP, input={"frames": [{"at": 0, "file": "$image"}], "script": "$text"}),
            {"frames": [{"at": 0, "file": DATA_URL}], "script": "pan up"},
            id="placeholders work at any depth",
        ),
        pytest.param(
            replace(REQUEST, seed=7, input={"seed": 8, "prompt": "mine", "price": "$5", "null": None}),
            {"seed": 8, "prompt": "mine", "price": "$5", "null": None},
            id="the user's inputs win and other dollars stay",
        ),
        pytest.param(
            Request(StepKind.AUDIO, "minimax/speech-02-hd", "Once.", voice="Wise_Woman", input={"voice_id": "$voice"}),
            {"text": "Once.", "voice_id": "Wise_Woman"},
            id="narrations are text, and voices can be renamed",
        ),
        pytest.param(
            Request(StepKind.AUDIO, "a/kokoro", "Once.", voice="af_bella"),
            {"text": "Once.", "voice": "af_bella"},
            id="a voice is called voice",
        ),
    ],
)
async def test_the_inputs_of_a_model(request_: Request, wanted: dict[str, Any]) -> None:
    _, body = await sent(request_)

    assert body["input"] == wanted


@pytest.mark.parametrize(
    ("input_", "named"),
    [
        pytest.param({"first_frame": "$image"}, "input.first_frame", id="a placeholder without a still"),
        pytest.param({"strength": float("nan")}, "JSON", id="what JSON cannot say"),
    ],
)
async def test_inputs_that_cannot_work_are_refused_unsent(input_: dict[str, Any], named: str) -> None:
    vendor = answering(201, json={"id": "abc123"})

    outcome = await connect("replicate", vendor).submit(replace(REQUEST, input=input_), an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


async def test_the_wait_is_read_from_the_words_of_a_429() -> None:
    words = {"detail": "Request was throttled. Your rate limit resets in ~30s."}

    outcome = await connect("replicate", answering(429, json=words)).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.retry_after == 30
    assert "throttled" in outcome.failure.message


@pytest.mark.parametrize(
    ("prediction", "phase", "kind"),
    [
        pytest.param({"status": "starting"}, JobPhase.QUEUED, None, id="starting"),
        pytest.param({"status": "processing"}, JobPhase.RUNNING, None, id="processing"),
        pytest.param({"status": "hibernating"}, JobPhase.RUNNING, None, id="a status nobody knows"),
        pytest.param({}, JobPhase.RUNNING, None, id="no status"),
        pytest.param({"status": "canceled"}, JobPhase.CANCELED, None, id="canceled"),
        pytest.param({"status": "aborted"}, JobPhase.FAILED, FailureKind.FAILED, id="aborted"),
        pytest.param({"status": "failed", "error": "CUDA"}, JobPhase.FAILED, FailureKind.FAILED, id="failed"),
        pytest.param({"status": "failed"}, JobPhase.FAILED, FailureKind.FAILED, id="failed without a reason"),
        pytest.param(
            {"status": "failed", "error": {"code": 5}}, JobPhase.FAILED, FailureKind.FAILED, id="an object as a reason"
        ),
        pytest.param(
            {"status": "failed", "error": "NSFW content detected"}, JobPhase.FAILED, FailureKind.REFUSED, id="nsfw"
        ),
        pytest.param(
            {"status": "failed", "error": "The input was flagged as sensitive (E005)"},
            JobPhase.FAILED,
            FailureKind.REFUSED,
            id="flagged",
        ),
        pytest.param(
            {"status": "failed", "error": "safety_tolerance must be at most 6"},
            JobPhase.FAILED,
            FailureKind.FAILED,
            id="an input that is only named like a filter",
        ),
        pytest.param(
            {"status": "failed", "error": "disable_safety must be a boolean"},
            JobPhase.FAILED,
            FailureKind.FAILED,
            id="an input whose name ends like a filter",
        ),
        pytest.param(
            {"status": "succeeded", "output": None, "data_removed": True}, JobPhase.GONE, None, id="data removed"
        ),
        pytest.param(
            {"status": "succeeded", "output": "Once upon a time"},
            JobPhase.FAILED,
            FailureKind.INVALID,
            id="text where a file should be is not bought again",
        ),
        pytest.param(
            {"status": "succeeded", "output": None}, JobPhase.FAILED, FailureKind.INVALID, id="no output at all"
        ),
    ],
)
async def test_how_a_prediction_stands(prediction: dict[str, Any], phase: JobPhase, kind: FailureKind | None) -> None:
    vendor = answering(200, json={"id": JOB.job_id, **prediction})

    seen = await connect("replicate", vendor).observe(JOB)

    assert seen.phase is phase
    assert (seen.failure.kind if seen.failure else None) is kind
    assert vendor.asked[0].url == "https://api.replicate.com/v1/predictions/abc123"


async def test_an_unknown_status_is_named() -> None:
    seen = await connect("replicate", answering(200, json={"id": JOB.job_id, "status": "hibernating"})).observe(JOB)

    assert "'hibernating'" in (seen.message or "")


A, B = "https://replicate.delivery/a.webp", "https://replicate.delivery/b.webp"


@pytest.mark.parametrize(
    ("output", "step", "wanted"),
    [
        pytest.param(A, StepKind.IMAGE, UrlOutput(A), id="a string"),
        pytest.param([A, B], StepKind.IMAGE, UrlOutput(A), id="the first of a list"),
        pytest.param([None, "text", B], StepKind.IMAGE, UrlOutput(B), id="the first of a list that is a link"),
        pytest.param({"seed": 1, "image": A}, StepKind.IMAGE, UrlOutput(A), id="an object"),
        pytest.param({"image": A, "video": B}, StepKind.VIDEO, UrlOutput(B), id="the step's own word wins"),
        pytest.param({"z": A, "b": B}, StepKind.IMAGE, UrlOutput(B), id="else the first key by name"),
        pytest.param({"files": [{"url": A}]}, StepKind.IMAGE, UrlOutput(A), id="nested"),
        pytest.param("data:audio/mpeg;base64,SUQz", StepKind.AUDIO, BytesOutput(b"ID3", "audio/mpeg"), id="a data URL"),
        pytest.param("data:text/plain,a%20b", StepKind.AUDIO, BytesOutput(b"a b", "text/plain"), id="not base64"),
        pytest.param("data:audio/mpeg;base64,???", StepKind.AUDIO, None, id="a broken data URL"),
        pytest.param("file:///etc/passwd", StepKind.IMAGE, None, id="another scheme"),
        pytest.param({"a": 1, "b": [True]}, StepKind.IMAGE, None, id="no link anywhere"),
    ],
)
def test_where_the_media_is(output: Any, step: StepKind, wanted: Output | None) -> None:
    assert find_output(output, step) == wanted


async def test_a_large_answer_is_read_as_well() -> None:
    prediction = {"id": JOB.job_id, "status": "succeeded", "output": [A], "logs": "x" * 2**21}

    seen = await connect("replicate", answering(200, json=prediction)).observe(JOB)

    assert seen.phase is JobPhase.SUCCEEDED
    assert seen.result is not None
    assert seen.result.output == UrlOutput(A)


@pytest.mark.parametrize("job_id", ["../x", "", "a/b", "a?b", "a" * 129])
async def test_a_job_id_that_could_bend_the_path_is_never_sent(job_id: str) -> None:
    vendor = answering(200, json={})
    provider = connect("replicate", vendor)

    seen = await provider.observe(replace(JOB, job_id=job_id))
    with pytest.raises(httpx.HTTPError):
        await provider.cancel(replace(JOB, job_id=job_id))

    assert seen.phase is JobPhase.UNREACHABLE
    assert vendor.asked == []


@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(answering(200, json={"id": "abc123", "status": "canceled"}), id="stopped"),
        pytest.param(answering(204), id="stopped without a word"),
        pytest.param(answering(404, json={"detail": "not found"}), id="unknown"),
    ],
)
async def test_a_cancel_that_is_done(vendor: Vendor) -> None:
    await connect("replicate", vendor).cancel(JOB)

    assert [(asked.method, asked.url.path) for asked in vendor.asked] == [("POST", "/v1/predictions/abc123/cancel")]


@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(answering(500), id="server error"),
        pytest.param(answering(401, json={"detail": "no"}), id="bad key"),
        pytest.param(raising(httpx.ReadTimeout("slow")), id="no answer"),
    ],
)
async def test_a_cancel_that_failed_is_told(vendor: Vendor) -> None:
    with pytest.raises(httpx.HTTPError):
        await connect("replicate", vendor).cancel(JOB)


async def test_the_signing_secret_is_fetched() -> None:
    vendor = answering(200, json={"key": "whsec_c2VjcmV0"})

    assert await fetch_signing_secret(connection("replicate", vendor)) == "whsec_c2VjcmV0"
    assert vendor.asked[0].url == "https://api.replicate.com/v1/webhooks/default/secret"


@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(answering(401, json={"detail": "Unauthenticated"}), id="bad key"),
        pytest.param(answering(200, json={"key": None}), id="no secret in the answer"),
        pytest.param(answering(404, json={"detail": "none"}), id="not found"),
        pytest.param(raising(httpx.ConnectError("down")), id="down"),
    ],
)
async def test_a_signing_secret_that_cannot_be_had_names_the_remedy(vendor: Vendor) -> None:
    with pytest.raises(CredentialsError, match=r"spec\.webhook"):
        await fetch_signing_secret(connection("replicate", vendor))


@pytest.mark.parametrize(
    ("status", "output", "phase"),
    [
        pytest.param("succeeded", "https://replicate.delivery/a.png", JobPhase.SUCCEEDED, id="it made something"),
        pytest.param("failed", None, JobPhase.FAILED, id="it failed"),
        pytest.param("canceled", None, JobPhase.CANCELED, id="it was cancelled"),
    ],
)
async def test_how_long_a_prediction_ran_is_told_however_it_ended(
    status: str, output: str | None, phase: JobPhase
) -> None:
    document = {"id": "abc123", "status": status, "output": output, "metrics": {"predict_time": 2.5, "total_time": 9}}

    seen = await connect("replicate", answering(200, json=document)).observe(JOB)

    assert (seen.phase, seen.compute_seconds) == (phase, Decimal("2.5"))
    assert (seen.result.compute_seconds if seen.result else None) == (Decimal("2.5") if output else None)
