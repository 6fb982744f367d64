"""Clips that Veo writes to a bucket of the user's: where to, how they are read, and how a lost one is found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from storyjob.api.errors import CredentialsError
from storyjob.api.outcome import (
    Accepted,
    Authorization,
    Done,
    FailureKind,
    JobPhase,
    NoTrace,
    Rejected,
    Result,
    Trace,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.providers.base import Authorizer, Finder, Lost, OutputPlace
from support.builders import NOW
from support.google import TOKEN_URL, service_account_key
from support.vendors import JOBS, OPERATION, REQUESTS, TOKEN, Vendor, an_attempt, answering, connect

REQUEST = REQUESTS["vertex-veo"]
TOKEN_HASH = hashlib.sha256(TOKEN.encode()).hexdigest()
PLACE = OutputPlace("gs://films/clips")
MINE = f"clips/{TOKEN_HASH}/"
LOST = Lost(StepKind.VIDEO, REQUEST.model, TOKEN_HASH, NOW, NOW + timedelta(minutes=1))
CLIP = f"https://storage.googleapis.com/storage/v1/b/films/o/clips%2F{TOKEN_HASH}%2F123%2Fsample_0.mp4?alt=media"


def google(status: int = 200, token_status: int = 200, **kwargs: Any) -> Vendor:
    """Return a Google that gives out tokens and answers everything else the same."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url == TOKEN_URL:
            return httpx.Response(token_status, json={"access_token": "ya29.x", "expires_in": 3600})
        return httpx.Response(status, **kwargs)

    return Vendor(answer)


def asked(vendor: Vendor) -> list[httpx.Request]:
    return [request for request in vendor.asked if request.url != TOKEN_URL]


async def find(vendor: Vendor, output: OutputPlace | None = PLACE) -> Trace:
    provider = connect("vertex-veo", vendor, service_account_key(), output=output)
    return await cast(Finder, provider).find(LOST)


@pytest.mark.parametrize("prefix", ["gs://films/clips", "gs://films/clips/"])
async def test_each_attempt_has_a_place_of_its_own(prefix: str) -> None:
    vendor = google(json={"name": OPERATION})
    provider = connect("vertex-veo", vendor, service_account_key(), output=OutputPlace(prefix))

    assert await provider.submit(REQUEST, an_attempt()) == Accepted(OPERATION)

    (request,) = asked(vendor)
    assert json.loads(request.content)["parameters"] == {
        "sampleCount": 1,
        "storageUri": f"gs://films/clips/{TOKEN_HASH}/",
    }
    assert TOKEN not in request.content.decode()


async def test_an_api_key_cannot_read_a_bucket_so_nothing_is_bought() -> None:
    vendor = answering(200, json={"name": OPERATION})

    outcome = await connect("vertex-veo", vendor, output=PLACE).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.INVALID
    assert "service account" in outcome.failure.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("output", "uri", "url"),
    [
        pytest.param(PLACE, f"gs://films/{MINE}123/sample_0.mp4", CLIP, id="in the bucket"),
        pytest.param(None, f"gs://films/{MINE}123/sample_0.mp4", CLIP, id="whose setting was removed meanwhile"),
        pytest.param(
            OutputPlace("gs://films/clips", "http://gcs.test/"),
            "gs://films/a b?c.mp4",
            None,
            id="a name with a blank is no URI",
        ),
        pytest.param(
            OutputPlace("gs://films/clips", "http://gcs.test/"),
            "gs://films/a?alt=json&b/%2e.mp4",
            "http://gcs.test/storage/v1/b/films/o/a%3Falt%3Djson%26b%2F%252e.mp4?alt=media",
            id="a name that could bend the URL",
        ),
        pytest.param(None, "https://example.com/clip.mp4", None, id="no gs:// at all"),
    ],
)
async def test_a_clip_in_a_bucket_is_a_download_with_credentials(
    output: OutputPlace | None, uri: str, url: str | None
) -> None:
    vendor = google(json={"name": OPERATION, "done": True, "response": {"videos": [{"gcsUri": uri}]}})

    seen = await connect("vertex-veo", vendor, service_account_key(), output=output).observe(JOBS["vertex-veo"])

    if url is None:
        assert seen.phase is JobPhase.FAILED
        assert seen.failure is not None
        assert uri in seen.failure.message
    else:
        assert seen.result == Result(UrlOutput(url, authorized=True))


