"""What is sent to Runway, how its tasks are read, and that deleting never destroys what was paid for."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from storyjob.api.capabilities import Cancel
from storyjob.api.outcome import Accepted, FailureKind, JobPhase, Rejected, Unknown, UrlOutput
from storyjob.api.step import StepKind
from storyjob.providers.base import InputFile, Request
from storyjob.providers.runway import CAPABILITIES, DATA_URL_CHARACTERS, ENDPOINT
from support.vendors import JOBS, REQUESTS, SECRET, STILL, Vendor, an_attempt, answering, connect

REQUEST, JOB = REQUESTS["runway"], JOBS["runway"]
DATA_URL = f"data:image/png;base64,{base64.b64encode(STILL.data).decode()}"
LARGE = b"x" * DATA_URL_CHARACTERS
LINK = "https://bucket.example/still.png"
K, P = FailureKind, JobPhase


async def sent(request: Request) -> tuple[httpx.Request, dict[str, Any]]:
    vendor = answering(200, json={"id": "abc123", "estimatedCost": {"credits": 40}})
    assert await connect("runway", vendor).submit(request, an_attempt()) == Accepted("abc123")
    (only,) = vendor.asked
    return only, json.loads(only.content)


async def test_a_request_with_all_that_belongs_to_it() -> None:
    request, body = await sent(replace(REQUEST, seed=7))

    assert (request.method, str(request.url)) == ("POST", f"{ENDPOINT}/v1/text_to_video")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["x-runway-version"] == "2024-11-06"
    assert body == {"model": "gen4.5", "promptText": "pan to the moon", "ratio": "1280:720", "duration": 5, "seed": 7}


@pytest.mark.parametrize(
    ("request_", "path", "image"),
    [
        pytest.param(replace(REQUEST, image=STILL), "image_to_video", DATA_URL, id="a still goes as a data URL"),
        pytest.param(
            replace(REQUEST, image=replace(STILL, url=LINK)), "image_to_video", DATA_URL, id="also when there is a link"
        ),
        pytest.param(
            replace(REQUEST, image=InputFile(LARGE, "image/png", LINK)),
            "image_to_video",
            LINK,
            id="a large one, a link",
        ),
        pytest.param(
            replace(REQUEST, image=STILL, input={"promptImage": [{"uri": "$image", "position": "last"}]}),
            "image_to_video",
            [{"uri": DATA_URL, "position": "last"}],
            id="placed by hand",
        ),
        pytest.param(replace(REQUEST, input={"promptImage": LINK}), "image_to_video", LINK, id="named by hand"),
        pytest.param(replace(REQUEST, step=StepKind.IMAGE, model="gen4_image"), "text_to_image", None, id="a picture"),
    ],
)
async def test_which_way_a_wish_goes(request_: Request, path: str, image: object) -> None:
    request, body = await sent(request_)

    assert request.url.path == f"/v1/{path}"
    assert body.get("promptImage") == image


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        pytest.param(replace(REQUEST, step=StepKind.AUDIO), "audio", id="no narrations here"),
        pytest.param(
            replace(REQUEST, image=InputFile(LARGE, "image/png")), "STORYJOB_S3_PUBLIC_ENDPOINT", id="a still too large"
        ),
        pytest.param(replace(REQUEST, input={"promptImage": "$image"}), "promptImage", id="a still that is not there"),
    ],
)
async def test_what_cannot_work_is_refused_unsent(request_: Request, named: str) -> None:
    vendor = answering(200, json={"id": "abc123"})

    outcome = await connect("runway", vendor).submit(request_, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


ISSUE = {"error": "Validation of body failed", "issues": [{"path": ["ratio"], "message": "Required"}]}


@pytest.mark.parametrize(
    ("status", "document", "kind", "words"),
    [
        pytest.param(400, ISSUE, K.INVALID, "Required", id="a bad body"),
        pytest.param(400, {"error": "You do not have enough credits to run this task."}, K.QUOTA, "", id="no credits"),
        pytest.param(400, {"error": "The prompt failed moderation."}, K.REFUSED, "", id="a filter"),
        pytest.param(401, {"error": "The API key is not valid."}, K.UNAUTHORIZED, "", id="a wrong key"),
        pytest.param(402, {"error": "Payment required"}, K.QUOTA, "", id="payment required"),
        pytest.param(403, {"error": "This model is not available to you"}, K.UNAUTHORIZED, "", id="no right"),
        pytest.param(404, {"error": "Not found"}, K.INVALID, "", id="no such way"),
        pytest.param(405, {"error": "Not allowed"}, K.INVALID, "", id="no such method"),
        pytest.param(429, {"error": "Too many tasks today"}, K.THROTTLED, "", id="the day's limit"),
    ],
)
async def test_a_submit_that_took_nothing(status: int, document: dict[str, Any], kind: FailureKind, words: str) -> None:
    outcome = await connect("runway", answering(status, json=document)).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is kind
    assert words in outcome.failure.message


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_no_5xx_proves_that_nothing_was_taken(status: int) -> None:
    assert isinstance(
        await connect("runway", answering(status, json={"error": "x"})).submit(REQUEST, an_attempt()), Unknown
    )


@pytest.mark.parametrize("document", [{}, {"id": ""}, {"id": "../x"}, {"id": 7}])
async def test_a_success_that_names_no_task_is_unknown(document: dict[str, Any]) -> None:
    assert isinstance(await connect("runway", answering(200, json=document)).submit(REQUEST, an_attempt()), Unknown)


def task(**fields: Any) -> Vendor:
    return answering(200, json={"id": "abc123", **fields})


@pytest.mark.parametrize(
    ("fields", "phase", "kind"),
    [
        pytest.param({"status": "PENDING"}, P.QUEUED, None, id="pending"),
        pytest.param({"status": "THROTTLED"}, P.QUEUED, None, id="taken, waiting for a place"),
        pytest.param({"status": "RUNNING", "progress": 0.5}, P.RUNNING, None, id="running"),
        pytest.param({"status": "HIBERNATING"}, P.RUNNING, None, id="a status nobody knows"),
        pytest.param({}, P.RUNNING, None, id="no status"),
        pytest.param({"status": "CANCELLED"}, P.CANCELED, None, id="cancelled"),
        pytest.param({"status": "SUCCEEDED", "output": []}, P.FAILED, K.INVALID, id="nothing made"),
        pytest.param({"status": "SUCCEEDED", "output": [7]}, P.FAILED, K.INVALID, id="no link"),
        *(
            pytest.param({"status": "FAILED", "failureCode": code, "failure": "x"}, P.FAILED, kind, id=code)
            for code, kind in [
                ("SAFETY.INPUT.TEXT", K.REFUSED),
                ("SAFETY.INPUT.IMAGE", K.REFUSED),
                ("SAFETY.OUTPUT.VIDEO", K.REFUSED),
                ("INPUT_PREPROCESSING.SAFETY.TEXT", K.REFUSED),
                ("INPUT_PREPROCESSING.INTERNAL", K.FAILED),
                ("INTERNAL.BAD_OUTPUT.CODE01", K.FAILED),
                ("INTERNAL", K.FAILED),
                ("ASSET.INVALID", K.INVALID),
                ("SOMETHING.NEW", K.FAILED),
            ]
        ),
        pytest.param({"status": "FAILED"}, P.FAILED, K.FAILED, id="failed without a reason"),
        pytest.param(
            {"status": "FAILED", "failure": "flagged by moderation"}, P.FAILED, K.REFUSED, id="a filter without a code"
        ),
    ],
)
async def test_how_a_task_stands(fields: dict[str, Any], phase: JobPhase, kind: FailureKind | None) -> None:
    seen = await connect("runway", task(**fields)).observe(JOB)

    assert seen.phase is phase
    assert (seen.failure.kind if seen.failure else None) is kind


async def test_what_was_made_and_what_it_cost() -> None:
    links = ["https://runway.example/1.mp4", "https://runway.example/2.mp4"]

    seen = await connect("runway", task(status="SUCCEEDED", output=links, cost={"credits": 25})).observe(JOB)

    assert seen.result is not None
    assert seen.result.output == UrlOutput(links[0])
    assert seen.result.cost == Decimal("0.25")


@pytest.mark.parametrize(("status", "told"), [("FAILED", "0.25"), ("CANCELLED", "0.25")])
async def test_what_came_to_nothing_may_cost_all_the_same(status: str, told: str) -> None:
    seen = await connect("runway", task(status=status, cost={"credits": 25})).observe(JOB)

    assert seen.cost == Decimal(told)


@pytest.mark.parametrize(
    "cost", [None, 5, {}, {"credits": "5"}, {"credits": True}, {"credits": -1}, {"credits": 1e300}]
)
async def test_a_cost_that_is_none_is_not_told(cost: object) -> None:
    seen = await connect("runway", task(status="FAILED", cost=cost)).observe(JOB)

    assert (seen.phase, seen.cost) == (P.FAILED, None)


async def test_an_answer_about_another_task_says_nothing() -> None:
    seen = await connect("runway", answering(200, json={"id": "other", "status": "FAILED"})).observe(JOB)

    assert seen.phase is P.UNREACHABLE


@pytest.mark.parametrize("status", ["PENDING", "THROTTLED"])
async def test_a_task_that_has_not_begun_is_cancelled(status: str) -> None:
    vendor = task(status=status)

    await connect("runway", vendor).cancel(JOB)

    assert [request.method for request in vendor.asked] == ["GET", "DELETE"]
    assert str(vendor.asked[1].url) == f"{ENDPOINT}/v1/tasks/abc123"


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "HIBERNATING"])
async def test_nothing_else_is_ever_deleted(status: str) -> None:
    vendor = task(status=status)

    await connect("runway", vendor).cancel(JOB)

    assert [request.method for request in vendor.asked] == ["GET"]
    assert CAPABILITIES.cancel is Cancel.DELETES_DATA


async def test_a_task_already_gone_is_cancelled_enough() -> None:
    vendor = answering(404, json={"error": "Not found"})

    await connect("runway", vendor).cancel(JOB)

    assert [request.method for request in vendor.asked] == ["GET"]


@pytest.mark.parametrize("vendor", [answering(500), answering(401, json={"error": "x"}), answering(200, json={})])
async def test_without_a_clear_answer_nothing_is_deleted(vendor: Vendor) -> None:
    with pytest.raises(httpx.RequestError):
        await connect("runway", vendor).cancel(JOB)

    assert [request.method for request in vendor.asked] == ["GET"]


async def test_a_deletion_that_was_refused_is_told() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"id": "abc123", "status": "PENDING"}) if request.method == "GET" else broken

    broken = httpx.Response(500, json={"error": "x"})
    with pytest.raises(httpx.RequestError):
        await connect("runway", Vendor(answer)).cancel(JOB)


async def test_an_id_that_bends_the_path_is_not_asked_about() -> None:
    vendor = answering(200, json={})
    bent = replace(JOB, job_id="../x")

    seen = await connect("runway", vendor).observe(bent)

    assert (seen.phase, vendor.asked) == (P.UNREACHABLE, [])
    with pytest.raises(httpx.RequestError):
        await connect("runway", vendor).cancel(bent)
