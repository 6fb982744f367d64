"""Bodies take a bounded number of places and bytes, and whoever fills their own share keeps nobody else out."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest

from storyjob.cluster.resources import PROVIDERS, SECRETS
from storyjob_webhook import bodies
from support.callbacks import Job, a_provider, keys_secret

World = Any
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def begin(world: World, job: Job, body: bytes = b"") -> Connection:
    """Begin a body that does not end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.ports.public)
    length = bodies.MAX_BODY
    writer.write(f"POST {job.url} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode() + body)
    await writer.drain()
    return reader, writer


def held(world: World) -> tuple[int, int]:
    """Return how many readers and bytes there are."""
    found = world.sidecar.callbacks._bodies
    return found._readers["*"], found._bytes["*"]


async def answer(connection: Connection) -> bytes:
    return await asyncio.wait_for(connection[0].readline(), 20)


@pytest.fixture
def other_tenant(world: World) -> Job:
    """A job in another namespace, with a provider of its own."""
    provider = a_provider(namespace="lake")
    world.cluster.put(PROVIDERS, provider | {"metadata": provider["metadata"] | {"uid": "uid-of-lake"}})
    keys = {uid: [world.secret] for uid in ("uid-of-flux", "uid-of-lake")}
    world.cluster.put(SECRETS, keys_secret("storyjob-system", keys))
    job: Job = world.running(namespace="lake")
    return job


@pytest.mark.parametrize("share", ["PER_SENDER", "PER_TENANT"])
async def test_slow_bodies_take_up_their_share_and_no_more(
    world: World, other_tenant: Job, share: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bodies, share, 3)
    victim = world.running()
    slow = [await begin(world, victim) for _ in range(3)]
    await world.until(lambda: held(world)[0] == 3)
    late = await begin(world, victim)
    assert (await answer(late)).startswith(b"HTTP/1.1 503 ")
    assert (await world.call(other_tenant))[0] == 200
    for _, writer in (*slow, late):
        writer.close()
    await world.until(lambda: held(world) == (0, 0))
    assert (await world.call(victim))[0] == 200


async def test_large_bodies_take_up_their_tenants_bytes_and_no_more(
    world: World, other_tenant: Job, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bodies, "TENANT_BYTES", 200_000)
    victim = world.running()
    first = await begin(world, victim, b"x" * 150_000)
    await world.until(lambda: held(world)[1] == 150_000 - bodies.FREE)
    second = await begin(world, victim, b"x" * 150_000)
    assert (await answer(second)).startswith(b"HTTP/1.1 503 ")
    # What is small is taken all the same, and another tenant has bytes of their own.
    assert (await world.call(world.running(scene="fox-lake-00000000")))[0] == 200
    large = json.dumps({"id": other_tenant.job_id, "logs": "x" * 150_000}).encode()
    assert (await world.call(other_tenant, body=large))[0] == 200
    for _, writer in (first, second):
        writer.close()
    await world.until(lambda: held(world) == (0, 0))


async def test_a_sender_who_hangs_up_in_the_middle_is_no_news(world: World, caplog: Any) -> None:
    _, writer = await begin(world, world.running(), b"x" * 100)
    await world.until(lambda: held(world)[0] == 1)
    writer.close()
    await world.until(lambda: held(world) == (0, 0))
    assert not [record for record in caplog.records if record.name.startswith("storyjob_webhook")]


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(b"[" + b"[]," * 1_000_000 + b"1]", id="a million lists"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="objects in objects"),
        pytest.param(b'{"id": ' + b"9" * 1_000_000 + b"}", id="a number of a million digits"),
        pytest.param(b'{"id": "' + "🦊".encode() * 2_000_000, id="a string without an end"),
        pytest.param(b'{"' + b'","'.join([b"x" * 4000] * 500) + b'"}', id="many long strings"),
        pytest.param(b'{"id": "' + b"\\u0000" * 1_000_000, id="escapes without an end"),
    ],
)
async def test_a_genuine_bomb_is_refused_before_it_is_unpacked(world: World, bomb: bytes) -> None:
    job = world.running()
    status, said = await world.call(job, body=bomb)
    assert (status, said["error"]["code"]) == (401, "SignatureWrong")
    assert world.cluster.writes == 0


async def test_of_a_name_twice_the_last_one_counts_and_harms_nobody(world: World) -> None:
    job = world.running()
    assert await world.call(job, body=b'{"id": "job1", "id": "evil"}') == (200, {"status": "ignored"})
    assert world.cluster.writes == 0


async def test_a_story_may_not_be_larger_than_the_api_server_takes(world: World) -> None:
    headers = {"Authorization": "Bearer t0ken", "Content-Length": str(3 * 2**20)}
    async with world.http.post(
        world.internal + "/create-story", headers=headers, data=io.BytesIO(b"x" * 3 * 2**20)
    ) as said:
        assert said.status == 413
    assert world.cluster.tokens == ["t0ken"]
