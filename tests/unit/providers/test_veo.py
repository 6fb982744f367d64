"""What is sent to Vertex AI, and how its operations are read."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from storyjob.api.outcome import Accepted, BytesOutput, FailureKind, JobPhase, Rejected, Result, Unknown
from storyjob.api.step import StepKind
from storyjob.providers.base import Request
from support.vendors import JOBS, OPERATION, REQUESTS, SECRET, STILL, an_attempt, answering, connect

REQUEST = REQUESTS["vertex-veo"]
JOB = JOBS["vertex-veo"]
CLIP = base64.b64encode(b"mp4 clip").decode()
K = FailureKind


async def sent(request: Request) -> tuple[httpx.Request, dict[str, Any]]:
    vendor = answering(200, json={"name": OPERATION})
    assert await connect("vertex-veo", vendor).submit(request, an_attempt()) == Accepted(OPERATION)
    (only,) = vendor.asked
    return only, json.loads(only.content)


async def test_a_prompt_with_an_api_key() -> None:
    request, body = await sent(REQUEST)

    assert request.url == (
        "https://us-central1-aiplatform.googleapis.com/v1beta1/publishers/google/models/"
        "veo-3.1-fast-generate-001:predictLongRunning"
    )
    assert request.headers["x-goog-api-key"] == SECRET
    assert body == {"instances": [{"prompt": "pan to the moon"}], "parameters": {"sampleCount": 1}}


async def test_a_still_a_seed_and_inputs_go_where_they_belong() -> None:
    wishes = {"durationSeconds": 8, "aspectRatio": "9:16", "labels": {"a": "b"}, "lastFrame": {"gcsUri": "gs://b/x"}}

    _, body = await sent(replace(REQUEST, image=STILL, seed=7, input=wishes))

    assert body == {
        "instances": [
            {
                "prompt": "pan to the moon",
                "image": {"bytesBase64Encoded": base64.b64encode(STILL.data).decode(), "mimeType": "image/png"},
                "lastFrame": {"gcsUri": "gs://b/x"},
            }
        ],
        "parameters": {"sampleCount": 1, "seed": 7, "durationSeconds": 8, "aspectRatio": "9:16"},
        "labels": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"model": "../x"}, "model", id="a model that bends the path"),
        pytest.param({"model": "a:predict"}, "model", id="a model with a verb"),
        pytest.param({"model": ""}, "model", id="no model"),
        pytest.param({"step": StepKind.AUDIO}, "audio", id="no narrations here"),
        pytest.param({"input": {"storageUri": "gs://b/x"}}, "storageUri", id="a place that all attempts would share"),
    ],
)
async def test_what_cannot_work_is_refused_unsent(changes: dict[str, Any], named: str) -> None:
    vendor = answering(200, json={"name": OPERATION})

    outcome = await connect("vertex-veo", vendor).submit(replace(REQUEST, **changes), an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


def problem(status: str, message: str = "why", reason: str | None = None) -> dict[str, Any]:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return {"error": {"status": status, "message": message, "details": details}}


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        pytest.param(503, problem("UNAVAILABLE"), None, id="Google's own 503, which says to try again"),
        pytest.param(503, {"message": "upstream"}, None, id="a proxy's 503 may have"),
        pytest.param(500, problem("UNAVAILABLE"), None, id="the word alone is not enough"),
        pytest.param(429, problem("RESOURCE_EXHAUSTED"), K.THROTTLED, id="throttled"),
        pytest.param(400, problem("INVALID_ARGUMENT"), K.INVALID, id="bad request"),
        pytest.param(
            400, problem("INVALID_ARGUMENT", reason="API_KEY_INVALID"), K.UNAUTHORIZED, id="a bad key is a 400"
        ),
        pytest.param(403, problem("PERMISSION_DENIED", reason="BILLING_DISABLED"), K.QUOTA, id="nobody pays"),
        pytest.param(
            400,
            problem("INVALID_ARGUMENT", "The prompt could not be submitted: it violates our usage guidelines."),
            K.REFUSED,
            id="the prompt is refused at once",
        ),
        pytest.param(400, {"error": {"details": ["odd", {"reason": 7}]}}, K.INVALID, id="odd details"),
        pytest.param(400, {"error": "odd"}, K.INVALID, id="an odd document"),
    ],
)
async def test_why_it_said_no(status: int, document: dict[str, Any], kind: FailureKind | None) -> None:
    vendor = answering(status, json=document)

    outcome = await connect("vertex-veo", vendor).submit(REQUEST, an_attempt())

    if kind is None:
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.failure.kind is kind


@pytest.mark.parametrize(
    "name",
    [
        *(None, "", "operations/1", f"{OPERATION}/x", f"../{OPERATION}", OPERATION.replace("p1", "p1/../p2")),
        *(OPERATION.replace("p1", ".."), OPERATION.replace("google", "other"), f"{OPERATION}?x", f"{OPERATION}\n"),
    ],
)
async def test_an_operation_that_could_bend_the_path_is_not_taken(name: str | None) -> None:
    vendor = answering(200, json={"name": name})

    outcome = await connect("vertex-veo", vendor).submit(REQUEST, an_attempt())
    seen = await connect("vertex-veo", vendor).observe(replace(JOB, job_id=name or ""))

    assert isinstance(outcome, Unknown)
    assert seen.phase is JobPhase.UNREACHABLE
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    "operation",
    [pytest.param(OPERATION, id="of a project"), pytest.param(OPERATION.partition("us-central1/")[2], id="express")],
)
async def test_the_question_is_put_to_the_model_of_the_operation(operation: str) -> None:
    vendor = answering(200, json={"name": operation})

    seen = await connect("vertex-veo", vendor).observe(replace(JOB, job_id=operation))

    assert seen.phase is JobPhase.RUNNING
    (asked,) = vendor.asked
    resource = operation.partition("/operations/")[0]
    assert asked.url.path == f"/v1beta1/{resource}:fetchPredictOperation"
    assert json.loads(asked.content) == {"operationName": operation}


@pytest.mark.parametrize(
    ("operation", "phase", "kind", "words"),
    [
        pytest.param({}, JobPhase.RUNNING, None, "", id="just begun"),
        pytest.param({"done": False}, JobPhase.RUNNING, None, "", id="not done"),
        pytest.param({"done": "true"}, JobPhase.RUNNING, None, "", id="a word is not a truth"),
        pytest.param(
            {"done": True, "response": {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["58061214", 7]}},
            JobPhase.FAILED,
            K.REFUSED,
            "58061214; 7",
            id="filtered, called a success",
        ),
        pytest.param(
            {"done": True, "response": {"raiMediaFilteredCount": 1}},
            JobPhase.FAILED,
            K.REFUSED,
            "no reason",
            id="filtered without a reason",
        ),
        pytest.param(
            {"done": True, "response": {"videos": [{"gcsUri": "gs://mine/clip.mp4"}]}},
            JobPhase.FAILED,
            K.INVALID,
            "gs://mine/clip.mp4",
            id="stored in a bucket that an API key cannot read",
        ),
        pytest.param(
            {"done": True, "response": {"videos": [{"bytesBase64Encoded": "???"}]}},
            JobPhase.FAILED,
            K.INVALID,
            "not base64",
            id="garbled",
        ),
        pytest.param({"done": True}, JobPhase.FAILED, K.INVALID, "no clip", id="done with nothing"),
        pytest.param({"done": True, "response": {"videos": [7]}}, JobPhase.FAILED, K.INVALID, "no clip", id="odd"),
        *(
            pytest.param(
                {"done": True, "error": {"code": code, "message": "why"}}, phase, kind, "why", id=f"rpc code {code}"
            )
            for code, phase, kind in [
                (1, JobPhase.CANCELED, None),
                (3, JobPhase.FAILED, K.INVALID),
                (4, JobPhase.FAILED, K.FAILED),
                (5, JobPhase.FAILED, K.INVALID),
                (7, JobPhase.FAILED, K.UNAUTHORIZED),
                (8, JobPhase.FAILED, K.FAILED),
                (9, JobPhase.FAILED, K.INVALID),
                (13, JobPhase.FAILED, K.FAILED),
                (14, JobPhase.FAILED, K.FAILED),
                (16, JobPhase.FAILED, K.UNAUTHORIZED),
                (None, JobPhase.FAILED, K.FAILED),
                ([3], JobPhase.FAILED, K.FAILED),
            ]
        ),
        pytest.param(
            {"done": True, "error": {"code": 3, "message": "violates our usage guidelines"}},
            JobPhase.FAILED,
            K.REFUSED,
            "guidelines",
            id="refused as an error",
        ),
    ],
)
async def test_how_an_operation_stands(
    operation: dict[str, Any], phase: JobPhase, kind: FailureKind | None, words: str
) -> None:
    vendor = answering(200, json={"name": OPERATION, **operation})

    seen = await connect("vertex-veo", vendor).observe(JOB)

    assert seen.phase is phase
    assert (seen.failure.kind if seen.failure else None) is kind
    assert words in ((seen.failure.message if seen.failure else seen.message) or "")


@pytest.mark.parametrize(
    ("mime", "content_type"), [("video/mp4", "video/mp4"), (None, "video/mp4"), ("text/html", "video/mp4")]
)
async def test_a_clip_comes_inside_the_answer(mime: str | None, content_type: str) -> None:
    videos = [{"bytesBase64Encoded": CLIP, "mimeType": mime}, {"bytesBase64Encoded": "???"}]
    vendor = answering(200, json={"name": OPERATION, "done": True, "response": {"videos": videos}})

    seen = await connect("vertex-veo", vendor).observe(JOB)

    assert seen.phase is JobPhase.SUCCEEDED
    assert seen.result == Result(BytesOutput(b"mp4 clip", content_type))


async def test_a_clip_that_is_too_large_is_not_asked_for_for_ever() -> None:
    seen = await connect("vertex-veo", answering(200, content=b" " * (41 * 2**20))).observe(JOB)

    assert seen.phase is JobPhase.FAILED
    assert seen.failure is not None
    assert seen.failure.kind is K.INVALID
    assert "40 MiB" in seen.failure.message


async def test_a_cancel_asks_nobody() -> None:
    vendor = answering(500)

    await connect("vertex-veo", vendor).cancel(JOB)

    assert vendor.asked == []
