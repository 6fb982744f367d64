"""What the adapter of a declared service asks, and what it makes of answers that nobody foresaw."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from storyjob.api.http.service import HttpService
from storyjob.api.outcome import Accepted, FailureKind, JobPhase, Rejected, Unknown, UrlOutput
from storyjob.api.step import StepKind
from storyjob.providers.base import Connection, InputFile, Job, Request
from storyjob.providers.http.adapter import HttpProvider
from support.declared import example
from support.vendors import SECRET, Vendor, an_attempt, answering

ENDPOINT = "https://studio.example.com/base"
FOX = Request(StepKind.IMAGE, "house-1", "a fox")
JOB = Job("j1", StepKind.IMAGE, "house-1")
DONE = {"id": "j1", "state": "done", "result": {"url": "https://studio.example.com/m/1"}}


def studio(vendor: Vendor, secret: str = SECRET, **changes: Any) -> HttpProvider:
    """Return the adapter of the plain webhook service, with parts of its description changed."""
    service = HttpService.model_validate(example("webhook")["spec"]["http"] | changes)
    http = httpx.AsyncClient(transport=httpx.MockTransport(vendor))
    return HttpProvider(Connection(ENDPOINT, secret, http, service))


def extract(**changes: Any) -> dict[str, Any]:
    """Return the example's `extract`, changed."""
    known: dict[str, Any] = example("webhook")["spec"]["http"]["extract"]
    return known | changes


async def failed(provider: HttpProvider, request: Request) -> str:
    """Submit what must be refused before anything is sent, and return why."""
    outcome = await provider.submit(request, an_attempt())
    assert isinstance(outcome, Rejected), outcome
    assert outcome.failure.kind is FailureKind.INVALID
    return outcome.failure.message


async def test_the_key_goes_into_its_header_only() -> None:
    vendor = answering(202, json={"id": "j1"})

    await studio(vendor, auth={"header": "X-Api-Key", "prefix": ""}).submit(FOX, an_attempt())

    (asked,) = vendor.asked
    assert asked.headers["X-Api-Key"] == SECRET
    assert "Authorization" not in asked.headers
    assert SECRET not in asked.url.path + asked.content.decode()


async def test_without_credentials_none_are_sent() -> None:
    vendor = answering(202, json={"id": "j1"})

    await studio(vendor, secret="").submit(FOX, an_attempt())

    assert "Authorization" not in vendor.asked[0].headers


async def test_query_and_headers_are_filled_in() -> None:
    vendor = answering(202, json={"id": "j1"})
    submit = {
        "path": "/jobs/{{model}}",
        "query": {"q": "{{prompt}}", "seed": "{{seed}}"},
        "headers": {"X-Step": "{{step}}", "X-Voice": "{{voice}}"},
        "body": {"cb": "{{callbackUrl}}"},
    }

    await studio(vendor, submit=submit).submit(replace(FOX, model="a/b", text="a&b=c ü"), an_attempt())

    (asked,) = vendor.asked
    assert asked.url.path == "/base/jobs/a/b"
    assert dict(asked.url.params) == {"q": "a&b=c ü"}
    assert asked.headers["X-Step"] == "image"
    assert "X-Voice" not in asked.headers


