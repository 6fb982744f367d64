"""Genuine callbacks are recorded, once, and the vendor always gets the answer that makes it do the right thing."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storyjob.cluster.errors import Conflict, Forbidden, Unavailable
from storyjob.cluster.resources import PROVIDERS, SCENES, SECRETS
from storyjob_webhook import keys, recorder
from support.callbacks import Job, a_jwks, a_provider, a_signing_secret, keys_secret, signed, signed_by_fal
from support.declared import example
from support.services.studio import SIGNING, sign

World = Any


async def test_a_callback_is_recorded_with_the_job_id(world: World) -> None:
    job = world.running(phase="Submitting", job_id=None)
    assert await world.call(job, body=b'{"id": "abc"}') == (200, {"status": "recorded"})
    recorded = world.callback_of(job)
    assert (recorded["tokenHash"], recorded["jobId"]) == (job.token_hash, "abc")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", recorded["at"])
    assert world.cluster.writes == 1


async def test_the_same_callback_again_writes_nothing(world: World) -> None:
    job = world.running()
    await world.call(job)
    assert await world.call(job) == (200, {"status": "duplicate"})
    assert world.cluster.writes == 1


async def test_duplicates_at_the_same_time_share_one_write(world: World) -> None:
    job = world.running()
    world.cluster.patching.clear()
    calls = [asyncio.create_task(world.call(job)) for _ in range(10)]
    await world.until(lambda: world.cluster.writes)
    world.cluster.patching.set()
    answers = await asyncio.gather(*calls)
    assert {status for status, _ in answers} == {200}
    assert [answer["status"] for _, answer in answers].count("recorded") == 1
    assert world.cluster.writes == 1


async def test_a_callback_that_is_faster_than_the_watch_waits_for_it(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("storyjob_webhook.scenes.WAIT_SECONDS", 30)
    job = Job()
    call = asyncio.create_task(world.call(job))
    await world.until(lambda: world.sidecar.scenes.waiting)
    world.cluster.put(SCENES, job.item())
    assert await call == (200, {"status": "recorded"})


async def test_a_callback_of_a_new_attempt_waits_until_the_watch_shows_it(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("storyjob_webhook.scenes.WAIT_SECONDS", 30)
    before = world.running()
    after = Job(uid=before.uid)
    call = asyncio.create_task(world.call(after))
    await world.until(lambda: world.sidecar.scenes.waiting)
    world.cluster.put(SCENES, after.item())
    assert await call == (200, {"status": "recorded"})


@pytest.mark.parametrize(
    ("phase", "job_id", "expected"),
    [
        pytest.param("Succeeded", "job1", "ignored", id="a finished attempt has nothing to learn"),
        pytest.param("Succeeded", None, "ignored", id="a finished synchronous attempt neither"),
        pytest.param("Failed", "job1", "ignored", id="a failed attempt whose job is known neither"),
        pytest.param("Failed", None, "recorded", id="a failed attempt may learn what job it had"),
        pytest.param("OutcomeUnknown", None, "recorded", id="an unknown outcome is resolved"),
        pytest.param("Storing", "job1", "recorded", id="a late callback while storing"),
    ],
)
async def test_what_is_recorded(world: World, phase: str, job_id: str | None, expected: str) -> None:
    job = world.running(phase=phase, job_id=job_id)
    assert await world.call(job, body=b'{"id": "job1"}') == (200, {"status": expected})
    assert world.cluster.writes == (expected == "recorded")


async def test_a_job_id_is_added_to_a_callback_that_had_none(world: World) -> None:
    job = world.running(phase="OutcomeUnknown", job_id=None)
    await world.call(job, body=b"{}")
    await world.call(job, body=b'{"id": "abc"}')
    assert world.callback_of(job)["jobId"] == "abc"
    assert world.cluster.writes == 2


async def test_a_callback_about_another_job_is_ignored(world: World) -> None:
    job = world.running(job_id="job1")
    assert await world.call(job, body=b'{"id": "other"}') == (200, {"status": "ignored"})
    assert world.cluster.writes == 0


async def test_an_attempt_that_ended_behind_our_back_is_gone(world: World) -> None:
    job = world.running()
    newer = Job(uid=job.uid).item()
    world.cluster.objects["scenes"][(job.namespace, job.scene)] = newer
    status, answer = await world.call(job)
    assert (status, answer["error"]["code"]) == (410, "Superseded")
    assert "callback" not in newer["status"]["steps"]["image"]


async def test_a_scene_of_the_same_name_but_another_uid_is_not_touched(world: World) -> None:
    job = world.running()
    reborn = job.item() | {"metadata": job.item()["metadata"] | {"uid": "another"}}
    world.cluster.objects["scenes"][(job.namespace, job.scene)] = reborn
    assert (await world.call(job))[0] == 410
    assert "callback" not in reborn["status"]["steps"]["image"]


async def test_a_deleted_scene_is_unknown(world: World) -> None:
    job = world.running()
    await world.call(job)
    world.cluster.tell(SCENES, "DELETED", job.item())
    status, answer = await world.call(job)
    assert (status, answer["error"]["code"]) == (404, "JobUnknown")


@pytest.mark.parametrize("error", [Unavailable("down"), Forbidden("no"), Conflict("busy")], ids=lambda e: str(e))
async def test_what_could_not_be_recorded_is_asked_for_again(world: World, error: Exception) -> None:
    job = world.running()
    world.cluster.fails["json_patch"] = error
    status, answer = await world.call(job)
    assert (status, answer["error"]["code"]) == (503, "NotRecorded")
    world.cluster.fails.clear()
    assert await world.call(job) == (200, {"status": "recorded"})


async def test_without_a_known_key_the_vendor_is_asked_to_come_back(world: World, caplog: Any) -> None:
    world.cluster.put(PROVIDERS, a_provider(name="second"))
    job = world.running(provider="second")
    for _ in range(3):
        assert (await world.call(job))[0] == 503
    assert caplog.text.count("no signing secret is known") == 1


async def test_a_provider_that_does_not_sign_needs_no_key(world: World) -> None:
    world.cluster.put(PROVIDERS, a_provider(name="dream", type_="luma"))
    job = world.running(phase="Submitting", job_id=None, provider="dream")
    reads = world.cluster.reads
    assert await world.call(job, body=b'{"id": "abc", "state": "dreaming"}', headers={}) == (
        200,
        {"status": "recorded"},
    )
    assert (world.callback_of(job)["jobId"], world.callback_of(job)["ended"]) == ("abc", False)
    assert await world.call(job, body=b'{"id": "abc", "state": "completed"}', headers={}) == (
        200,
        {"status": "recorded"},
    )
    assert world.callback_of(job)["ended"] is True
    assert world.cluster.reads == reads


async def test_a_service_of_somebody_s_own_signs_as_it_says(world: World) -> None:
    provider = a_provider(name="studio", type_="http")
    provider["spec"]["http"] = example("webhook")["spec"]["http"]
    world.cluster.put(PROVIDERS, provider)
    world.cluster.put(SECRETS, keys_secret("storyjob-system", {"uid-of-studio": [SIGNING]}))
    job = world.running(phase="Submitting", job_id=None, provider="studio")
    body = b'{"id": "job-1", "state": "working"}'
    forged = await world.call(job, body=body, headers={"X-Signature": f"sha256={sign('another', body)}"})
    genuine = await world.call(job, body=body, headers={"X-Signature": f"sha256={sign(SIGNING, body)}"})
    assert (forged[0], genuine) == (401, (200, {"status": "recorded"}))
    assert (world.callback_of(job)["jobId"], world.callback_of(job)["ended"]) == ("job-1", False)


async def test_a_callback_signed_by_fal_is_recorded(world: World) -> None:
    key = Ed25519PrivateKey.generate()
    world.cluster.put(PROVIDERS, a_provider(name="fal", type_="fal"))
    world.cluster.put(SECRETS, keys_secret("storyjob-system", {"uid-of-fal": [a_jwks(key)]}))
    job = world.running(phase="Submitting", job_id=None, provider="fal")
    body = b'{"request_id": "abc", "status": "OK", "payload": {}}'
    assert await world.call(job, body=body, headers=signed_by_fal(key, body)) == (200, {"status": "recorded"})
    assert world.callback_of(job)["jobId"] == "abc"


async def test_a_missing_key_is_read_again_but_not_at_every_callback(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(keys, "MISSES", 0)
    world.cluster.put(PROVIDERS, a_provider(name="second"))
    job = world.running(provider="second")
    await world.call(job)
    reads = world.cluster.reads
    await world.call(job)
    assert world.cluster.reads == reads
    monkeypatch.setattr(keys, "REREAD_SECONDS", 0)
    world.cluster.put(SECRETS, keys_secret("storyjob-system", {"uid-of-second": [world.secret]}))
    assert (await world.call(job))[0] == 200


async def test_a_changed_key_is_found_when_the_old_one_fails(world: World, monkeypatch: Any) -> None:
    job = world.running()
    await world.call(job)
    monkeypatch.setattr(keys, "REREAD_SECONDS", 0)
    new = a_signing_secret()
    world.cluster.put(SECRETS, keys_secret("storyjob-system", {"uid-of-flux": [world.secret, new]}))
    assert (await world.call(job, headers=signed(new, job.body())))[0] == 200


async def test_a_withdrawn_key_is_not_believed_for_ever(world: World, monkeypatch: Any) -> None:
    job = world.running()
    await world.call(job)
    monkeypatch.setattr(keys, "MAX_AGE_SECONDS", 0)
    world.cluster.put(SECRETS, keys_secret("storyjob-system", {"uid-of-flux": [a_signing_secret()]}))
    assert (await world.call(job))[0] == 401


async def test_when_the_api_server_is_behind_new_callbacks_are_asked_to_come_back(
    world: World, monkeypatch: Any
) -> None:
    monkeypatch.setattr(recorder, "WAITING", 1)
    world.cluster.patching.clear()
    first, second = world.running(), world.running(scene="fox-lake-00000000")
    call = asyncio.create_task(world.call(first))
    await world.until(lambda: world.cluster.writes)
    status, answer = await world.call(second)
    assert (status, answer["error"]["code"]) == (503, "Busy")
    world.cluster.patching.set()
    assert (await call)[0] == 200


async def test_a_callback_is_counted_by_provider_type_and_result(world: World) -> None:
    job = world.running()
    await world.call(job)
    await world.call(job, url=job.path + "?token=" + "0" * 32)
    text = await world.metrics()
    assert 'storyjob_webhook_callbacks_total{provider="replicate",result="recorded"} 1.0' in text
    assert 'storyjob_webhook_callbacks_total{provider="",result="TokenWrong"} 1.0' in text
    assert "storyjob_webhook_patch_seconds_count 1.0" in text
    assert 'storyjob_webhook_requests_total{port="public",status="403"} 1.0' in text


async def test_the_end_is_recorded_after_the_beginning_was(world: World) -> None:
    job = world.running(phase="Submitting", job_id=None)
    assert await world.call(job, body=b'{"id": "job1", "status": "starting"}') == (200, {"status": "recorded"})
    assert world.callback_of(job)["ended"] is False
    assert await world.call(job, body=b'{"id": "job1", "status": "succeeded"}') == (200, {"status": "recorded"})
    assert world.callback_of(job)["ended"] is True


async def test_the_beginning_of_a_job_on_record_writes_nothing(world: World) -> None:
    job = world.running(phase="Running", job_id="job1")
    assert await world.call(job, body=b'{"id": "job1", "status": "processing"}') == (200, {"status": "ignored"})
    assert world.cluster.writes == 0


async def test_a_beginning_that_comes_after_the_end_writes_nothing(world: World) -> None:
    job = world.running(phase="Submitting", job_id=None)
    await world.call(job, body=b'{"id": "job1", "status": "succeeded"}')
    assert (await world.call(job, body=b'{"id": "job1", "status": "starting"}'))[1] == {"status": "duplicate"}
    assert world.cluster.writes == 1


async def test_a_beginning_that_waited_while_the_id_was_recorded_writes_nothing(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("storyjob_webhook.scenes.WAIT_SECONDS", 0.01)
    monkeypatch.setattr(recorder, "TURN_SECONDS", 30)
    job = world.running(phase="Submitting", job_id=None)
    turns = world.sidecar._recorder._turns
    for _ in range(recorder.PATCHES):
        await turns.acquire()
    call = asyncio.create_task(world.call(job, body=b'{"id": "job1", "status": "starting"}'))
    await world.until(lambda: world.sidecar._recorder._under_way)
    known = Job(uid=job.uid, token=job.token, phase="Running", job_id="job1")
    world.cluster.put(SCENES, known.item())
    await world.until(lambda: world.sidecar.scenes.get(job.uid).attempts["image"].job_id)
    turns.release()
    assert await call == (200, {"status": "ignored"})
    assert world.cluster.writes == 0