async def test_a_lost_clip_is_found_in_its_place() -> None:
    items = [
        {"name": f"{MINE}123/sample_1.mp4", "contentType": "video/mp4"},
        {"name": f"{MINE}123/sample_0.mp4", "contentType": "application/octet-stream"},
        {"name": f"{MINE}123/notes.txt", "contentType": "text/plain"},
    ]
    vendor = google(json={"items": items})

    assert await find(vendor) == Done(Result(UrlOutput(CLIP, authorized=True)))

    (request,) = asked(vendor)
    assert request.method == "GET"
    assert request.url.path == "/storage/v1/b/films/o"
    assert request.url.params["prefix"] == MINE
    assert request.headers["authorization"] == "Bearer ya29.x"


@pytest.mark.parametrize(
    "listing",
    [
        pytest.param({}, id="empty"),
        pytest.param({"items": []}, id="no items"),
        pytest.param({"items": 7}, id="an odd listing"),
        pytest.param({"items": [7, {"name": 8, "contentType": "video/mp4"}]}, id="odd items"),
        pytest.param(
            {"items": [{"name": "clips/other/sample_0.mp4", "contentType": "video/mp4"}]}, id="somebody else's clip"
        ),
    ],
)
async def test_no_clip_is_no_proof(listing: dict[str, Any]) -> None:
    trace = await find(google(json=listing))

    assert isinstance(trace, NoTrace)
    assert trace.answered
    assert f"gs://films/{MINE}" in trace.message


@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(google(500), id="an outage"),
        pytest.param(google(403, json={"error": {"message": "no storage.objects.list"}}), id="a missing role"),
        pytest.param(google(404, json={"error": {"message": "no such bucket"}}), id="no such bucket"),
        pytest.param(google(content=b"<html>"), id="a proxy's page"),
        pytest.param(google(token_status=503), id="no token now"),
        pytest.param(google(token_status=400), id="no token ever"),
    ],
)
async def test_a_question_without_an_answer_is_asked_again(vendor: Vendor) -> None:
    trace = await find(vendor)

    assert isinstance(trace, NoTrace)
    assert not trace.answered
    assert "ya29" not in trace.message


async def test_without_a_bucket_it_cannot_be_told() -> None:
    vendor = google()

    trace = await find(vendor, output=None)

    assert isinstance(trace, NoTrace)
    assert trace.answered
    assert "spec.output.gcsPrefix" in trace.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("url", "own"),
    [
        pytest.param(CLIP, True, id="Cloud Storage"),
        pytest.param("https://us-central1-aiplatform.googleapis.com/v1/x", False, id="another service"),
        pytest.param("https://storage.googleapis.com.example.com/x", False, id="a name that looks alike"),
        pytest.param("http://storage.googleapis.com/x", False, id="without encryption"),
        pytest.param("https://storage.googleapis.com:8443/x", False, id="another port"),
        pytest.param("https://[broken", False, id="no URL"),
    ],
)
async def test_the_token_goes_to_cloud_storage_only(url: str, own: bool) -> None:
    provider = connect("vertex-veo", google(), service_account_key(), output=PLACE)

    given = await cast(Authorizer, provider).authorize(url)

    expected = Authorization("https://storage.googleapis.com", {"Authorization": "Bearer ya29.x"})
    assert given == (expected if own else None)
    assert "ya29" not in repr(given)


async def test_no_token_now_is_told() -> None:
    provider = connect("vertex-veo", google(token_status=503), service_account_key(), output=PLACE)

    with pytest.raises(CredentialsError, match="503"):
        await cast(Authorizer, provider).authorize(CLIP)


async def test_a_changed_wish_is_found_all_the_same() -> None:
    vendor = google(json={"items": [{"name": f"{MINE}123/sample_0.mp4", "contentType": "video/mp4"}]})
    provider = connect("vertex-veo", vendor, service_account_key(), output=PLACE)

    trace = await cast(Finder, provider).find(replace(LOST, request=None, model="another"))

    assert isinstance(trace, Done)
