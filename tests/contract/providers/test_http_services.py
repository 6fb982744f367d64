"""The shipped examples of type http, each against a small real server that speaks its wire."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from aiohttp import web
from PIL import Image

from storyjob.api.outcome import (
    Accepted,
    BytesOutput,
    Done,
    FailureKind,
    JobPhase,
    Observation,
    Rejected,
    Submission,
    Unknown,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.egress import public_client
from storyjob.providers.base import InputFile, Job, Request
from storyjob.providers.http.adapter import HttpProvider
from support.declared import declared, example
from support.media import picture
from support.services.answering import KEY as IMAGES_KEY
from support.services.answering import Cog, OpenAiImages
from support.services.comfyui import CHECKPOINT, ComfyUi
from support.services.service import Service, serving
from support.services.studio import KEY as STUDIO_KEY
from support.services.studio import Studio
from support.vendors import an_attempt

ATTEMPT = an_attempt(callback_url=None)
FOX = Request(StepKind.IMAGE, "house-1", 'a "small" fox {{prompt}} \\ {"a": 1}')
K = FailureKind


class World:
    """Services that run for one test, and adapters to them."""

    def __init__(self, stack: AsyncExitStack, http: httpx.AsyncClient) -> None:
        self._stack = stack
        self.http = http

    async def run(self, service: Service) -> None:
        await self._stack.enter_async_context(serving(service))

    async def studio(self, key: str = STUDIO_KEY, **changes: Any) -> tuple[Studio, HttpProvider]:
        service = Studio(at_once=False)
        await self.run(service)
        return service, declared("webhook", service.url, self.http, key, **changes)

    async def comfyui(self) -> tuple[ComfyUi, HttpProvider]:
        service = ComfyUi()
        await self.run(service)
        return service, declared("comfyui", service.url, self.http)

    async def cog(self) -> tuple[Cog, HttpProvider]:
        service = Cog()
        await self.run(service)
        return service, declared("cog", service.url, self.http)

    async def images(self, key: str = IMAGES_KEY) -> tuple[OpenAiImages, HttpProvider]:
        service = OpenAiImages()
        await self.run(service)
        return service, declared("openai", service.url, self.http, key)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack, public_client(["127.0.0.1"], timeout=httpx.Timeout(30)) as http:
        yield World(stack, http)


def job_of(outcome: Submission, request: Request = FOX) -> Job:
    assert isinstance(outcome, Accepted), outcome
    return Job(outcome.job_id, request.step, request.model, outcome.handles)


def kind_of(outcome: Submission | Observation) -> FailureKind:
    assert isinstance(outcome, Rejected | Observation), outcome
    assert outcome.failure is not None
    return outcome.failure.kind


def bytes_of(seen: Observation | Submission) -> bytes:
    assert isinstance(seen, Observation | Done)
    assert seen.result is not None, seen
    assert isinstance(seen.result.output, BytesOutput)
    assert Image.open(io.BytesIO(seen.result.output.data)).size == (64, 36)
    return seen.result.output.data


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


async def test_comfyui_runs_a_workflow(world: World) -> None:
    comfyui, provider = await world.comfyui()
    comfyui.at_once = False
    wish = Request(StepKind.IMAGE, CHECKPOINT, "a fox", seed=5, input={"steps": 4, "negative": "an owl"})

    job = job_of(await provider.submit(wish, ATTEMPT), wish)
    running = await provider.observe(job)
    comfyui.bought[0]["state"] = "success"
    done = await provider.observe(job)

    assert running.phase is JobPhase.RUNNING
    assert bytes_of(done) == picture()
    sampler = comfyui.bought[0]["graph"]["3"]["inputs"]
    assert (sampler["seed"], sampler["steps"], sampler["cfg"], sampler["model"]) == (5, 4, 8, ["4", 0])
    assert comfyui.bought[0]["graph"]["6"]["inputs"]["text"] == "a fox"
    assert comfyui.bought[0]["graph"]["7"]["inputs"]["text"] == "an owl"
    assert "Authorization" not in comfyui.asked[0].headers


async def test_comfyui_gets_a_seed_of_the_attempt_where_the_story_gives_none(world: World) -> None:
    comfyui, provider = await world.comfyui()
    wish = Request(StepKind.IMAGE, CHECKPOINT, "a fox")

    for token in ("a" * 32, "b" * 32, "a" * 32):
        job_of(await provider.submit(wish, an_attempt(token=token)), wish)

    seeds = [job["graph"]["3"]["inputs"]["seed"] for job in comfyui.bought]
    assert seeds[0] == seeds[2] != seeds[1]


async def test_comfyui_refuses_a_workflow_and_fails_a_node(world: World) -> None:
    comfyui, provider = await world.comfyui()

    refused = await provider.submit(Request(StepKind.IMAGE, "no-such.ckpt", "a fox"), ATTEMPT)
    comfyui.failing = "CUDA out of memory"
    wish = Request(StepKind.IMAGE, CHECKPOINT, "a fox")
    failed = await provider.observe(job_of(await provider.submit(wish, ATTEMPT), wish))

    assert kind_of(refused) is K.INVALID
    assert isinstance(refused, Rejected)
    assert "Prompt outputs failed validation" in refused.failure.message
    assert kind_of(failed) is K.FAILED
    assert failed.failure is not None
    assert "CUDA out of memory" in failed.failure.message


async def test_comfyui_takes_a_waiting_job_back(world: World) -> None:
    comfyui, provider = await world.comfyui()
    comfyui.at_once = False
    wish = Request(StepKind.IMAGE, CHECKPOINT, "a fox")

    await provider.cancel(job_of(await provider.submit(wish, ATTEMPT), wish))

    assert comfyui.bought == []


async def test_cog_answers_with_the_picture(world: World) -> None:
    cog, provider = await world.cog()

    outcome = await provider.submit(replace(FOX, seed=3, input={"steps": 4, "prompt": "mine"}), ATTEMPT)

    assert bytes_of(outcome) == picture()
    assert cog.bought[0]["path_id"] == ATTEMPT.token_hash
    assert cog.bought[0]["input"] == {"prompt": "mine", "seed": 3, "steps": 4}
    assert (await provider.observe(Job("x", StepKind.IMAGE, "m"))).phase is JobPhase.GONE


async def test_cog_is_busy_or_fails(world: World) -> None:
    cog, provider = await world.cog()
    cog.busy = True
    busy = await provider.submit(FOX, ATTEMPT)
    cog.busy, cog.failing = False, "NSFW content detected"
    refused = await provider.submit(FOX, ATTEMPT)
    cog.failing = "list index out of range"
    failed = await provider.submit(FOX, ATTEMPT)

    assert [kind_of(outcome) for outcome in (busy, refused, failed)] == [K.THROTTLED, K.REFUSED, K.FAILED]


async def test_an_images_api_answers_with_the_picture(world: World) -> None:
    images, provider = await world.images()

    outcome = await provider.submit(replace(FOX, input={"size": "1536x1024"}), ATTEMPT)

    assert bytes_of(outcome) == picture()
    assert images.bought[0]["size"] == "1536x1024"
    assert images.bought[0]["prompt"] == FOX.text


@pytest.mark.parametrize(
    ("refusing", "kind"),
    [
        ((429, "insufficient_quota"), K.QUOTA),
        ((429, "rate_limit_exceeded"), K.THROTTLED),
        ((429, "unheard_of"), K.THROTTLED),
        ((400, "moderation_blocked"), K.REFUSED),
        ((400, "unknown_parameter"), K.INVALID),
    ],
    ids=str,
)
async def test_an_images_api_refuses(world: World, refusing: tuple[int, str], kind: FailureKind) -> None:
    images, provider = await world.images()
    images.refusing = refusing

    assert kind_of(await provider.submit(FOX, ATTEMPT)) is kind
    assert images.bought == []


async def test_media_may_be_the_answer_itself(world: World) -> None:
    service = Service()
    service.add_routes = lambda router: None  # type: ignore[method-assign]
    service.answers += [
        web.Response(body=picture(), content_type="image/png"),
        web.json_response({"error": "no"}),
        web.Response(body=b""),
    ]
    await world.run(service)
    extract = {"output": {"kind": "Body"}}
    provider = declared("cog", service.url, world.http, extract=extract)

    first, second, third = [await provider.submit(FOX, ATTEMPT) for _ in range(3)]

    assert bytes_of(first) == picture()
    assert isinstance(second, Unknown)
    assert isinstance(third, Unknown)
    assert service.asked[0].headers["Accept"] == "*/*"


async def test_many_adapters_at_once_do_not_mix(world: World) -> None:
    studio, provider = await world.studio()
    wishes = [replace(FOX, text=f"fox {number}") for number in range(20)]

    outcomes = await asyncio.gather(
        *(provider.submit(wish, an_attempt(token=f"{number:032x}")) for number, wish in enumerate(wishes))
    )

    ids = {job_of(outcome).job_id for outcome in outcomes}
    assert len(ids) == len(studio.bought) == 20
    assert {job["wish"]["prompt"] for job in studio.bought} == {wish.text for wish in wishes}
