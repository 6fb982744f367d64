"""examples/providers/http-webhook.yaml against a small real server that takes jobs, and what its refusals mean."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from aiohttp import web

from storyjob.api.outcome import Accepted, FailureKind, JobPhase, Rejected, Unknown, UrlOutput
from storyjob.api.step import StepKind
from storyjob.providers.base import InputFile, Job
from support.declared import declared, example
from support.media import picture
from support.services.service import Service
from support.services.world import ATTEMPT, FOX, World, job_of, kind_of
from support.vendors import an_attempt

K = FailureKind


async def test_a_studio_makes_a_picture(world: World) -> None:
    studio, provider = await world.studio()

    outcome = await provider.submit(replace(FOX, seed=7, input={"style": "ink"}), ATTEMPT)
    job = job_of(outcome)
    running = await provider.observe(job)
    studio.finish(studio.bought[0])
    done = await provider.observe(job)

    assert running.phase is JobPhase.RUNNING
    assert done.phase is JobPhase.SUCCEEDED
    assert done.result is not None
    assert done.result.output == UrlOutput(f"{studio.url}/media/job-1", authorized=True)
    assert done.result.cost == Decimal("0.02")
    authorization = await provider.authorize(f"{studio.url}/media/job-1")
    assert authorization is not None
    assert (await world.http.get(f"{studio.url}/media/job-1", headers=dict(authorization.headers))).content == picture()
    (submit,) = studio.submits()
    assert submit.headers["Idempotency-Key"] == ATTEMPT.token_hash
    assert submit.body == {
        "kind": "image",
        "model": "house-1",
        "prompt": FOX.text,
        "seed": 7,
        "options": {"style": "ink"},
        "deadline": 1800,
        "callback": {},
    }


async def test_a_studio_is_told_where_to_call_back(world: World) -> None:
    studio, provider = await world.studio()
    attempt = an_attempt()

    await provider.submit(FOX, attempt)

    assert studio.submits()[0].body["callback"] == {"url": attempt.callback_url}


@pytest.mark.parametrize("link", ["https://bucket.example/still.png", None], ids=["as a link", "as a data URL"])
async def test_a_still_is_handed_over(world: World, link: str | None) -> None:
    studio, provider = await world.studio()
    clip = replace(FOX, step=StepKind.VIDEO, image=InputFile(picture(), "image/png", link))

    job_of(await provider.submit(clip, ATTEMPT))

    still = studio.submits()[0].body["still"]
    assert still == link if link else still.startswith("data:image/png;base64,iVBOR")


async def test_a_still_is_uploaded_in_a_form(world: World) -> None:
    service = Service()
    taken = web.json_response({"id": 17}, status=202)
    service.add_routes = lambda router: None  # type: ignore[method-assign]
    service.answers.append(taken)
    await world.run(service)
    submit = {"path": "/jobs", "form": [{"name": "text", "value": "{{prompt}}"}, {"name": "still", "file": "Image"}]}
    submit["form"].append({"name": "seed", "value": "{{seed}}"})  # type: ignore[attr-defined]
    service_spec = {key: example("webhook")["spec"]["http"][key] for key in ("steps", "mode", "extract", "poll")}
    provider = declared("webhook", service.url, world.http, **(service_spec | {"submit": submit, "webhook": None}))

    outcome = await provider.submit(replace(FOX, image=InputFile(picture(), "image/png")), ATTEMPT)

    assert outcome == Accepted("17")
    assert service.asked[0].body == {"text": FOX.text, "still": picture()}


@pytest.mark.parametrize(
    ("status", "body", "kind", "wait"),
    [
        pytest.param(503, {}, K.UNAVAILABLE, None, id="a declared status"),
        pytest.param(400, {"code": "prompt_rejected", "message": "no owls"}, K.REFUSED, None, id="a declared code"),
        pytest.param(503, {"code": "no_credit"}, K.QUOTA, None, id="a code says more than a status"),
        pytest.param(202, {"code": "no_credit"}, K.QUOTA, None, id="a declared code in a success"),
        pytest.param(429, {"retry_after": 12}, K.THROTTLED, 12.0, id="the wait stands in the body"),
        pytest.param(422, {"message": "bad"}, K.INVALID, None, id="the usual table"),
    ],
)
async def test_what_a_refusal_means(
    world: World, status: int, body: dict[str, Any], kind: FailureKind, wait: float | None
) -> None:
    studio, provider = await world.studio()
    studio.answers.append(web.json_response({"error": body}, status=status))

    outcome = await provider.submit(FOX, ATTEMPT)

    assert kind_of(outcome) is kind
    assert isinstance(outcome, Rejected)
    assert outcome.failure.retry_after == wait
    assert body.get("message", "") in outcome.failure.message
    assert len(studio.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 504, 302])
async def test_what_nobody_declared_leaves_the_outcome_unknown(world: World, status: int) -> None:
    studio, provider = await world.studio()
    studio.answers.append(web.json_response({}, status=status))

    assert isinstance(await provider.submit(FOX, ATTEMPT), Unknown)
    assert len(studio.asked) == 1


async def test_a_dropped_submit_is_unknown_and_was_sent_once(world: World) -> None:
    studio, provider = await world.studio()
    studio.drop = True

    assert isinstance(await provider.submit(FOX, ATTEMPT), Unknown)
    assert len(studio.submits()) == len(studio.bought) == 1


async def test_a_wrong_key_is_told(world: World) -> None:
    _, provider = await world.studio(key="wrong-key-1234")

    outcome = await provider.submit(FOX, ATTEMPT)

    assert kind_of(outcome) is K.UNAUTHORIZED


async def test_a_studio_stops_a_job_and_says_when_it_is_over(world: World) -> None:
    studio, provider = await world.studio()
    job = job_of(await provider.submit(FOX, ATTEMPT))

    await provider.cancel(job)
    await provider.cancel(job)  # 409: it is over

    assert (await provider.observe(job)).phase is JobPhase.CANCELED
    studio.answers.append(web.json_response({}, status=500))
    with pytest.raises(httpx.RequestError, match="HTTP 500"):
        await provider.cancel(job)


async def test_a_job_that_failed_says_why(world: World) -> None:
    studio, provider = await world.studio()
    job = job_of(await provider.submit(FOX, ATTEMPT))
    studio.finish(studio.bought[0], "failed", error={"code": "oom", "message": "out of memory"})

    seen = await provider.observe(job)

    assert kind_of(seen) is K.FAILED
    assert seen.failure is not None
    assert "out of memory" in seen.failure.message


async def test_a_job_that_nobody_knows_is_gone(world: World) -> None:
    _, provider = await world.studio()

    assert (await provider.observe(Job("job-9", StepKind.IMAGE, "house-1"))).phase is JobPhase.GONE


async def test_many_adapters_at_once_do_not_mix(world: World) -> None:
    studio, provider = await world.studio()
    wishes = [replace(FOX, text=f"fox {number}") for number in range(20)]

    outcomes = await asyncio.gather(
        *(provider.submit(wish, an_attempt(token=f"{number:032x}")) for number, wish in enumerate(wishes))
    )

    ids = {job_of(outcome).job_id for outcome in outcomes}
    assert len(ids) == len(studio.bought) == 20
    assert {job["wish"]["prompt"] for job in studio.bought} == {wish.text for wish in wishes}
