"""What a provider is told of the story that it works for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from storyjob.ambient import now
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.outcome import Accepted, Submission
from storyjob.api.step import StepKind
from storyjob.cluster.cache import Key
from storyjob.planning.plan import Offer
from storyjob.planning.view import StepId
from storyjob.providers import fal
from storyjob.providers.base import Attempt, Provider, Request
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.purchase import _in_turn, _submit
from storyjob.reconcile.traffic import Traffic
from storyjob.reconcile.world import Caches, Gate, World
from support.builders import a_scene, a_story, an_offer, metadata, provider_spec
from support.virtual_time import run

TOKEN = "0123456789abcdef0123456789abcdef"


class Notebook:
    """A provider that keeps what it is told of an attempt."""

    capabilities = fal.CAPABILITIES

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        self.told = attempt
        return Accepted("abc")


async def told(*, priority: int, known: bool = True) -> Attempt:
    scene, world, notebook = a_scene(), SimpleNamespace(caches=Caches(), gate=Gate()), Notebook()
    world.desk = Desk(now())
    world.vendors = SimpleNamespace(trust=lambda key: None)
    world.settings = SimpleNamespace(callback_url="https://stories.example/")
    world.story_of = lambda scene: World.story_of(cast(World, world), scene)
    if known:
        world.caches.stories.put(a_story(priority=priority))
        world.caches.scenes.put(scene)
    world.gate.open = True
    provider = MediaProvider(metadata=metadata("fal"), spec=provider_spec("fal", timeoutSeconds=90))
    request, attempt = Request(StepKind.IMAGE, "a/b", "a fox"), AttemptRef.of(scene, StepKind.IMAGE)
    await _submit(cast(World, world), provider, cast(Provider, notebook), request, attempt, TOKEN)
    return notebook.told


@pytest.mark.parametrize("priority", [-3, 0, 5])
async def test_an_attempt_carries_all_that_the_provider_may_use(priority: int) -> None:
    url = f"https://stories.example/api/webhooks/job/uid-forest.image?token={TOKEN}"

    assert await told(priority=priority) == Attempt(TOKEN, url, 90, priority)


async def test_a_scene_whose_story_went_meanwhile_has_no_priority() -> None:
    assert (await told(priority=5, known=False)).priority == 0


STEP, NEXT = StepId("uid-forest", StepKind.IMAGE), StepId("uid-lake", StepKind.AUDIO)


@pytest.mark.parametrize(
    ("offer", "followed_by", "gives_way"),
    [
        pytest.param(an_offer("a/image"), None, True, id="nobody waits for it"),
        pytest.param(an_offer("a/image"), STEP, True, id="somebody waits for another"),
        pytest.param(replace(an_offer("a/image"), after=frozenset({STEP})), None, False, id="it was waiting itself"),
        pytest.param(an_offer("a/image"), an_offer("a/image").step, False, id="somebody waits for it"),
    ],
)
def test_a_purchase_gives_way_unless_others_wait_for_it(
    offer: Offer, followed_by: StepId | None, gives_way: bool
) -> None:
    world = SimpleNamespace(desk=Desk(now()), traffic=Traffic())
    if followed_by is not None:
        waiting = replace(an_offer("next/audio"), after=frozenset({followed_by}))
        world.desk.offers = {Key("stories", "voice"): {"uid-fox": [waiting]}}
    waited = False

    async def main() -> None:
        nonlocal waited
        world.traffic.go_first(NEXT, 5.0)
        before = asyncio.get_running_loop().time()
        await _in_turn(cast(World, world), offer)
        waited = asyncio.get_running_loop().time() > before

    run(main())
    assert waited is gives_way
