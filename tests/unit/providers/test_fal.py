"""What is sent to fal's queue, and how its answers about a request are read."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storyjob.api.errors import CredentialsError
from storyjob.api.outcome import Accepted, FailureKind, JobPhase, Observation, Rejected, Unknown, UrlOutput
from storyjob.api.step import StepKind
from storyjob.providers.base import InputFile, Request
from storyjob.providers.fal import ENDPOINT, JWKS_URL, fetch_jwks
from support.callbacks import a_jwks
from support.vendors import CALLBACK, JOBS, REQUESTS, SECRET, STILL, Vendor, an_attempt, answering, connect, connection

REQUEST, JOB = REQUESTS["fal"], JOBS["fal"]
BASE = f"{ENDPOINT}/fal-ai/flux/requests/abc123"
URLS = {"status_url": f"{BASE}/status", "response_url": BASE, "cancel_url": f"{BASE}/cancel"}
K, P = FailureKind, JobPhase


async def sent(request: Request, **attempt: Any) -> tuple[httpx.Request, dict[str, Any]]:
    vendor = answering(200, json={"request_id": "abc123", **URLS})
    assert await connect("fal", vendor).submit(request, an_attempt(**attempt)) == Accepted("abc123", URLS)
    (only,) = vendor.asked
    return only, json.loads(only.content)


async def test_a_request_with_all_that_belongs_to_it() -> None:
    request, body = await sent(replace(REQUEST, seed=7), deadline_seconds=90)

    assert request.method == "POST"
    assert str(request.url.copy_with(query=None)) == f"{ENDPOINT}/fal-ai/flux/dev"
    assert dict(request.url.params) == {"fal_webhook": CALLBACK}
    assert request.headers["authorization"] == f"Key {SECRET}"
    assert request.headers["x-fal-request-timeout"] == "90"
    assert not {"x-fal-queue-priority", "x-fal-no-retry", "x-fal-store-io"} & set(request.headers)
    assert body == {"prompt": "a small fox", "seed": 7}


async def test_without_a_callback_no_webhook_is_asked_for() -> None:
    request, _ = await sent(REQUEST, callback_url=None)

    assert request.url.query == b""


@pytest.mark.parametrize(("priority", "told"), [(-1, "low"), (0, None), (5, None)])
async def test_only_a_story_that_stands_back_says_so(priority: int, told: str | None) -> None:
    request, _ = await sent(REQUEST, priority=priority)

    assert request.headers.get("x-fal-queue-priority") == told


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        pytest.param(
            Request(StepKind.VIDEO, "fal-ai/wan-i2v", "pan up", image=STILL),
            {"prompt": "pan up", "image_url": f"data:image/png;base64,{base64.b64encode(STILL.data).decode()}"},
            id="the still is a data URL",
        ),
        pytest.param(
            Request(
                StepKind.VIDEO,
                "fal-ai/kling-video/v2/master/image-to-video",
                "pan up",
                input={"start_image_url": "$image"},
                image=InputFile(b"x", "image/png", "https://bucket.example/still.png"),
            ),
            {"prompt": "pan up", "start_image_url": "https://bucket.example/still.png"},
            id="a link is preferred, and its key can be named",
        ),
        pytest.param(
            Request(StepKind.AUDIO, "fal-ai/kokoro", "Once.", voice="af_bella", input={"prompt": "$text"}),
            {"prompt": "Once.", "voice": "af_bella"},
            id="a narration, where the model calls the text a prompt",
        ),
    ],
)
async def test_the_inputs_of_a_model(request_: Request, wanted: dict[str, Any]) -> None:
    _, body = await sent(request_)

    assert body == wanted


@pytest.mark.parametrize(
    "model", ["", "flux", "/", "a/", "a//b", "a/../b", "../b", "a/b?x=1", "a/b#x", "a%2f/b", "a/b\n", "ä/b", "a/b c"]
)
async def test_a_model_that_could_bend_the_path_is_refused_unsent(model: str) -> None:
    vendor = answering(200, json={"request_id": "abc123"})

    outcome = await connect("fal", vendor).submit(replace(REQUEST, model=model), an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.INVALID
    assert vendor.asked == []


VIOLATION = {
    "loc": ["body", "prompt"],
    "msg": "The content is not allowed.",
    "type": "content_policy_violation",
}
BAD_VALUE = {"loc": ["body", "seed"], "msg": "value is not an integer", "type": "value_error"}


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        pytest.param(400, {"detail": "no", "error_type": "bad_request"}, K.INVALID, id="bad request"),
        pytest.param(401, {"detail": "Authentication is required"}, K.UNAUTHORIZED, id="no key"),
        pytest.param(402, {"detail": "pay"}, K.QUOTA, id="payment required"),
        pytest.param(403, {"detail": "not allowed"}, K.UNAUTHORIZED, id="no right"),
        pytest.param(
            403, {"detail": "User is locked. Reason: Exhausted balance. Top up your balance"}, K.QUOTA, id="no money"
        ),
        pytest.param(404, {"detail": "Application not found"}, K.INVALID, id="no such model"),
        pytest.param(422, {"detail": [BAD_VALUE]}, K.INVALID, id="a bad input"),
        pytest.param(422, {"detail": [VIOLATION]}, K.REFUSED, id="a content policy"),
        pytest.param(422, {"detail": "the prompt was flagged"}, K.REFUSED, id="a filter in words"),
        pytest.param(429, {"detail": "too many"}, K.THROTTLED, id="throttled"),
    ],
)
async def test_a_submit_that_took_nothing(status: int, document: dict[str, Any], kind: FailureKind) -> None:
    outcome = await connect("fal", answering(status, json=document)).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is kind


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_no_5xx_proves_that_nothing_was_taken(status: int) -> None:
    document = {"detail": "no runner", "error_type": "runner_scheduling_failure"}

    outcome = await connect("fal", answering(status, json=document)).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Unknown)


@pytest.mark.parametrize("document", [{}, {"request_id": ""}, {"request_id": "../x"}, {"request_id": 7}])
async def test_a_success_that_names_no_request_is_unknown(document: dict[str, Any]) -> None:
    assert isinstance(await connect("fal", answering(200, json=document)).submit(REQUEST, an_attempt()), Unknown)


async def test_of_the_answer_only_usable_urls_are_kept() -> None:
    answer = {"request_id": "abc123", "status_url": "u" * 1025, "response_url": 7, "cancel_url": "https://x.example"}

    outcome = await connect("fal", answering(200, json=answer)).submit(REQUEST, an_attempt())

    assert outcome == Accepted("abc123", {"cancel_url": "https://x.example"})


class Queue:
    """fal's queue with one request in it: what it says of the status, and what its result is."""

    def __init__(self, status: dict[str, Any], result: httpx.Response | None = None) -> None:
        self.vendor = Vendor(self._answer)
        self._status = status
        self._result = result or httpx.Response(500)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(202, json=self._status) if request.url.path.endswith("/status") else self._result

    async def observed(self, step: StepKind = StepKind.IMAGE, **job: Any) -> Observation:
        return await connect("fal", self.vendor).observe(replace(JOB, step=step, **job))


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        pytest.param({"status": "IN_QUEUE", "queue_position": 3}, P.QUEUED, id="in the queue"),
        pytest.param({"status": "IN_PROGRESS", "logs": None}, P.RUNNING, id="at work"),
        pytest.param({"status": "HIBERNATING"}, P.RUNNING, id="a status nobody knows"),
        pytest.param({}, P.RUNNING, id="no status"),
    ],
)
async def test_a_request_that_has_not_ended(status: dict[str, Any], phase: JobPhase) -> None:
    queue = Queue(status)

    assert (await queue.observed()).phase is phase
    assert len(queue.vendor.asked) == 1


