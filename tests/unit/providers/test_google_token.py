"""How a service account becomes an access token, and what its absence means for a submit."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import jwt

from storyjob.api.outcome import Accepted, FailureKind, JobPhase, Rejected
from storyjob.providers.google_token import SCOPE, ServiceAccount, TokenSource
from support.google import PUBLIC, TOKEN_URL, pem, service_account_key
from support.vendors import JOBS, OPERATION, REQUESTS, Vendor, an_attempt, connect

REQUEST = REQUESTS["vertex-veo"]


def google(token_answer: httpx.Response | None = None, predict: int = 200) -> Vendor:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url == TOKEN_URL:
            return token_answer or httpx.Response(200, json={"access_token": "ya29.x", "expires_in": 3600})
        return httpx.Response(predict, json={"name": OPERATION})

    return Vendor(answer)


async def test_a_submit_carries_a_token_for_the_project_of_the_key() -> None:
    vendor = google()

    outcome = await connect("vertex-veo", vendor, secret=service_account_key()).submit(REQUEST, an_attempt())

    assert outcome == Accepted(OPERATION)
    fetched, asked = vendor.asked
    form = parse_qs(fetched.content.decode())
    claims = jwt.decode(form["assertion"][0], certs=PUBLIC, audience=TOKEN_URL)  # type: ignore[no-untyped-call]
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert claims["scope"] == SCOPE
    assert claims["iss"] == "fox@my-project.iam.gserviceaccount.com"
    assert asked.headers["authorization"] == "Bearer ya29.x"
    assert asked.url.path == (
        "/v1beta1/projects/my-project/locations/us-central1/publishers/google/models/"
        "veo-3.1-fast-generate-001:predictLongRunning"
    )


@pytest.mark.parametrize(
    ("endpoint", "inputs", "place"),
    [
        ("https://europe-west4-aiplatform.googleapis.com", {}, "projects/my-project/locations/europe-west4"),
        ("https://aiplatform.googleapis.com/", {}, "projects/my-project/locations/global"),
        ("http://127.0.0.1:1/vertex", {"location": "us-east1"}, "projects/my-project/locations/us-east1"),
        ("http://127.0.0.1:1/vertex", {"location": "a-b", "project": "p:2"}, "projects/p:2/locations/a-b"),
    ],
)
async def test_project_and_location(endpoint: str, inputs: dict[str, Any], place: str) -> None:
    vendor = google()
    provider = connect("vertex-veo", vendor, secret=service_account_key(), endpoint=endpoint)

    await provider.submit(replace(REQUEST, input=inputs), an_attempt())

    assert f"/v1beta1/{place}/publishers/" in vendor.asked[-1].url.path
    assert "location" not in json.loads(vendor.asked[-1].content)["parameters"]


@pytest.mark.parametrize("inputs", [{}, {"location": "../x"}, {"location": 7}, {"location": "a", "project": "a/b"}])
async def test_a_place_that_is_no_place_is_refused_unsent(inputs: dict[str, Any]) -> None:
    vendor = google()
    provider = connect("vertex-veo", vendor, secret=service_account_key(), endpoint="http://127.0.0.1:1/vertex")

    outcome = await provider.submit(replace(REQUEST, input=inputs), an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.INVALID
    assert [asked.url for asked in vendor.asked] == [TOKEN_URL]


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        pytest.param("{", "neither", id="broken JSON"),
        pytest.param('{"type": "authorized_user"}', "service_account", id="another kind of key"),
        pytest.param(service_account_key(project_id=""), "project_id", id="no project"),
        pytest.param(service_account_key(private_key=7), "private_key", id="no key"),
        pytest.param(service_account_key(private_key="nonsense"), "PEM", id="nonsense for a key"),
        pytest.param(
            service_account_key(private_key=pem(ec.generate_private_key(ec.SECP256R1()))), "RSA", id="not an RSA key"
        ),
    ],
)
async def test_a_secret_that_cannot_work(secret: str, words: str) -> None:
    vendor = google()
    provider = connect("vertex-veo", vendor, secret=secret)

    outcome = await provider.submit(REQUEST, an_attempt())
    seen = await provider.observe(JOBS["vertex-veo"])

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.UNAUTHORIZED
    assert words in outcome.failure.message
    assert "BEGIN" not in outcome.failure.message
    assert seen.phase is JobPhase.UNREACHABLE
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(
            httpx.Response(400, json={"error": "invalid_grant", "error_description": "Invalid JWT"}),
            FailureKind.UNAUTHORIZED,
            id="refused",
        ),
        pytest.param(httpx.Response(200, json={"id_token": "x"}), FailureKind.UNAUTHORIZED, id="no token in it"),
        pytest.param(httpx.Response(200, content=b"<html>"), FailureKind.UNAUTHORIZED, id="a page"),
        pytest.param(httpx.Response(503), FailureKind.UNAVAILABLE, id="down"),
        pytest.param(httpx.Response(429), FailureKind.UNAVAILABLE, id="throttled"),
    ],
)
async def test_without_a_token_nothing_is_bought(answer: httpx.Response, kind: FailureKind) -> None:
    vendor = google(answer)

    outcome = await connect("vertex-veo", vendor, secret=service_account_key()).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is kind
    assert [asked.url for asked in vendor.asked] == [TOKEN_URL]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    vendor, clock = google(), Clock()
    http = httpx.AsyncClient(transport=httpx.MockTransport(vendor))
    tokens = TokenSource(ServiceAccount.parse(service_account_key()), http, clock)

    await asyncio.gather(*(tokens.token() for _ in range(5)))
    assert len(vendor.asked) == 1
    clock.now += 3200
    await tokens.token()
    assert len(vendor.asked) == 1
    clock.now += 200
    await tokens.token()
    assert len(vendor.asked) == 2


async def test_a_token_the_api_refuses_is_dropped() -> None:
    vendor = google(predict=401)
    provider = connect("vertex-veo", vendor, secret=service_account_key())

    await provider.submit(REQUEST, an_attempt())
    await provider.submit(REQUEST, an_attempt())

    assert [asked.url == TOKEN_URL for asked in vendor.asked] == [True, False, True, False]


def test_the_private_key_is_not_shown() -> None:
    assert "PRIVATE KEY" not in repr(ServiceAccount.parse(service_account_key()))