@pytest.mark.parametrize(
    ("request_", "changes", "words"),
    [
        pytest.param(replace(FOX, step=StepKind.AUDIO), {}, "does not name audio", id="a step it does not make"),
        pytest.param(
            replace(FOX, input={"size": 1}),
            {"submit": {"path": "/j", "body": {"p": "{{prompt}}", "w": "{{input.width}}", "c": "{{callbackUrl}}"}}},
            "input.size has no place in spec.http.submit of the MediaProvider; it takes width",
            id="an input nobody takes",
        ),
        pytest.param(
            replace(FOX, image=InputFile(b"x", "image/png")),
            {"submit": {"path": "/j", "body": {"p": "{{prompt}}", "c": "{{callbackUrl}}"}}},
            "has no place for the picture",
            id="a picture nobody takes",
        ),
        pytest.param(
            replace(FOX, image=InputFile(b"x", "image/png")),
            {"submit": {"path": "/j", "body": {"i": "{{imageUrl}}", "c": "{{callbackUrl}}"}}},
            "takes the picture as a link only",
            id="a picture that has no link",
        ),
        pytest.param(
            replace(FOX, text="für"),
            {"submit": {"path": "/j", "headers": {"X": "{{prompt}}"}, "body": {"c": "{{callbackUrl}}"}}},
            "a header takes printable ASCII only",
            id="a prompt that no header takes",
        ),
        pytest.param(
            replace(FOX, text="../../admin"),
            {"submit": {"path": "/j/{{prompt}}", "body": {"c": "{{callbackUrl}}"}}},
            "leads out of its place",
            id="a prompt that leads elsewhere",
        ),
        pytest.param(
            FOX,
            {"submit": {"path": "/j", "body": {"t": "seed {{seed}}", "c": "{{callbackUrl}}"}}},
            "spec.http.submit.body.t needs {{seed}}",
            id="a value that is missing",
        ),
    ],
)
async def test_what_would_be_left_out_unsaid_is_refused_before_it_is_sent(
    request_: Request, changes: dict[str, Any], words: str
) -> None:
    vendor = answering(202, json={"id": "j1"})

    assert words in await failed(studio(vendor, **changes), request_)
    assert vendor.asked == []


@pytest.mark.parametrize(
    "body", [{}, {"id": None}, {"id": ""}, {"id": "a b"}, {"id": "../x"}, {"id": ["j1"]}, {"id": "x" * 513}], ids=str
)
async def test_a_job_without_an_id_is_unknown_and_says_what_was_looked_for(body: dict[str, Any]) -> None:
    outcome = await studio(answering(202, json=body)).submit(FOX, an_attempt())

    assert isinstance(outcome, Unknown)
    assert "spec.http.extract.jobId (id) finds no id" in outcome.message


async def test_an_unexpected_success_is_unknown() -> None:
    outcome = await studio(answering(200, json={"id": "j1"})).submit(FOX, an_attempt())

    assert isinstance(outcome, Unknown)
    assert "spec.http.submit.expectStatus" in outcome.message


async def test_urls_that_the_answer_told_are_used() -> None:
    answers = {
        "/base/v1/jobs": httpx.Response(202, json={"id": "j1", "links": {"self": "/s/1", "stop": "/c/1"}}),
        "/s/1": httpx.Response(200, json=DONE | {"more": "https://studio.example.com/r/1"}),
        "/r/1": httpx.Response(200, json=DONE),
        "/c/1": httpx.Response(204),
    }
    vendor = Vendor(lambda request: answers[request.url.path])
    told = extract(statusUrl="links.self", cancelUrl="links.stop", resultUrl="more")
    provider = studio(vendor, extract=told, result={})

    outcome = await provider.submit(FOX, an_attempt())
    assert isinstance(outcome, Accepted)
    job = replace(JOB, handles=outcome.handles)
    seen = await provider.observe(job)
    await provider.cancel(job)

    assert seen.phase is JobPhase.SUCCEEDED
    assert [request.url.path for request in vendor.asked] == ["/base/v1/jobs", "/s/1", "/r/1", "/c/1"]
    assert all(SECRET in request.headers["Authorization"] for request in vendor.asked)


