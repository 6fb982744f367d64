"""A provider that refuses the account goes on when its Secret is another one, or when a person says so."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import cast

import httpx

from storyjob.ambient import now
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.outcome import Accepted, Failure, FailureKind, Rejected
from storyjob.api.reasons import Reason
from storyjob.cluster.cache import key_of
from storyjob.cluster.resources import SECRETS
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.halts import lift, lift_if_mended, note_answer, note_refusal
from storyjob.reconcile.vendors import Vendors
from storyjob.reconcile.world import World
from support.builders import metadata, provider_spec
from support.fake_cluster import FakeCluster

FLUX = MediaProvider(metadata=metadata("flux"), spec=provider_spec())
KEY = key_of(FLUX)
WRONG_KEY, EMPTY = Failure(FailureKind.UNAUTHORIZED, "invalid token"), Failure(FailureKind.QUOTA, "no credit")


class Stand:
    """As much of the world as halts need; the credentials are read from a cluster in memory."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.desk, self.vendors = Desk(now()), Vendors(self.cluster, httpx.AsyncClient(), ())
        self.world = cast(World, SimpleNamespace(desk=self.desk, vendors=self.vendors, enqueue=lambda *_: None))
        self.secret("wrong")

    def secret(self, value: str) -> None:
        meta = {"name": "keys", "namespace": "stories", "labels": {"storyjob.dev/credentials": "true"}}
        self.cluster.put(SECRETS, {"metadata": meta, "data": {"token": base64.b64encode(value.encode()).decode()}})

    async def looked_at(self) -> Reason | None:
        """Do what a reconcile of the provider does, and return what halts it then."""
        await self.vendors.refresh(FLUX)
        lift_if_mended(self.world, FLUX)
        halt = self.desk.halts.get(KEY)
        return halt.reason if halt else None


async def test_a_refused_key_halts_the_provider_until_the_secret_has_another() -> None:
    stand = Stand()
    await stand.looked_at()
    note_answer(stand.world, KEY, Rejected(WRONG_KEY))
    assert await stand.looked_at() is Reason.UNAUTHORIZED
    stand.secret("right")
    assert await stand.looked_at() is None


async def test_an_empty_account_does_not_care_for_the_secret() -> None:
    stand = Stand()
    await stand.looked_at()
    note_answer(stand.world, KEY, Rejected(EMPTY))
    assert await stand.looked_at() is Reason.QUOTA
    note_answer(stand.world, KEY, Accepted("job-1"))
    assert await stand.looked_at() is None


async def test_a_question_about_a_job_that_is_refused_halts_as_well() -> None:
    stand = Stand()
    await stand.looked_at()
    note_refusal(stand.world, KEY, WRONG_KEY)
    assert await stand.looked_at() is Reason.UNAUTHORIZED


async def test_trouble_of_another_kind_does_not_put_a_new_key_under_suspicion() -> None:
    stand = Stand()
    await stand.looked_at()
    note_answer(stand.world, KEY, Rejected(WRONG_KEY))
    stand.secret("right")
    await stand.vendors.refresh(FLUX)
    note_refusal(stand.world, KEY, Failure(FailureKind.UNAVAILABLE, "no answer"))
    assert await stand.looked_at() is None


async def test_a_person_lifts_it_and_the_same_key_is_tried_once_more() -> None:
    stand = Stand()
    await stand.looked_at()
    note_answer(stand.world, KEY, Rejected(WRONG_KEY))
    lift(stand.world, KEY)
    assert await stand.looked_at() is None
    note_answer(stand.world, KEY, Rejected(WRONG_KEY))
    assert await stand.looked_at() is Reason.UNAUTHORIZED
