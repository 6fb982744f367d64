"""What a provider's server sends is taken whole or not at all, whatever it tries."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from storyjob.api.errors import CredentialsError, MediaError, OutputExpired, OutputUnreachable
from storyjob.api.outcome import Authorization, BytesOutput, UrlOutput
from storyjob.api.step import StepKind
from storyjob.egress import public_client
from storyjob.media.download import Downloader, FetchLimits
from storyjob.media.fetch import Fetched, fetch
from support.hostile import Server, hostile_server
from support.media import clip, picture

MIB = 1 << 20


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with hostile_server() as server:
        yield server


@pytest.fixture
async def downloader(server: Server) -> AsyncIterator[Downloader]:
    allowed = (f"127.0.0.1:{server.port}", f"localhost:{server.port}")
    async with public_client(allowed, timeout=httpx.Timeout(5)) as http:
        limits = FetchLimits(bytes=2 * MIB, total_seconds=1.5, idle_seconds=0.5, media_seconds=60)
        yield Downloader(http, allowed, limits)


def left_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


async def get(
    downloader: Downloader,
    url: str,
    directory: Path,
    kind: StepKind = StepKind.IMAGE,
    authorization: Authorization | None = None,
) -> Fetched:
    output = UrlOutput(url, content_type="image/png", authorized=authorization is not None)
    return await fetch(output, kind=kind, downloader=downloader, directory=directory, authorization=authorization)


@pytest.mark.parametrize(
    ("path", "kind", "content_type"),
    [
        pytest.param("/picture.png?token=s", StepKind.IMAGE, "image/png", id="an image"),
        pytest.param("/sound.mp3", StepKind.AUDIO, "audio/mpeg", id="a narration named an image"),
        pytest.param("/clip.mp4", StepKind.VIDEO, "video/mp4", id="a clip"),
        pytest.param("/picture.gz", StepKind.IMAGE, "image/png", id="gzip that nobody asked for"),
    ],
)
async def test_a_result_is_taken(
    server: Server, downloader: Downloader, tmp_path: Path, path: str, kind: StepKind, content_type: str
) -> None:
    got = await get(downloader, server.url(path), tmp_path, kind)
    data = got.path.read_bytes()
    assert got.content_type == content_type
    assert (got.bytes, got.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert left_in(tmp_path) == [got.path]


@pytest.mark.parametrize(
    ("path", "reason", "retryable"),
    [
        pytest.param("/huge", "10737418240 bytes", False, id="10 GB announced"),
        pytest.param("/endless", "larger than", False, id="endless"),
        pytest.param("/drip", "within 2 s", True, id="a byte now and then"),
        pytest.param("/silent", "Timeout", True, id="nothing after the headers"),
        pytest.param("/short", "could not be read|only", True, id="less than announced"),
        pytest.param("/page.png", "web page", False, id="a web page named an image"),
        pytest.param("/empty", "empty", True, id="nothing"),
        pytest.param("/half.mp4", "cut off|an image was asked", True, id="a clip cut off"),
        pytest.param("/half.gz", "cut off", True, id="gzip cut off"),
        pytest.param("/bomb.gz", "larger than", False, id="a gzip bomb"),
        pytest.param("/picture.br", "content encoding", False, id="another encoding"),
        pytest.param("/status/500", "answers 500", True, id="500"),
        pytest.param("/status/429", "answers 429", True, id="429"),
        pytest.param("/status/202", "answers 202", True, id="202"),
        pytest.param("/status/418", "answers 418", False, id="418"),
        pytest.param("/to/it?url=http://127.0.0.1:9/", "may not be fetched", False, id="redirect to loopback"),
        pytest.param(
            "/to/it?url=http://169.254.169.254/latest", "may not be fetched", False, id="redirect to metadata"
        ),
        pytest.param("/to/it?url=https://169.254.169.254/", "private", False, id="redirect to it over https"),
        pytest.param("/to/it?url=file:///etc/passwd", "may not be fetched", False, id="redirect to a file"),
        pytest.param("/to/it?url=https://a:b@example.com/", "user name", False, id="redirect with a password"),
    ],
)
async def test_what_cannot_be_taken_leaves_nothing(
    server: Server, downloader: Downloader, tmp_path: Path, path: str, reason: str, retryable: bool
) -> None:
    with pytest.raises(MediaError, match=reason) as caught:
        await get(downloader, server.url(path), tmp_path)
    assert caught.value.retryable is retryable
    assert "token" not in str(caught.value)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("path", ["/silent", "/drip", "/status/500", "/status/429", "/status/202"])
async def test_a_host_that_hands_out_nothing_now_is_told_apart_from_media_that_are_spoiled(
    server: Server, downloader: Downloader, tmp_path: Path, path: str
) -> None:
    with pytest.raises(OutputUnreachable):
        await get(downloader, server.url(path), tmp_path)
    with pytest.raises(MediaError) as caught:
        await get(downloader, server.url("/half.gz"), tmp_path)
    assert not isinstance(caught.value, OutputUnreachable)


async def test_a_name_that_leads_to_a_private_address_is_caught_when_connecting(
    server: Server, downloader: Downloader, tmp_path: Path
) -> None:
    async with hostile_server() as inside:
        url = f"https://localhost:{inside.port}/picture.png"
        with pytest.raises(MediaError, match="may not be reached"):
            await get(downloader, str(httpx.URL(server.url("/to/it"), params={"url": url})), tmp_path)
        assert inside.seen == []


@pytest.mark.parametrize("status", [400, 403, 404, 410])
async def test_a_dead_link_is_told_apart(server: Server, downloader: Downloader, tmp_path: Path, status: int) -> None:
    with pytest.raises(OutputExpired, match=f"answers {status}"):
        await get(downloader, server.url(f"/status/{status}?token=s"), tmp_path)


async def test_three_redirects_are_followed_and_a_fourth_is_not(
    server: Server, downloader: Downloader, tmp_path: Path
) -> None:
    url = server.url("/picture.png")
    for _ in range(3):
        url = str(httpx.URL(server.url("/to/it"), params={"url": url}))
    assert (await get(downloader, url, tmp_path)).content_type == "image/png"
    with pytest.raises(MediaError, match="more than 3 times"):
        await get(downloader, str(httpx.URL(server.url("/to/it"), params={"url": url})), tmp_path)


async def test_credentials_go_to_the_providers_own_origin_only(
    server: Server, downloader: Downloader, tmp_path: Path
) -> None:
    mine = Authorization(server.url(""), {"authorization": "Bearer s3cret"})
    back = str(httpx.URL(server.url("/to/own"), params={"url": server.url("/picture.png")}))
    away = str(httpx.URL(server.url("/to/other", "localhost"), params={"url": back}))
    start = str(httpx.URL(server.url("/to/start"), params={"url": away}))
    await get(downloader, start, tmp_path, authorization=mine)
    sent = {path: headers.get("Authorization") for path, headers in server.seen}
    expected = {"to/start": "Bearer s3cret", "to/other": None, "to/own": None, "picture.png": None}
    assert sent == expected
    assert "s3cret" not in repr(mine)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_link_that_is_refused_to_our_credentials_is_not_dead(
    server: Server, downloader: Downloader, tmp_path: Path, status: int
) -> None:
    mine = Authorization(server.url(""), {"authorization": "Bearer s3cret"})
    with pytest.raises(CredentialsError, match=f"answers {status}") as caught:
        await get(downloader, server.url(f"/status/{status}?token=s"), tmp_path, authorization=mine)
    assert "s3cret" not in str(caught.value)
    assert left_in(tmp_path) == []


async def test_credentials_are_not_sent_for_an_open_link(
    server: Server, downloader: Downloader, tmp_path: Path
) -> None:
    mine = Authorization(server.url(""), {"authorization": "Bearer s3cret"})
    output = UrlOutput(server.url("/picture.png"))
    await fetch(output, kind=StepKind.IMAGE, downloader=downloader, directory=tmp_path, authorization=mine)
    assert "Authorization" not in server.seen[0][1]


async def test_bytes_that_came_with_the_answer_are_judged_alike(downloader: Downloader, tmp_path: Path) -> None:
    output = BytesOutput(picture(), "audio/mpeg")
    got = await fetch(output, kind=StepKind.IMAGE, downloader=downloader, directory=tmp_path)
    assert (got.content_type, got.media.width) == ("image/png", 64)
    large = BytesOutput(clip() + bytes(3 * MIB), "video/mp4")
    with pytest.raises(MediaError, match="larger than"):
        await fetch(large, kind=StepKind.VIDEO, downloader=downloader, directory=tmp_path)
    assert left_in(tmp_path) == [got.path]


async def test_a_cancelled_fetch_leaves_nothing(server: Server, downloader: Downloader, tmp_path: Path) -> None:
    task = asyncio.create_task(get(downloader, server.url("/drip"), tmp_path))
    await server.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_in(tmp_path) == []