async def test_how_long_the_hardware_worked_on_a_result_is_told() -> None:
    status = {"status": "COMPLETED", "metrics": {"inference_time": 1.25}}
    picture = httpx.Response(200, json={"images": [{"url": "https://f/1"}]})

    made, failed = await Queue(status, picture).observed(), await Queue(status | {"error": "no"}, picture).observed()

    assert made.result is not None
    assert made.result.compute_seconds == Decimal("1.25")
    assert (failed.phase, failed.compute_seconds) == (P.FAILED, None)


@pytest.mark.parametrize(
    ("step", "result", "url"),
    [
        pytest.param(
            StepKind.IMAGE,
            {"images": [{"url": "https://f/1", "content_type": "image/png"}], "prompt": "https://evil", "seed": 1},
            "https://f/1",
            id="pictures",
        ),
        pytest.param(StepKind.IMAGE, {"image": {"url": "https://f/2"}}, "https://f/2", id="one picture"),
        pytest.param(
            StepKind.VIDEO,
            {"video": {"url": "https://f/3"}, "thumbnail": {"url": "https://f/no"}},
            "https://f/3",
            id="a clip",
        ),
        pytest.param(StepKind.AUDIO, {"audio": {"url": "https://f/4"}}, "https://f/4", id="a narration"),
        pytest.param(
            StepKind.AUDIO, {"alignment": "https://f/no", "audio_url": "https://f/5"}, "https://f/5", id="a bare link"
        ),
    ],
)
async def test_the_result_of_a_model(step: StepKind, result: dict[str, Any], url: str) -> None:
    seen = await Queue({"status": "COMPLETED"}, httpx.Response(200, json=result)).observed(step)

    assert seen.phase is P.SUCCEEDED
    assert seen.result is not None
    assert seen.result.output == UrlOutput(url)


