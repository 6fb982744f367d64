"""A MediaProvider's status tells at a glance how it stands, with as few writes as that takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.reasons import Reason
from storyjob.cluster.cache import key_of
from storyjob.cluster.events import Events
from storyjob.cluster.resources import PROVIDERS
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.providerstatus import write_provider_status
from storyjob.reconcile.world import Caches, World
from support.builders import FLUX, NOW, capabilities, metadata, provider_spec
from support.fake_cluster import FakeCluster


class Stand:
    """As much of the world as a provider's status needs."""

    def __init__(self, reason: Reason = Reason.CREDENTIALS) -> None:
        self.cluster, self.caches, self.desk = FakeCluster(), Caches(), Desk(NOW)
        self.events = Events(self.cluster, "test")
        self.settings = SimpleNamespace(callback_url=None)
        self.vendors = SimpleNamespace(blocked_by=lambda key: reason, capabilities=lambda provider: capabilities())
        fresh = MediaProvider(metadata=metadata(FLUX), spec=provider_spec())
        body = fresh.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
        # As the CRD's default has it.
        made = self.cluster.put(PROVIDERS, body | {"status": {"observedGeneration": -1}})
        self.caches.providers.put(MediaProvider.model_validate(made))

    def enqueue(self, *_: object) -> None: ...

    @property
    def provider(self) -> MediaProvider:
        (provider,) = self.caches.providers
        return provider

    async def write(self, blocked: str | None = None, in_flight: int = 0) -> dict[str, Any]:
        await write_provider_status(cast(World, self), self.provider, blocked, in_flight)
        key = key_of(self.provider)
        status: dict[str, Any] = (await self.cluster.get(PROVIDERS, key.namespace, key.name))["status"]
        return status


async def test_an_idle_provider_shows_zeros_with_its_first_status() -> None:
    status = await Stand().write()

    assert (status["inFlight"], status["waiting"], status["circuit"]) == (0, 0, "Closed")
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Ready": "True",
        "CredentialsValid": "True",
    }


async def test_counts_alone_are_not_worth_a_write_at_once() -> None:
    stand = Stand()
    await stand.write()
    writes = stand.cluster.writes

    assert (await stand.write(in_flight=3))["inFlight"] == 0
    assert stand.cluster.writes == writes


async def test_counts_go_along_with_trouble() -> None:
    stand = Stand()
    await stand.write()

    status = await stand.write("the Secret is gone", in_flight=3)

    assert status["inFlight"] == 3
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Ready": "False",
        "Stalled": "True",
        "CredentialsValid": "False",
    }


async def test_a_refused_endpoint_says_nothing_of_the_credentials() -> None:
    status = await Stand(Reason.ENDPOINT).write("http://vertex.internal is not https")

    found = {each["type"]: each["reason"] for each in status["conditions"]}
    assert found == {"Ready": "EndpointForbidden", "Stalled": "EndpointForbidden"}
