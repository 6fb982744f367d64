"""What the adapter of a declared service makes of answers, also of those that nobody foresaw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from storyjob.api.outcome import Accepted, FailureKind, JobPhase, Rejected, Unknown, UrlOutput
from storyjob.api.step import StepKind
from storyjob.providers.base import Job, Request
from support.declared import example
from support.vendors import SECRET, Vendor, a_studio, an_attempt, answering

FOX = Request(StepKind.IMAGE, "house-1", "a fox")
JOB = Job("j1", StepKind.IMAGE, "house-1")
DONE = {"id": "j1", "state": "done", "result": {"url": "https://studio.example.com/m/1"}}


def extract(**changes: Any) -> dict[str, Any]:
    """Return the example's `extract`, changed."""
    known: dict[str, Any] = example("webhook")["spec"]["http"]["extract"]
    return known | changes


@pytest.mark.parametrize(
    "body", [{}, {"id": None}, {"id": ""}, {"id": "a b"}, {"id": "../x"}, {"id": ["j1"]}, {"id": "x" * 513}], ids=str
)
async def test_a_job_without_an_id_is_unknown_and_says_what_was_looked_for(body: dict[str, Any]) -> None:
    outcome = await a_studio(answering(202, json=body)).submit(FOX, an_attempt())

    assert isinstance(outcome, Unknown)
    assert "spec.http.extract.jobId (id) finds no id" in outcome.message


async def test_a_url_that_is_no_text_is_none() -> None:
    told = extract(statusUrl="links")

    outcome = await a_studio(answering(202, json={"id": "j1", "links": {"a": "b"}}), extract=told).submit(
        FOX, an_attempt()
    )

    assert outcome == Accepted("j1")


async def test_a_code_that_is_declared_counts_in_a_success_that_is_not_expected() -> None:
    vendor = answering(200, json={"error": {"code": "no_credit", "message": "pay"}})

    outcome = await a_studio(vendor).submit(FOX, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.QUOTA


async def test_a_value_that_the_result_needs_must_be_found() -> None:
    vendor = answering(200, json=DONE)
    result = {"path": "/view", "query": {"name": "{{name}}"}, "values": {"name": "files[0].name"}}

    seen = await a_studio(vendor, result=result).observe(JOB)

    assert seen.phase is JobPhase.UNREACHABLE
    assert seen.failure is not None
    assert "spec.http.result.values[name] (files[0].name) finds nothing" in seen.failure.message
    assert len(vendor.asked) == 1


async def test_an_unexpected_success_is_unknown() -> None:
    outcome = await a_studio(answering(200, json={"id": "j1"})).submit(FOX, an_attempt())

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
    provider = a_studio(vendor, extract=told, result={})

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

    refused = await a_studio(vendor, extract=told).observe(job)
    assert vendor.asked == []
    seen = await a_studio(vendor, extract=told, allowedHosts=["*.example.net"]).observe(job)

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
    seen = await a_studio(answering(200, json=DONE | {"result": result})).observe(JOB)

    assert seen.phase is JobPhase.UNREACHABLE
    assert seen.failure is not None
    assert seen.failure.kind is FailureKind.INVALID
    assert words in seen.failure.message
    assert "sig=1" not in seen.failure.message


async def test_a_success_that_says_an_error_and_holds_nothing_has_failed() -> None:
    answer = {"id": "j1", "state": "done", "error": {"code": "prompt_rejected", "message": "no"}}

    seen = await a_studio(answering(200, json=answer)).observe(JOB)

    assert seen.phase is JobPhase.FAILED
    assert seen.failure is not None
    assert seen.failure.kind is FailureKind.REFUSED


async def test_a_code_that_is_tried_again_for_nothing_counts_for_a_job_that_ran() -> None:
    errors = [{"kind": "Throttled", "codes": ["busy"]}]
    answer = {"id": "j1", "state": "failed", "error": {"code": "busy"}}

    seen = await a_studio(answering(200, json=answer), errors=errors).observe(JOB)

    assert seen.failure is not None
    assert seen.failure.kind is FailureKind.FAILED


@pytest.mark.parametrize(
    ("state", "phase"),
    [("queued", JobPhase.QUEUED), ("working", JobPhase.RUNNING), ("brewing", JobPhase.RUNNING), (7, JobPhase.RUNNING)],
)
async def test_how_a_job_stands(state: object, phase: JobPhase) -> None:
    seen = await a_studio(answering(200, json={"id": "j1", "state": state})).observe(JOB)

    assert seen.phase is phase
    assert (seen.message is not None) is (state in ("brewing", 7))


async def test_a_failure_is_looked_for_before_the_end() -> None:
    poll = {"path": "/j/{{jobId}}", "doneWhen": "done", "failedWhen": "error"}
    both = {"done": True, "error": {"message": "filtered"}}

    seen = await a_studio(answering(200, json=both), poll=poll).observe(JOB)

    assert seen.phase is JobPhase.FAILED


async def test_the_cost_may_stand_in_the_poll_while_the_result_is_elsewhere() -> None:
    answers = {
        "/base/v1/jobs/j1": httpx.Response(200, json={"state": "done", "usage": {"usd": "0.125"}}),
        "/base/r/j1": httpx.Response(200, json={"result": {"url": "m/1"}}),
    }
    vendor = Vendor(lambda request: answers[request.url.path])

    seen = await a_studio(vendor, result={"path": "/r/{{jobId}}"}).observe(JOB)

    assert seen.result is not None
    assert str(seen.result.cost) == "0.125"
    assert seen.result.output == UrlOutput("https://studio.example.com/base/m/1", authorized=True)


async def test_messages_are_free_of_secrets() -> None:
    vendor = answering(400, json={"error": {"message": f"key {SECRET} is bad"}})

    outcome = await a_studio(vendor).submit(FOX, an_attempt())

    assert isinstance(outcome, Rejected)
    assert SECRET not in outcome.failure.message
    assert "studio.example.com" in outcome.failure.message