ERROR = {"status": "COMPLETED", "error": "runner died", "error_type": "runner_disconnected"}
DONE = {"status": "COMPLETED"}


@pytest.mark.parametrize(
    ("status", "result", "kind"),
    [
        pytest.param(DONE, httpx.Response(422, json={"detail": [BAD_VALUE]}), K.INVALID, id="a bad input"),
        pytest.param(DONE, httpx.Response(422, json={"detail": [VIOLATION]}), K.REFUSED, id="a content policy"),
        pytest.param(DONE, httpx.Response(400, json={"detail": "a plain sentence"}), K.INVALID, id="a plain 400"),
        pytest.param(
            DONE,
            httpx.Response(422, json={"detail": [BAD_VALUE]}, headers={"X-Fal-Retryable": "true"}),
            K.FAILED,
            id="worth another try, says fal",
        ),
        pytest.param(
            DONE,
            httpx.Response(500, json={"detail": [BAD_VALUE]}, headers={"X-Fal-Retryable": "false"}),
            K.INVALID,
            id="not worth another try, says fal",
        ),
        pytest.param(
            DONE,
            httpx.Response(504, json={"detail": "Request timed out", "error_type": "request_timeout"}),
            K.FAILED,
            id="not begun in time",
        ),
        pytest.param(ERROR, httpx.Response(200, json={"images": []}), K.FAILED, id="an error in the status alone"),
        pytest.param(ERROR, httpx.Response(502, text="<html>"), K.FAILED, id="an error whose result cannot be read"),
        pytest.param(ERROR, httpx.Response(401, json={"detail": "no key"}), K.FAILED, id="a result we may not read"),
        pytest.param(
            {"status": "COMPLETED", "error": "flagged by moderation"}, httpx.Response(500), K.REFUSED, id="a filter"
        ),
        pytest.param(
            DONE, httpx.Response(200, json={"has_nsfw_concepts": [True], "images": []}), K.REFUSED, id="blacked out"
        ),
        pytest.param(DONE, httpx.Response(200, json={"text": "no file"}), K.INVALID, id="no file in it"),
        *(
            pytest.param(
                DONE, httpx.Response(code, json={"detail": "x", "error_type": word}), kind, id=f"error_type {word}"
            )
            for word, code, kind in [
                ("startup_timeout", 504, K.FAILED),
                ("runner_scheduling_failure", 503, K.FAILED),
                ("runner_connection_timeout", 503, K.FAILED),
                ("runner_disconnected", 503, K.FAILED),
                ("runner_connection_refused", 503, K.FAILED),
                ("runner_connection_error", 503, K.FAILED),
                ("runner_incomplete_response", 502, K.FAILED),
                ("runner_server_error", 500, K.FAILED),
                ("bad_request", 400, K.INVALID),
                ("internal_error", 500, K.FAILED),
            ]
        ),
    ],
)
async def test_a_request_that_failed(status: dict[str, Any], result: httpx.Response, kind: FailureKind) -> None:
    seen = await Queue(status, result).observed()

    assert seen.phase is P.FAILED
    assert seen.failure is not None
    assert seen.failure.kind is kind


@pytest.mark.parametrize("word", ["client_cancelled", "client_disconnected"])
async def test_a_cancelled_request(word: str) -> None:
    result = httpx.Response(499, json={"detail": "Request was cancelled", "error_type": word})

    assert (await Queue(DONE, result).observed()).phase is P.CANCELED


@pytest.mark.parametrize(
    ("result", "phase"),
    [
        pytest.param(httpx.Response(503, json={"detail": "try later"}), P.UNREACHABLE, id="a gateway's 503"),
        pytest.param(httpx.Response(500, text="oops"), P.UNREACHABLE, id="a page"),
        pytest.param(httpx.Response(200, text="<html>"), P.UNREACHABLE, id="a page that says it went well"),
        pytest.param(httpx.Response(429, json={"detail": "slow down"}), P.UNREACHABLE, id="throttled"),
        pytest.param(httpx.Response(401, json={"detail": "no key"}), P.UNREACHABLE, id="a key that was withdrawn"),
        pytest.param(httpx.Response(404, json={"detail": "Request not found"}), P.GONE, id="deleted"),
    ],
)
async def test_a_result_that_cannot_be_read_is_not_thrown_away(result: httpx.Response, phase: JobPhase) -> None:
    assert (await Queue(DONE, result).observed()).phase is phase


STRANGERS = {name: url.replace("queue.fal.run", "attacker.example") for name, url in URLS.items()}


