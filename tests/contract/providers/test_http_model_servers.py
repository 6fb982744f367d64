"""The examples for ComfyUI, Cog and OpenAI's images API, each against a small real server that speaks its wire."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import web

from storyjob.api.outcome import FailureKind, JobPhase, Rejected, Unknown
from storyjob.api.step import StepKind
from storyjob.providers.base import Job, Request
from support.declared import declared
from support.media import picture
from support.services.comfyui import CHECKPOINT
from support.services.service import Service
from support.services.world import ATTEMPT, FOX, World, bytes_of, job_of, kind_of
from support.vendors import an_attempt

K = FailureKind


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
