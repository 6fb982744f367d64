"""What the adapter of a declared service asks, and what it refuses to ask."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from storyjob.api.outcome import FailureKind, Rejected
from storyjob.api.step import StepKind
from storyjob.providers.base import InputFile, Job, Request
from storyjob.providers.http.adapter import HttpProvider
from support.vendors import SECRET, a_studio, an_attempt, answering

FOX = Request(StepKind.IMAGE, "house-1", "a fox")
JOB = Job("j1", StepKind.IMAGE, "house-1")
DONE = {"id": "j1", "state": "done", "result": {"url": "https://studio.example.com/m/1"}}


async def failed(provider: HttpProvider, request: Request) -> str:
    """Submit what must be refused before anything is sent, and return why."""
    outcome = await provider.submit(request, an_attempt())
    assert isinstance(outcome, Rejected), outcome
    assert outcome.failure.kind is FailureKind.INVALID
    return outcome.failure.message


async def test_the_key_goes_into_its_header_only() -> None:
    vendor = answering(202, json={"id": "j1"})

    await a_studio(vendor, auth={"header": "X-Api-Key", "prefix": ""}).submit(FOX, an_attempt())

    (asked,) = vendor.asked
    assert asked.headers["X-Api-Key"] == SECRET
    assert "Authorization" not in asked.headers
    assert SECRET not in asked.url.path + asked.content.decode()


async def test_without_credentials_none_are_sent() -> None:
    vendor = answering(202, json={"id": "j1"})

    await a_studio(vendor, secret="").submit(FOX, an_attempt())

    assert "Authorization" not in vendor.asked[0].headers


async def test_query_and_headers_are_filled_in() -> None:
    vendor = answering(202, json={"id": "j1"})
    submit = {
        "path": "/jobs/{{model}}",
        "query": {"q": "{{prompt}}", "seed": "{{seed}}"},
        "headers": {"X-Step": "{{step}}", "X-Voice": "{{voice}}"},
        "body": {"cb": "{{callbackUrl}}"},
    }

    await a_studio(vendor, submit=submit).submit(replace(FOX, model="a/b", text="a&b=c ü"), an_attempt())

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

    assert words in await failed(a_studio(vendor, **changes), request_)
    assert vendor.asked == []


async def test_headers_that_are_set_take_the_place_of_the_usual_ones() -> None:
    vendor = answering(202, json={"id": "j1"})
    headers = {"content-type": "application/vnd.studio+json", "ACCEPT": "application/vnd.studio+json"}
    submit = {"path": "/j", "headers": headers, "body": {"c": "{{callbackUrl}}"}}

    await a_studio(vendor, submit=submit).submit(FOX, an_attempt())

    (asked,) = vendor.asked
    assert asked.headers.get_list("content-type") == ["application/vnd.studio+json"]
    assert asked.headers.get_list("accept") == ["application/vnd.studio+json"]


async def test_a_poll_with_a_body_asks_as_it_is_told() -> None:
    vendor = answering(200, json=DONE)
    poll = {"method": "POST", "path": "/ask", "body": {"ids": ["{{jobId}}"]}, "doneWhen": "state == 'done'"}

    await a_studio(vendor, poll=poll).observe(JOB)

    assert vendor.asked[0].method == "POST"
    assert json.loads(vendor.asked[0].content) == {"ids": ["j1"]}