async def test_a_url_on_another_host_is_asked_only_where_it_is_listed_and_never_gets_the_key() -> None:
    vendor = answering(200, json=DONE)
    job = replace(JOB, handles={"statusUrl": "https://queue.example.net/s/1"})
    told = extract(statusUrl="links.self")

    refused = await studio(vendor, extract=told).observe(job)
    assert vendor.asked == []
    seen = await studio(vendor, extract=told, allowedHosts=["*.example.net"]).observe(job)

    assert refused.phase is JobPhase.UNREACHABLE
    assert refused.failure is not None
    assert "add 'queue.example.net' to spec.http.allowedHosts" in refused.failure.message
    assert seen.phase is JobPhase.SUCCEEDED
    assert "Authorization" not in vendor.asked[0].headers


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({}, "spec.http.extract.output.value (result.url) finds nothing in an answer with the keys id, result, state"),
        ({"url": 7}, "finds '7', which is no text"),
        ({"url": "https://bucket.example.net/x?sig=1"}, "add 'bucket.example.net' to spec.http.allowedHosts"),
    ],
)
async def test_a_result_that_cannot_be_read_is_left_until_the_description_is_mended(
    result: dict[str, Any], words: str
) -> None:
    seen = await studio(answering(200, json=DONE | {"result": result})).observe(JOB)

    assert seen.phase is JobPhase.UNREACHABLE
    assert seen.failure is not None
    assert seen.failure.kind is FailureKind.INVALID
    assert words in seen.failure.message
    assert "sig=1" not in seen.failure.message


async def test_a_success_that_says_an_error_and_holds_nothing_has_failed() -> None:
    answer = {"id": "j1", "state": "done", "error": {"code": "prompt_rejected", "message": "no"}}

    seen = await studio(answering(200, json=answer)).observe(JOB)

    assert seen.phase is JobPhase.FAILED
    assert seen.failure is not None
    assert seen.failure.kind is FailureKind.REFUSED


async def test_a_code_that_is_tried_again_for_nothing_counts_for_a_job_that_ran() -> None:
    errors = [{"kind": "Throttled", "codes": ["busy"]}]
    answer = {"id": "j1", "state": "failed", "error": {"code": "busy"}}

    seen = await studio(answering(200, json=answer), errors=errors).observe(JOB)

    assert seen.failure is not None
    assert seen.failure.kind is FailureKind.FAILED


@pytest.mark.parametrize(
    ("state", "phase"),
    [("queued", JobPhase.QUEUED), ("working", JobPhase.RUNNING), ("brewing", JobPhase.RUNNING), (7, JobPhase.RUNNING)],
)
async def test_how_a_job_stands(state: object, phase: JobPhase) -> None:
    seen = await studio(answering(200, json={"id": "j1", "state": state})).observe(JOB)

    assert seen.phase is phase
    assert (seen.message is not None) is (state in ("brewing", 7))


async def test_a_failure_is_looked_for_before_the_end() -> None:
    poll = {"path": "/j/{{jobId}}", "doneWhen": "done", "failedWhen": "error"}
    both = {"done": True, "error": {"message": "filtered"}}

    seen = await studio(answering(200, json=both), poll=poll).observe(JOB)

    assert seen.phase is JobPhase.FAILED


async def test_the_cost_may_stand_in_the_poll_while_the_result_is_elsewhere() -> None:
    answers = {
        "/base/v1/jobs/j1": httpx.Response(200, json={"state": "done", "usage": {"usd": "0.125"}}),
        "/base/r/j1": httpx.Response(200, json={"result": {"url": "m/1"}}),
    }
    vendor = Vendor(lambda request: answers[request.url.path])

    seen = await studio(vendor, result={"path": "/r/{{jobId}}"}).observe(JOB)

    assert seen.result is not None
    assert str(seen.result.cost) == "0.125"
    assert seen.result.output == UrlOutput("https://studio.example.com/base/m/1", authorized=True)


async def test_a_poll_with_a_body_asks_as_it_is_told() -> None:
    vendor = answering(200, json=DONE)
    poll = {"method": "POST", "path": "/ask", "body": {"ids": ["{{jobId}}"]}, "doneWhen": "state == 'done'"}

    await studio(vendor, poll=poll).observe(JOB)

    assert vendor.asked[0].method == "POST"
    assert json.loads(vendor.asked[0].content) == {"ids": ["j1"]}


async def test_messages_are_free_of_secrets() -> None:
    vendor = answering(400, json={"error": {"message": f"key {SECRET} is bad"}})

    outcome = await studio(vendor).submit(FOX, an_attempt())

    assert isinstance(outcome, Rejected)
    assert SECRET not in outcome.failure.message
    assert "studio.example.com" in outcome.failure.message