@pytest.mark.parametrize(
    ("endpoint", "handles", "asked"),
    [
        pytest.param(ENDPOINT, URLS, f"{BASE}/status", id="the URLs fal gave"),
        pytest.param(ENDPOINT, {"status_url": f"{BASE}/status?v=2"}, f"{BASE}/status", id="a query stays"),
        pytest.param(ENDPOINT, {}, f"{BASE}/status", id="none kept: built from owner and app"),
        pytest.param(ENDPOINT, STRANGERS, f"{BASE}/status", id="another host never gets the key"),
        pytest.param(ENDPOINT, {"status_url": "http://queue.fal.run/x/abc123"}, f"{BASE}/status", id="nor plain http"),
        pytest.param(ENDPOINT, {"status_url": "::not a URL/abc123"}, f"{BASE}/status", id="what is no URL"),
        pytest.param(
            ENDPOINT,
            {"status_url": f"{ENDPOINT}/fal-ai/other/requests/abc123/status"},
            f"{ENDPOINT}/fal-ai/other/requests/abc123/status",
            id="fal's URLs count more than the rule",
        ),
        pytest.param(
            ENDPOINT,
            {"status_url": f"{ENDPOINT}/fal-ai/flux/requests/other/status"},
            f"{BASE}/status",
            id="another request's URL",
        ),
        pytest.param(
            "https://proxy.example/fal",
            {},
            "https://proxy.example/fal/fal-ai/flux/requests/abc123/status",
            id="a proxy is asked where it stands",
        ),
        pytest.param("https://proxy.example/fal", URLS, f"{BASE}/status", id="behind a proxy fal's own host is known"),
    ],
)
async def test_where_a_request_is_asked_about(endpoint: str, handles: dict[str, str], asked: str) -> None:
    vendor = answering(202, json={"status": "IN_QUEUE"})

    await connect("fal", vendor, endpoint=endpoint).observe(replace(JOB, handles=handles))

    assert str(vendor.asked[0].url).partition("?")[0] == asked


@pytest.mark.parametrize(
    ("model", "app"),
    [
        ("fal-ai/flux/dev", "fal-ai/flux"),
        ("fal-ai/kling-video/v2/master", "fal-ai/kling-video"),
        ("me/app", "me/app"),
        ("workflows/me/mine", "workflows/me/mine"),
        ("comfy/me/mine/extra", "comfy/me/mine"),
    ],
)
async def test_what_of_a_model_stays_in_the_urls_of_its_requests(model: str, app: str) -> None:
    vendor = answering(202, json={"status": "IN_QUEUE"})

    await connect("fal", vendor).observe(replace(JOB, model=model))

    assert vendor.asked[0].url.path == f"/{app}/requests/abc123/status"


async def test_an_id_that_bends_the_path_is_not_asked_about() -> None:
    vendor = answering(200, json={})

    seen = await connect("fal", vendor).observe(replace(JOB, job_id="../x"))

    assert (seen.phase, vendor.asked) == (P.UNREACHABLE, [])
    with pytest.raises(httpx.RequestError):
        await connect("fal", vendor).cancel(replace(JOB, job_id="../x"))


@pytest.mark.parametrize(
    ("status", "word"),
    [(200, "OK"), (202, "CANCELLATION_REQUESTED"), (400, "ALREADY_COMPLETED"), (404, "NOT_FOUND")],
)
async def test_a_cancel_that_was_heard(status: int, word: str) -> None:
    vendor = answering(status, json={"status": word})

    await connect("fal", vendor).cancel(JOB)

    assert [(request.method, str(request.url)) for request in vendor.asked] == [("PUT", f"{BASE}/cancel")]


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_cancel_that_was_not_heard(status: int) -> None:
    with pytest.raises(httpx.RequestError):
        await connect("fal", answering(status, json={"detail": "no"})).cancel(JOB)


JWKS = json.loads(a_jwks(Ed25519PrivateKey.generate()))


@pytest.mark.parametrize(
    ("endpoint", "asked"),
    [("", JWKS_URL), ("http://127.0.0.1:1/fal", "http://127.0.0.1:1/fal/.well-known/jwks.json")],
)
async def test_the_keys_of_webhooks_are_fetched_without_our_key(endpoint: str, asked: str) -> None:
    vendor = answering(200, json=JWKS)

    document = await fetch_jwks(connection("fal", vendor, endpoint=endpoint))

    assert json.loads(document) == JWKS
    assert "\n" not in document
    assert str(vendor.asked[0].url) == asked
    assert "authorization" not in vendor.asked[0].headers


@pytest.mark.parametrize(
    "vendor", [answering(500), answering(200, json={"keys": []}), answering(200, json={}), answering(200, text="x")]
)
async def test_keys_that_cannot_be_had_are_told(vendor: Vendor) -> None:
    with pytest.raises(CredentialsError, match=r"spec\.webhook"):
        await fetch_jwks(connection("fal", vendor))
