"""A result that needs the provider's credentials gets them from the adapter, at the provider's own host only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from storyjob.api.errors import CredentialsError, MediaError
from storyjob.api.outcome import Authorization, Result, UrlOutput
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind
from storyjob.cluster.cache import Key
from storyjob.egress import public_client
from storyjob.media.download import Downloader, FetchLimits
from storyjob.media.fetch import Fetched
from storyjob.reconcile import fetching
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.fetching import fetch_result
from storyjob.reconcile.keeping import keep_result
from storyjob.reconcile.pace import Pace
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.traffic import Traffic
from storyjob.reconcile.world import Caches, World
from support.builders import NOW, a_scene
from support.hostile import Server, hostile_server

ATTEMPT = AttemptRef(Key("stories", "fox-forest"), "uid-forest", StepKind.IMAGE, "hash")
STEP = StepStatus(provider="veo", job_id="job-1", submitted_at=NOW)


@dataclass
class Account:
    """An adapter that knows its own host, and hands out another token each time."""

    own: str
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    async def authorize(self, url: str) -> Authorization | None:
        self.asked.append(url)
        if self.broken:
            raise CredentialsError("no token to be had now")
        return Authorization(self.own, {"authorization": f"Bearer token-{len(self.asked)}"})


@dataclass
class Place:
    """As much of the world as fetching and giving up need."""

    downloads: Downloader
    adapter: object
    work_dir: Path = Path()
    caches: Caches = field(default_factory=Caches)
    keeping: Pace = field(default_factory=lambda: Pace(1, 1.0))
    traffic: Traffic = field(default_factory=Traffic)
    told: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def vendors(self) -> Any:
        return SimpleNamespace(adapter=lambda key: self.adapter)

    @property
    def desk(self) -> Any:
        return Desk(NOW)

    @property
    def events(self) -> Any:
        async def tell(*said: Any, **more: Any) -> None:
            self.told.append(said)

        return SimpleNamespace(tell=tell)

    def downloader(self, kind: StepKind) -> Downloader:
        return self.downloads

    def enqueue(self, kind: Kind, key: Key, after: float = 0.0) -> None:
        """Nobody listens here."""


@pytest.fixture
async def own() -> AsyncIterator[Server]:
    async with hostile_server() as server:
        yield server


@pytest.fixture
async def foreign() -> AsyncIterator[Server]:
    async with hostile_server() as server:
        yield server


@pytest.fixture
async def downloader(own: Server, foreign: Server) -> AsyncIterator[Downloader]:
    allowed = (f"127.0.0.1:{own.port}", f"127.0.0.1:{foreign.port}")
    async with public_client(allowed, timeout=httpx.Timeout(5)) as http:
        yield Downloader(http, allowed, FetchLimits(total_seconds=5.0, idle_seconds=2.0))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "FIRST_PAUSE", 0.001)


async def fetched(place: Place, url: str, directory: Path, authorized: bool = True) -> Fetched:
    output = UrlOutput(url, authorized=authorized)
    return await fetch_result(cast(World, place), ATTEMPT, STEP, output, directory)


def left_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def sent(server: Server) -> list[str | None]:
    return [headers.get("Authorization") for _, headers in server.seen]


async def test_the_providers_own_host_gets_the_credentials(own: Server, downloader: Downloader, tmp_path: Path) -> None:
    got = await fetched(Place(downloader, Account(own.url(""))), own.url("/picture.png"), tmp_path)

    assert got.content_type == "image/png"
    assert sent(own) == ["Bearer token-1"]


async def test_another_host_never_sees_them(
    own: Server, foreign: Server, downloader: Downloader, tmp_path: Path
) -> None:
    place = Place(downloader, Account(own.url("")))

    await fetched(place, foreign.url("/picture.png"), tmp_path)
    away = str(httpx.URL(own.url("/to/it"), params={"url": foreign.url("/picture.png")}))
    await fetched(place, away, tmp_path)

    assert sent(own) == ["Bearer token-2"]
    assert sent(foreign) == [None, None]


async def test_an_open_link_asks_for_no_credentials(own: Server, downloader: Downloader, tmp_path: Path) -> None:
    account = Account(own.url(""))

    await fetched(Place(downloader, account), own.url("/picture.png"), tmp_path, authorized=False)

    assert (account.asked, sent(own)) == ([], [None])


async def test_an_adapter_that_has_none_to_give(own: Server, downloader: Downloader, tmp_path: Path) -> None:
    await fetched(Place(downloader, object()), own.url("/picture.png"), tmp_path)

    assert sent(own) == [None]


async def test_each_try_gets_credentials_of_its_own(own: Server, downloader: Downloader, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="answers 500"):
        await fetched(Place(downloader, Account(own.url(""))), own.url("/status/500"), tmp_path)

    assert sent(own) == [f"Bearer token-{number}" for number in range(1, fetching.FETCHES + 1)]


@pytest.mark.parametrize(
    ("path", "broken"),
    [
        pytest.param("/picture.png", True, id="no credentials to be had"),
        pytest.param("/status/403", False, id="credentials without the right"),
    ],
)
async def test_a_paid_result_is_not_failed_for_want_of_credentials(
    own: Server, downloader: Downloader, tmp_path: Path, path: str, broken: bool
) -> None:
    place = Place(downloader, Account(own.url(""), broken), tmp_path)
    place.caches.scenes.put(a_scene())

    # A verdict on the attempt would need the ledger, which this place does not have.
    await keep_result(cast(World, place), ATTEMPT, STEP, Result(UrlOutput(own.url(path), authorized=True)), "job-1")

    ((kind, _, reason, note),) = place.told
    assert (kind, reason) == ("Scene", "CredentialsUnavailable")
    assert "made but cannot be fetched yet" in note
    assert left_in(tmp_path) == []
