"""The HTTP API: what a request becomes, who it acts as, and what is said when it cannot be done."""

from __future__ import annotations

import re
from typing import Any

import pytest

from storyjob.api.storyjob import StoryJobSpec
from storyjob.cluster.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from storyjob.cluster.resources import PROVIDERS, STORYJOBS
from support.callbacks import a_provider

World = Any
MAKERS = {"image": {"provider": "flux", "model": "flux-dev"}, "audio": {"provider": "voice", "model": "v2"}}
MINIMAL = {"title": "The fox & the moon", "scenes": [{"prompt": "a fox", "narration": "A fox looked up."}]}
STORY = MINIMAL | MAKERS


async def create(world: World, body: Any, *, token: str = "t0ken", key: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    sent = {"data": body} if isinstance(body, (str, bytes)) else {"json": body}
    async with world.http.post(world.internal + "/create-story", headers=headers, **sent) as answer:
        return answer.status, await answer.json()


async def status(world: World, job_id: str, token: str = "t0ken") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with world.http.get(world.internal + "/status", params={"jobId": job_id}, headers=headers) as answer:
        return answer.status, await answer.json()


def created(world: World) -> Any:
    [story] = world.cluster.objects["storyjobs"].values()
    return story


async def test_a_story_is_created_with_the_callers_token(world: World) -> None:
    code, answer = await create(world, STORY, token="the-callers")
    assert (code, answer["status"]) == (202, "pending")
    assert re.fullmatch(r"default\.the-fox-the-moon-[0-9a-f]{8}", answer["jobId"])
    assert world.cluster.tokens == ["the-callers"]
    story = created(world)
    assert story["kind"] == "StoryJob"
    assert story["spec"] == {
        "title": "The fox & the moon",
        "defaults": {
            "image": {"providerRef": {"name": "flux"}, "model": "flux-dev"},
            "audio": {"providerRef": {"name": "voice"}, "model": "v2"},
        },
        "scenes": [{"name": "scene-1", "image": {"prompt": "a fox"}, "audio": {"text": "A fox looked up."}}],
    }
    StoryJobSpec.model_validate(story["spec"])


async def test_the_earlier_services_words_are_understood(world: World) -> None:
    scenes = [
        {"imagePrompt": "a fox", "text": "Look."},
        {"name": "pan", "prompt": "a moon", "videoPrompt": "pan up", "seconds": 3},
        {"videoPrompt": "waves"},
    ]
    story = STORY | {"scenes": scenes, "style": "ink", "namespace": "tales", "video": {"provider": "veo", "model": "m"}}
    assert (await create(world, story))[0] == 202
    assert created(world)["metadata"]["namespace"] == "tales"
    assert created(world)["spec"]["defaults"]["style"] == "ink"
    assert created(world)["spec"]["scenes"] == [
        {"name": "scene-1", "image": {"prompt": "a fox"}, "audio": {"text": "Look."}},
        {
            "name": "pan",
            "image": {"prompt": "a moon"},
            "video": {"prompt": "pan up", "from": "image"},
            "seconds": 3,
        },
        {"name": "scene-3", "video": {"prompt": "waves"}},
    ]


async def test_the_storyjobs_own_defaults_may_be_given(world: World) -> None:
    defaults = {
        "seed": 7,
        "image": {"providerRef": {"name": "flux"}, "model": "old", "input": {"anything": {"nested": 1}}},
        "audio": {"providerRef": {"name": "voice"}, "model": "v2", "voice": "aria"},
    }
    assert (await create(world, MINIMAL | {"defaults": defaults, "image": {"model": "new"}}))[0] == 202
    assert created(world)["spec"]["defaults"] == defaults | {"image": defaults["image"] | {"model": "new"}}


async def test_without_a_name_the_marked_providers_are_taken(world: World) -> None:
    world.cluster.put(PROVIDERS, a_provider(default_image_model="flux-dev"))
    world.cluster.put(PROVIDERS, a_provider(name="voice", default_audio_model="v2", default_audio_voice="aria"))
    world.cluster.put(PROVIDERS, a_provider(namespace="other", name="theirs", default_image_model="x"))
    assert (await create(world, MINIMAL))[0] == 202
    assert created(world)["spec"]["defaults"] == {
        "image": {"providerRef": {"name": "flux"}, "model": "flux-dev"},
        "audio": {"providerRef": {"name": "voice"}, "model": "v2", "voice": "aria"},
    }


async def test_without_any_provider_the_caller_is_told_what_to_do(world: World) -> None:
    code, answer = await create(world, MINIMAL)
    assert (code, answer["error"]["field"]) == (422, "image.provider")
    assert "storyjob.dev/default-image-model" in answer["error"]["message"]
    assert world.cluster.writes == 0


async def test_two_marked_providers_are_not_chosen_between(world: World) -> None:
    for name in ("flux", "flux2"):
        world.cluster.put(PROVIDERS, a_provider(name=name, default_image_model="m"))
    code, answer = await create(world, MINIMAL)
    assert code == 422
    assert "flux, flux2" in answer["error"]["message"]
    assert (await create(world, MINIMAL | MAKERS | {"image": {"provider": "flux2"}}))[0] == 202


async def test_a_named_provider_without_a_model_asks_for_one(world: World) -> None:
    code, answer = await create(world, STORY | {"image": {"provider": "flux"}})
    assert (code, answer["error"]["field"]) == (422, "image.model")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        pytest.param("{", 400, None, id="not JSON"),
        pytest.param("[" * 500_000, 400, None, id="a JSON bomb"),
        pytest.param([], 422, None, id="not an object"),
        pytest.param({"title": "x"}, 422, "scenes", id="no scenes"),
        pytest.param({"title": "x", "scenes": []}, 422, "scenes", id="empty scenes"),
        pytest.param(STORY | {"title": ""}, 422, "title", id="empty title"),
        pytest.param(STORY | {"scenes": [{"narration": "x"}]}, 422, "scenes[0]", id="nothing to see"),
        pytest.param(STORY | {"scenes": [{"prompt": "x", "promt": "y"}]}, 422, "scenes[0].promt", id="a typing error"),
        pytest.param(STORY | {"scenes": [{"prompt": "x" * 4001}]}, 422, "scenes[0].prompt", id="too long"),
        pytest.param(STORY | {"namespace": "../kube-system"}, 422, "namespace", id="path trick in the namespace"),
        pytest.param(
            STORY | {"scenes": [{"name": "a", "prompt": "x"}, {"name": "a", "prompt": "y"}]},
            422,
            "scenes[1].name",
            id="one name twice",
        ),
        pytest.param(STORY | {"defaults": {"stile": "x"}}, 422, "defaults.stile", id="an unknown default"),
        pytest.param(
            STORY | {"defaults": {"image": {"providerRef": {"name": "a", "x": 1}}}},
            422,
            "defaults.image.providerRef.x",
            id="an unknown nested default",
        ),
        pytest.param(STORY | {"defaults": {"seed": -1}}, 422, "defaults.seed", id="a wrong default"),
    ],
)
async def test_a_wrong_request_is_refused_with_the_field(world: World, body: Any, code: int, field: str | None) -> None:
    got, answer = await create(world, body)
    assert (got, answer["error"].get("field")) == (code, field)
    assert world.cluster.writes == 0


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer a b", "Bearer ä"])
async def test_without_a_token_nothing_is_done(world: World, header: str) -> None:
    for method, path in (("POST", "/create-story"), ("GET", "/status?jobId=default.x")):
        headers = {"Authorization": header}
        async with world.http.request(method, world.internal + path, headers=headers, json=STORY) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (world.cluster.writes, world.cluster.reads, world.cluster.tokens) == (0, 0, [])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(Unauthorized("POST /apis/x: 401 Unauthorized"), 401, id="a wrong token"),
        pytest.param(Forbidden("POST /apis/x: 403 may not"), 403, id="not allowed"),
        pytest.param(NotFound("POST /apis/x: 404 no namespace"), 404, id="no such namespace"),
        pytest.param(Conflict("POST /apis/x: 409 exists"), 409, id="exists"),
        pytest.param(Invalid("POST /apis/x: 422 spec.title: too long", field="spec.title"), 422, id="invalid"),
        pytest.param(Unavailable("POST /apis/x: timeout"), 503, id="no answer"),
    ],
)
async def test_the_api_servers_refusal_is_passed_on(world: World, error: Exception, code: int) -> None:
    world.cluster.fails["create"] = error
    got, answer = await create(world, STORY)
    assert got == code
    assert "/apis/x" not in answer["error"]["message"]
    assert answer["error"].get("field") == getattr(error, "field", None)


