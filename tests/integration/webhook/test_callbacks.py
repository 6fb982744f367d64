"""Callbacks against a real API server: recorded once, by one patch that only ever hits the attempt it is about."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from storyjob.api.outcome import Callback
from storyjob.api.step import StepKind
from storyjob.cluster.errors import TestFailed
from storyjob.cluster.resources import SCENES
from storyjob_webhook.recorder import operations
from support.callbacks import Job, a_signing_secret

World = Any


async def test_a_callback_reaches_the_scene(world: World) -> None:
    job = await world.running("fox-forest-00000001")
    before = world.own.writes
    assert await world.call(job) == 200
    recorded = await world.callback_of(job)
    assert (recorded["tokenHash"], recorded["jobId"]) == (job.token_hash, "job1")
    assert await world.call(job) == 200
    assert world.own.writes == before + 1


async def test_twenty_deliveries_at_once_are_one_write(world: World) -> None:
    job = await world.running("fox-forest-00000002")
    before = world.own.writes
    assert await asyncio.gather(*(world.call(job) for _ in range(20))) == [200] * 20
    assert world.own.writes == before + 1


async def test_the_operators_fields_are_left_alone(world: World) -> None:
    job = await world.running("fox-forest-00000003")
    await world.call(job)
    step = (await world.admin.get(SCENES, job.namespace, job.scene))["status"]["steps"]["image"]
    assert step.pop("callback")
    assert step.items() >= job.step_status().items()


async def test_a_new_attempt_closes_the_door_behind_the_old_one(world: World) -> None:
    old = await world.running("fox-forest-00000004")
    new = Job(namespace=old.namespace, scene=old.scene, uid=old.uid, job_id="job2")
    await world.set_step(new)
    assert await world.call(new) == 200
    before = world.own.writes
    assert await world.call(old) == 403
    assert world.own.writes == before
    assert (await world.callback_of(new))["tokenHash"] == new.token_hash


async def test_the_patch_itself_refuses_an_older_attempt_and_another_scene(world: World) -> None:
    job = await world.running("fox-forest-00000005")
    other = Job()
    for uid, token_hash in ((other.uid, job.token_hash), (job.uid, other.token_hash)):
        patch = operations(uid, StepKind.IMAGE, token_hash, Callback("evt", "evil"), datetime.now(UTC))
        with pytest.raises(TestFailed):
            await world.own.json_patch(SCENES, job.namespace, job.scene, patch, subresource="status")
    assert await world.callback_of(job) is None


async def test_a_deleted_scene_is_unknown(world: World) -> None:
    job = await world.running("fox-forest-00000006")
    await world.admin.delete(SCENES, job.namespace, job.scene, uid=job.uid)
    assert await world.call(job) in (404, 410)


async def test_a_flood_of_strangers_writes_nothing_while_honest_callbacks_arrive(world: World) -> None:
    honest = [await world.running(f"fox-{number}-0000000f") for number in range(10)]
    victim = await world.running("fox-victim-0000000f")
    before = world.own.writes
    forged = a_signing_secret()
    flood = [world.call(victim, url=f"{victim.path}?token={number:032x}") for number in range(150)]
    flood += [world.call(Job()) for _ in range(150)]
    flood += [world.call(victim, secret=forged) for _ in range(100)]
    strangers = asyncio.gather(*flood)
    assert await asyncio.gather(*(world.call(job) for job in honest)) == [200] * 10
    assert set(await strangers) <= {401, 403, 404, 503}
    assert world.own.writes == before + len(honest)
    assert await world.callback_of(victim) is None
