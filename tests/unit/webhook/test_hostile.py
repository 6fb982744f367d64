"""Strangers cannot write, cannot stop the sidecar, and cannot keep honest callbacks out."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from storyjob.cluster.resources import PROVIDERS
from storyjob_webhook import bodies, scenes
from support.callbacks import Job, a_provider, a_signing_secret, signed

World = Any


async def refused(world: World, job: Job, expected: int, **options: Any) -> str:
    status, answer = await world.call(job, **options)
    assert status == expected
    assert world.cluster.writes == 0
    return str(answer["error"]["code"])


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="no token"),
        pytest.param("?token=", id="empty token"),
        pytest.param("?token=" + "0" * 32, id="wrong token"),
        pytest.param("?token=" + "A" * 32, id="capital letters"),
        pytest.param("?token=" + "0" * 31, id="too short"),
        pytest.param("?token=" + "0" * 2000, id="too long"),
        pytest.param("?token=%00" + "0" * 31, id="null byte"),
        pytest.param("?token=٠" + "0" * 31, id="digits of another script"),
    ],
)
async def test_without_the_token_nothing_happens(world: World, query: str) -> None:
    job = world.running()
    assert await refused(world, job, 403, url=job.path + query) == "TokenWrong"


async def test_two_tokens_are_none(world: World) -> None:
    job = world.running()
    assert await refused(world, job, 403, url=f"{job.url}&token={'0' * 32}") == "TokenWrong"


async def test_another_scenes_token_does_not_fit(world: World) -> None:
    job, other = world.running(), world.running(scene="fox-lake-00000000")
    assert await refused(world, job, 403, url=f"{job.path}?token={other.token}") == "TokenWrong"


async def test_another_steps_token_does_not_fit(world: World) -> None:
    job = world.running()
    audio = f"/api/webhooks/job/{job.uid}.audio?token={job.token}"
    assert await refused(world, job, 403, url=audio) == "TokenWrong"


async def test_the_tokens_own_hash_is_no_token(world: World) -> None:
    job = world.running()
    assert await refused(world, job, 403, url=f"{job.path}?token={job.token_hash}") == "TokenWrong"


async def test_an_unknown_scene_is_not_found(world: World) -> None:
    assert await refused(world, Job(), 404) == "JobUnknown"


async def test_a_wrong_signature_is_refused(world: World) -> None:
    job = world.running()
    headers = signed(a_signing_secret(), job.body())
    assert await refused(world, job, 401, headers=headers) == "SignatureWrong"


async def test_a_missing_signature_is_refused(world: World) -> None:
    assert await refused(world, world.running(), 401, headers={}) == "SignatureWrong"


async def test_a_changed_body_is_refused(world: World) -> None:
    job = world.running()
    headers = signed(world.secret, job.body())
    assert await refused(world, job, 401, headers=headers, body=b'{"id": "evil"}') == "SignatureWrong"


async def test_an_old_callback_cannot_be_replayed(world: World) -> None:
    job = world.running()
    headers = signed(world.secret, job.body(), at=1_600_000_000)
    assert await refused(world, job, 401, headers=headers) == "SignatureWrong"


async def test_a_provider_that_never_calls_is_not_believed(world: World) -> None:
    world.cluster.put(PROVIDERS, a_provider(name="voice", type_="elevenlabs"))
    assert await refused(world, world.running(provider="voice"), 401) == "NotExpected"


async def test_a_provider_that_does_not_sign_needs_the_token_all_the_same(world: World) -> None:
    world.cluster.put(PROVIDERS, a_provider(name="dream", type_="luma"))
    job = world.running(provider="dream")
    assert await refused(world, job, 403, url=job.path + "?token=" + "0" * 32, headers={}) == "TokenWrong"


async def test_an_unsigned_callback_that_is_no_json_is_refused(world: World) -> None:
    world.cluster.put(PROVIDERS, a_provider(name="dream", type_="luma"))
    assert await refused(world, world.running(provider="dream"), 401, headers={}, body=b"<html>") == "SignatureWrong"


async def test_a_provider_of_another_namespace_does_not_count(world: World) -> None:
    assert await refused(world, world.running(namespace="tenant-b"), 503) == "ProviderUnknown"


async def test_wrong_signatures_do_not_make_us_ask_for_the_keys_each_time(world: World) -> None:
    job = world.running()
    for _ in range(20):
        await refused(world, job, 401, headers=signed(a_signing_secret(), job.body()))
    assert world.cluster.reads == 1


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/", id="root"),
        pytest.param("/api/webhooks/job/", id="no id"),
        pytest.param("/api/webhooks/job/{id}/", id="trailing slash"),
        pytest.param("/api/webhooks/job/{id}/x", id="longer"),
        pytest.param("//api/webhooks/job/{id}", id="double slash"),
        pytest.param("/api/webhooks/job/..%2f{id}", id="encoded parent"),
        pytest.param("/api/webhooks/job/{id}%00", id="null byte"),
        pytest.param("/api/webhooks/job/{id}%0a", id="newline"),
        pytest.param("/api/webhooks/job/{uid}.image%2fstatus", id="subresource"),
        pytest.param("/api/webhooks/job/{uid}.tokenHash", id="not a step"),
        pytest.param("/api/webhooks/job/{uid}", id="no step"),
        pytest.param("/API/webhooks/job/{id}", id="capitals"),
        pytest.param("/create-story", id="the internal port's API"),
        pytest.param("/status", id="the internal port's status"),
        pytest.param("/metrics", id="the internal port's metrics"),
        pytest.param("/livez", id="the internal port's probes"),
    ],
)
async def test_other_paths_do_not_exist(world: World, path: str) -> None:
    job = world.running()
    target = path.format(id=f"{job.uid}.{job.step}", uid=job.uid) + f"?token={job.token}"
    answer = await raw(world, f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert world.cluster.writes == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
async def test_other_methods_are_not_allowed(world: World, method: str) -> None:
    job = world.running()
    answer = await raw(world, f"{method} {job.url} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert answer.split()[1] in (b"405", b"404", b"400")
    assert world.cluster.writes == 0


async def test_nothing_is_ever_redirected(world: World) -> None:
    job = world.running()
    for path in (f"{job.path}/?token={job.token}", "/api/webhooks/job", f"/api{job.path}?token={job.token}"):
        async with world.http.post(world.public + path, allow_redirects=False) as answer:
            assert answer.status == 404


async def test_the_answer_does_not_say_which_versions_run(world: World) -> None:
    async with world.http.get(world.public + "/") as answer:
        assert answer.headers["Server"] == "storyjob"


async def test_a_body_that_says_it_is_large_is_not_read(world: World) -> None:
    job = world.running()
    head = f"POST {job.url} HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n"
    assert (await raw(world, head)).startswith(b"HTTP/1.1 413 ")
    assert world.cluster.writes == 0


async def test_a_body_without_a_length_is_read_only_up_to_the_limit(world: World) -> None:
    job = world.running()
    head = f"POST {job.url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = "10000\r\n" + "x" * 2**16 + "\r\n"
    # It never ends, so only a reader that stops by itself can answer.
    assert (await raw(world, head + chunks * (bodies.MAX_BODY // 2**16 + 1))).startswith(b"HTTP/1.1 413 ")
    assert world.cluster.writes == 0


async def test_a_body_of_just_the_limit_is_taken(world: World) -> None:
    job = world.running()
    head, tail = job.body()[:-1] + b', "input": {"image": "data:image/png;base64,', b'"}}'
    body = head.ljust(bodies.MAX_BODY - len(tail), b"A") + tail
    assert await world.call(job, body=body) == (200, {"status": "recorded"})
    assert world.callback_of(job)["jobId"] == job.job_id


async def test_one_byte_more_is_not_taken(world: World) -> None:
    job = world.running()
    head = f"POST {job.url} HTTP/1.1\r\nHost: x\r\nContent-Length: {bodies.MAX_BODY + 1}\r\n\r\n"
    assert (await raw(world, head)).startswith(b"HTTP/1.1 413 ")
    assert world.cluster.writes == 0


async def test_a_packed_body_is_not_unpacked(world: World) -> None:
    job = world.running()
    headers = signed(world.secret, job.body()) | {"Content-Encoding": "gzip"}
    assert await world.call(job, headers=headers) == (200, {"status": "recorded"})


async def test_a_json_bomb_does_no_harm(world: World) -> None:
    job, bomb = world.running(), b"[" * 500_000
    assert await refused(world, job, 401, body=bomb) == "SignatureWrong"
    assert await world.call(job) == (200, {"status": "recorded"})


async def test_a_slow_body_is_cut_off(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)
    job = world.running()
    head = f"POST {job.url} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx"
    assert (await raw(world, head)).startswith(b"HTTP/1.1 408 ")
    assert world.cluster.writes == 0


async def test_a_broken_body_is_refused(world: World) -> None:
    job = world.running()
    head = f"POST {job.url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot a length\r\n"
    assert (await raw(world, head)).split()[1] == b"400"
    assert world.cluster.writes == 0


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("X: " + "x" * 20_000, id="a long header"),
        pytest.param("\r\n".join(f"X-{number}: x" for number in range(500)), id="many headers"),
        pytest.param("Content-Length: 1\r\nTransfer-Encoding: chunked", id="two lengths"),
    ],
)
async def test_strange_heads_are_refused(world: World, head: str) -> None:
    job = world.running()
    answer = await raw(world, f"POST {job.url} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n")
    assert answer.split()[1] == b"400"
    assert world.cluster.writes == 0


async def test_a_flood_writes_nothing_and_honest_callbacks_get_through(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(scenes, "WAIT_SECONDS", 0.3)
    honest = [world.running(scene=f"fox-{number}-00000000") for number in range(20)]
    target = world.running()
    wrong = [world.call(target, url=f"{target.path}?token={number:032x}") for number in range(200)]
    unknown = [world.call(Job()) for _ in range(200)]
    forged = [world.call(target, headers=signed(a_signing_secret(), target.body())) for _ in range(100)]
    flood = asyncio.gather(*wrong, *unknown, *forged)
    answers = await asyncio.gather(*(world.call(job) for job in honest))
    assert [status for status, _ in answers] == [200] * 20
    assert {status for status, _ in await flood} <= {401, 403, 404, 503}
    assert world.cluster.writes == len(honest)


async def test_more_strangers_than_may_wait_are_told_to_come_back(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(scenes, "WAITERS", 0)
    assert await refused(world, Job(), 503) == "Busy"


async def test_no_token_is_ever_logged(world: World, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    # The client of this test logs nothing of its own; asyncio's debug lines name no request.
    job = world.running()
    world.cluster.fails["json_patch"] = RuntimeError("a defect")
    assert (await world.call(job))[0] == 500
    world.cluster.fails.clear()
    await world.call(job)
    await world.call(job, headers={})
    await raw(world, f"POST {job.url} HTTP/9.9.9\r\n\r\n")
    await raw(world, f"P(ST {job.url} HTTP/1.1\r\nHost: x\r\n\r\n")
    await raw(world, f"POST {job.url} HTTP/1.1\r\nHo st{job.token}: x\r\n\r\n")
    assert "a defect" in caplog.text
    assert job.token not in caplog.text


async def raw(world: World, request: str) -> bytes:
    """Send bytes as they are and return the head of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.ports.public)
    try:
        writer.write(request.encode())
        return await asyncio.wait_for(reader.readline(), 20)
    finally:
        writer.close()