async def test_the_same_key_and_request_is_the_same_story(world: World) -> None:
    first = await create(world, STORY, key="order 4711")
    again = await create(world, STORY, key="order 4711")
    assert first == (202, {"jobId": first[1]["jobId"], "status": "pending"})
    assert again == (200, first[1])
    assert len(world.cluster.objects["storyjobs"]) == 1


async def test_the_same_key_with_another_request_is_refused(world: World) -> None:
    await create(world, STORY, key="order 4711")
    code, answer = await create(world, STORY | {"title": "Another"}, key="order 4711")
    assert (code, answer["error"]["code"]) == (422, "IdempotencyKeyReused")


async def test_other_keys_make_other_stories(world: World) -> None:
    for key in ("a", "b", None, None):
        assert (await create(world, STORY, key=key))[0] == 202
    assert len(world.cluster.objects["storyjobs"]) == 4


async def test_a_namespace_that_is_not_served_is_refused(world: World) -> None:
    world.sidecar.stories._namespaces = frozenset({"tales"})
    code, answer = await create(world, STORY)
    assert (code, answer["error"]["field"]) == (422, "namespace")


STATUS = {
    "observedGeneration": 1,
    "phase": "Processing",
    "progress": 62,
    "message": "11 of 20 scenes",
    "steps": {"image": {"total": 20, "succeeded": 18}, "audio": {"total": 20, "succeeded": 7}},
    "cost": {"estimated": "3.10", "spent": "1.42"},
}


