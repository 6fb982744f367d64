"""The sidecar's process under attack: no step changes, no write is made, its memory stays small, the honest get in."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.assault import BOMB, WAVES, Target, at_once, knock
from support.besieged import RSS_LIMIT, Besieged, besieged
from support.callbacks import Job, a_signing_secret, signed
from support.controlplane import Cluster

SECONDS = 1.0
"""How long a wave goes on here; `tests/benchmarks/test_hostile.py` has more of each."""


@pytest.fixture(scope="module")
def siege(crds: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    namespace = crds.create_namespace("siege")
    with besieged(crds, namespace, tmp_path_factory.mktemp("siege")) as running:
        yield running
    crds.delete_namespace(namespace)


@pytest.fixture(scope="module")
def victim(siege: Besieged) -> Job:
    return siege.job()


def post(siege: Besieged, url: str, body: bytes, headers: dict[str, str]) -> int:
    with httpx.Client(trust_env=False, timeout=30.0) as http:
        return http.post(f"http://127.0.0.1:{siege.port}{url}", content=body, headers=headers).status_code


def request(line: str, *headers: str, body: str = "") -> bytes:
    return "\r\n".join((line, *headers, "", body)).encode()


def shots(job: Job, other: Job, secret: str) -> dict[str, bytes]:
    """Return single requests, none of which may come to anything."""
    body = job.body()
    genuine = [f"{name}: {value}" for name, value in signed(secret, body).items()]
    sized = (*genuine, f"Content-Length: {len(body)}", "Host: x")
    text, path, token = body.decode(), job.path, job.token
    unreserved = path.replace("/api", "/%61pi", 1).replace(".", "%2e").replace("-", "%2d")

    def to(url: str, *headers: str, method: str = "POST", version: str = "HTTP/1.1") -> bytes:
        return request(f"{method} {url} {version}", *sized, *headers, body=text)

    return {
        "double slash": to(f"/{job.url}"),
        "dots": to(f"/api/webhooks/job/../job/x/../{job.uid}?token={token}"),
        "parameters": to(f"{path};a=b?token={token}"),
        "encoded twice": to(f"{unreserved.replace('%', '%25')}?token={token}"),
        "another script's digits": to(f"{path}?token={token[:-1]}%D9%A0"),
        "another script's letters": to(f"/api/webhooks/job/{job.uid}.im%CE%B1ge?token={token}"),
        "a null byte": to(f"{path}%00?token={token}"),
        "backslashes": to(job.url.replace("/", "\\")),
        "an absolute address": to(f"http://x/create-story?token={token}"),
        "64 KiB of path": to(f"/api/webhooks/job/{'a' * 65536}?token={token}"),
        "64 KiB of query": to(f"{job.url}&x={'a' * 65536}"),
        "the token twice": to(f"{job.url}&token={token}"),
        "the token in a fragment": to(f"{path}#?token={token}"),
        "another scene's token": to(f"{path}?token={other.token}"),
        "another step": to(f"/api/webhooks/job/{job.uid}.audio?token={token}"),
        "an unknown scene": to(Job().url),
        "GET": to(job.url, method="GET"),
        "PATCH by header": to(job.url, "X-HTTP-Method-Override: POST", method="PUT"),
        "HTTP/3 in words": to(job.url, version="HTTP/3.0"),
        "two lengths": to(job.url, "Content-Length: 0"),
        "length and chunks": to(job.url, "Transfer-Encoding: chunked"),
        "chunks spelled wrong": request(
            f"POST {job.url} HTTP/1.1", *genuine, "Host: x", "Transfer-Encoding: xchunked", body=text
        ),
        "a folded header": to(job.url, "X-A: b\r\n Transfer-Encoding: chunked"),
        "a space before the colon": to(job.url, "Transfer-Encoding : chunked"),
        "a length with a sign": request(f"POST {job.url} HTTP/1.1", *genuine, "Content-Length: +5", "Host: x"),
        "1,000 headers": to(job.url, *(f"X-{number}: x" for number in range(1000))),
        "1 MiB of header": to(job.url, "X-A: " + "a" * 2**20),
        "two signatures": to(job.url, f"webhook-signature: v1,{'A' * 44}"),
        "an unknown expectation": to(job.url, "Expect: 200-ok"),
        "no HTTP at all": b"\x16\x03\x01" + bytes(range(256)) * 40,
        "an upgrade": request(f"GET {job.url} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"),
        "a proxy's request": request("CONNECT 127.0.0.1:443 HTTP/1.1", "Host: x"),
    }


def bodies(job: Job, secret: str) -> dict[str, tuple[bytes, dict[str, str]]]:
    """Return bodies for the right URL with the right token, none of which may come to anything."""
    body = job.body()

    def sealed(content: bytes, **headers: str) -> tuple[bytes, dict[str, str]]:
        return content, signed(secret, content) | headers

    return {
        "no signature": (body, {}),
        "a forged signature": (body, signed(a_signing_secret(), body)),
        "an old signature": (body, signed(secret, body, at=1_700_000_000)),
        "a signature from the future": (body, signed(secret, body, at=4_000_000_000)),
        "another body's signature": (body, signed(secret, b"{}")),
        "a form": (b"id=evil&status=succeeded", signed(secret, body)),
        "a JSON bomb": sealed(BOMB),
        "a deep JSON bomb": sealed(b"[" * 1_000_000),
        "a huge number": sealed(b'{"id": ' + b"9" * 500_000 + b"}"),
        "a gzip bomb": sealed(gzip.compress(bytes(50 * 2**20)), **{"Content-Encoding": "gzip"}),
        "a packed genuine body": sealed(gzip.compress(body), **{"Content-Encoding": "gzip"}),
        "not UTF-8": sealed(b'{"id": "\xff\xfe"}'),
        "100 MB": (b"x" * 100_000_000, signed(secret, body)),
    }


def test_no_single_request_changes_anything_or_costs_a_write(siege: Besieged, victim: Job) -> None:
    sent = shots(victim, siege.job(), siege.secret)
    version, writes = siege.version(victim), siege.patches()

    async def fire() -> dict[str, int]:
        answers = await asyncio.gather(*(knock(siege.port, at_once(data)) for data in sent.values()))
        return dict(zip(sent, answers, strict=True))

    answers = asyncio.run(fire())
    # 0: it was hung up on while it still sent.
    assert set(answers.values()) <= {0, 400, 401, 403, 404, 405, 417}
    assert (siege.version(victim), siege.patches()) == (version, writes)


def test_no_body_changes_anything_or_costs_a_write(siege: Besieged, victim: Job) -> None:
    version, writes = siege.version(victim), siege.patches()
    for what, (body, headers) in bodies(victim, siege.secret).items():
        try:
            status = post(siege, victim.url, body, headers)
        except httpx.TransportError:
            status = 413  # it was hung up on while it still sent
        assert status in (401, 413), what
    assert (siege.version(victim), siege.patches()) == (version, writes)


def test_a_body_that_ends_early_changes_nothing(siege: Besieged, victim: Job) -> None:
    version, writes = siege.version(victim), siege.patches()
    body = victim.body()
    headers = (f"{name}: {value}" for name, value in signed(siege.secret, body).items())
    head = request(f"POST {victim.url} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body) + 1}")

    async def hang_up() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", siege.port)
        writer.write(head + body)
        writer.write_eof()
        said = await reader.read()
        writer.close()
        return said

    assert b" 200 " not in asyncio.run(hang_up())
    assert (siege.version(victim), siege.patches()) == (version, writes)


def test_a_request_hidden_in_anothers_body_is_not_served(siege: Besieged, victim: Job) -> None:
    """What follows a refused body on the same connection must never be taken for a request of its own."""
    version, writes = siege.version(victim), siege.patches()
    body = victim.body()
    headers = (f"{name}: {value}" for name, value in signed(siege.secret, body).items())
    inner = request(
        f"POST {victim.url} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}", body=body.decode()
    )
    stranger = f"POST {victim.path}?token={'0' * 32} HTTP/1.1"
    outer = [
        request(stranger, "Host: x", f"Content-Length: {len(inner)}") + inner,
        request(stranger, "Host: x", f"Content-Length: {len(inner)}", "Transfer-Encoding: chunked")
        + b"0\r\n\r\n"
        + inner,
        request(stranger, "Host: x", "Content-Length: 0", f"Content-Length: {len(inner)}") + inner,
    ]

    async def send(data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", siege.port)
        writer.write(data)
        writer.write_eof()
        said = await reader.read()
        writer.close()
        return said

    for data in outer:
        assert b" 200 " not in asyncio.run(send(data))
    assert (siege.version(victim), siege.patches()) == (version, writes)


def test_expect_100_continue_is_answered_and_the_token_checked_all_the_same(siege: Besieged, victim: Job) -> None:
    version = siege.version(victim)
    head = request(
        f"POST {victim.path}?token={'0' * 32} HTTP/1.1", "Host: x", "Content-Length: 100000000", "Expect: 100-continue"
    )

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", siege.port)
        writer.write(head)
        said = await reader.read()
        writer.close()
        return said

    assert b"HTTP/1.1 403 " in asyncio.run(ask())
    assert siege.version(victim) == version


def test_replays_and_callbacks_of_deleted_scenes_cost_no_write(siege: Besieged) -> None:
    job, gone = siege.job(), siege.deleted()
    body = job.body()
    headers = signed(siege.secret, body)
    writes = siege.patches()
    assert [post(siege, job.url, body, headers) for _ in range(20)] == [200] * 20
    assert post(siege, gone.url, gone.body(), signed(siege.secret, gone.body())) in (404, 410)
    assert siege.patches() == writes + 1


@pytest.mark.parametrize("name", WAVES)
def test_honest_callbacks_get_through_every_wave(siege: Besieged, victim: Job, name: str) -> None:
    honest = [siege.job() for _ in range(10)]
    target = Target(siege.port, victim, siege.secret)
    before = siege.callback_of(victim)
    writes = siege.patches()

    async def send(job: Job) -> None:
        """Send as vendors do, who come again when they are told to."""
        body = job.body()
        async with httpx.AsyncClient(trust_env=False, timeout=30.0) as http:
            for _ in range(100):
                try:
                    url = f"http://127.0.0.1:{siege.port}{job.url}"
                    answer = await http.post(url, content=body, headers=signed(siege.secret, body))
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    return
                assert answer.status_code == 503, answer.text
                await asyncio.sleep(0.1)
        raise AssertionError("it never got through")

    async def both() -> None:
        wave = asyncio.create_task(WAVES[name](target, SECONDS))
        for job in honest:
            await asyncio.sleep(SECONDS / len(honest))
            await send(job)
        await wave

    asyncio.run(both())
    assert all(siege.callback_of(job) for job in honest)
    replayed = "replays" in name and before is None
    assert siege.patches() == writes + len(honest) + replayed
    if not replayed:
        assert siege.callback_of(victim) == before


def test_after_all_that_it_is_small_and_has_told_no_token(siege: Besieged, victim: Job, tmp_path: Path) -> None:
    log = siege.process.program.log.read_text()
    assert victim.token not in log
    assert "Traceback" not in log
    assert siege.usage().peak_mib < RSS_LIMIT
    assert json.loads(httpx.get(f"http://127.0.0.1:{siege.internal}/readyz", trust_env=False).text)["status"] == "ok"