def a_story(world: World, **fields: Any) -> None:
    metadata = {"namespace": "default", "name": "fox", "uid": "u", "generation": 1}
    story = {
        "metadata": metadata | {"creationTimestamp": "2026-01-01T00:00:00Z"} | fields.pop("metadata", {}),
        "spec": {"scenes": [{"name": "a", "image": {"prompt": "x"}}]},
        "status": STATUS | fields,
    }
    world.cluster.put(STORYJOBS, story)


async def test_how_far_a_story_is(world: World) -> None:
    a_story(world)
    assert await status(world, "default.fox", token="mine") == (
        200,
        {
            "jobId": "default.fox",
            "status": "processing",
            "phase": "Processing",
            "progress": 62,
            "message": "11 of 20 scenes",
            "images": {"done": 18, "total": 20},
            "narrations": {"done": 7, "total": 20},
            "videos": {"done": 0, "total": 0},
            "cost": {"currency": "USD", "estimated": "3.10", "spent": "1.42"},
            "error": None,
            "result": {"film": None, "manifest": None, "captions": None, "poster": None},
        },
    )
    assert world.cluster.tokens == ["mine"]


async def test_a_new_story_is_pending_and_shows_what_it_will_make(world: World) -> None:
    a_story(world, observedGeneration=-1, phase=None, progress=0, steps={}, message=None)
    _, answer = await status(world, "default.fox")
    assert (answer["status"], answer["images"]) == ("pending", {"done": 0, "total": 1})


@pytest.mark.parametrize(
    ("phase", "generation", "word"),
    [
        ("Pending", 1, "pending"),
        ("Suspended", 1, "pending"),
        ("Processing", 1, "processing"),
        ("Finalizing", 1, "processing"),
        ("Completed", 1, "completed"),
        ("Failed", 1, "failed"),
        pytest.param("Completed", 2, "processing", id="edited after it was completed"),
        pytest.param("Failed", 2, "processing", id="edited after it had failed"),
    ],
)
async def test_a_phase_in_one_word(world: World, phase: str, generation: int, word: str) -> None:
    a_story(world, phase=phase, metadata={"generation": generation})
    assert (await status(world, "default.fox"))[1]["status"] == word


async def test_a_failed_story_says_why(world: World) -> None:
    failed = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "it took too long"}
    a_story(world, phase="Failed", conditions=[failed | {"lastTransitionTime": "2026-01-01T00:00:00Z"}])
    assert (await status(world, "default.fox"))[1]["error"] == "it took too long"


async def test_a_completed_story_says_where_the_film_is(world: World) -> None:
    film = {"uri": "s3://b/film.mp4", "sha256": "0", "bytes": 1}
    a_story(world, phase="Completed", outputs={"film": film})
    _, answer = await status(world, "default.fox")
    assert answer["result"] == {"film": "s3://b/film.mp4", "manifest": None, "captions": None, "poster": None}


async def test_an_unknown_story_is_not_found(world: World) -> None:
    code, answer = await status(world, "default.nothing")
    assert (code, answer["error"]["code"]) == (404, "NotFound")


@pytest.mark.parametrize("job_id", ["", "fox", ".fox", "default.", "a/b.c", "default.../secrets", "default.x/status"])
async def test_a_job_id_cannot_be_a_path(world: World, job_id: str) -> None:
    code, answer = await status(world, job_id)
    assert (code, answer["error"]["field"]) == (400, "jobId")
    assert world.cluster.reads == 0
