"""The sidecar gets the keys that sign webhooks, also after the vendor changed them."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field, replace
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from storyjob.api.errors import CredentialsError
from storyjob.api.mediaprovider import MediaProvider
from storyjob.cluster.resources import SECRETS
from storyjob.providers import registry
from storyjob.providers.base import Connection
from storyjob.reconcile import signing
from storyjob.reconcile.signing import KEYS_SECRET, forget_signing_keys, publish_signing_key
from storyjob.reconcile.tasks import Tasks
from storyjob.reconcile.world import World
from support.callbacks import a_provider
from support.fake_cluster import FakeCluster

NAMESPACE = "storyjob-system"


@dataclass
class Account:
    """A vendor's account whose signing key can be fetched, and as much of the world as that needs."""

    key: str | Exception = "whsec_one"
    fetches: int = 0
    cluster: FakeCluster = field(default_factory=FakeCluster)
    tasks: Tasks = field(default_factory=Tasks)

    def __post_init__(self) -> None:
        self.desk = SimpleNamespace(signing={})
        self.settings = SimpleNamespace(
            callback_url="https://stories.example", namespace=NAMESPACE, watch_namespaces=()
        )
        self.caches = SimpleNamespace(providers=[provider()])
        connection = Connection("https://api.example", "secret", cast(httpx.AsyncClient, None))
        self.vendors = SimpleNamespace(
            capabilities=lambda provider: registry.provider_type(provider.spec.type).capabilities,
            connection=lambda key: connection,
        )

    async def fetch(self, connection: Connection) -> str:
        self.fetches += 1
        if isinstance(self.key, Exception):
            raise self.key
        return self.key

    async def publish(self, provider: MediaProvider) -> None:
        await publish_signing_key(cast(World, self), provider)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(self.tasks) == 0

    def published(self) -> str | None:
        key = self.kept().get("uid-of-flux")
        return base64.b64decode(key).decode() if key else None

    def kept(self) -> dict[str, str]:
        secret = self.cluster.objects[SECRETS.plural].get((NAMESPACE, KEYS_SECRET))
        data: dict[str, str] = secret["data"] if secret else {}
        return data


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    kinds = {"replicate": replace(registry.PROVIDERS["replicate"], signing_secret=made.fetch)}
    monkeypatch.setattr(registry, "PROVIDERS", MappingProxyType(dict(registry.PROVIDERS) | kinds))
    return made


def provider(generation: int = 1, **spec: Any) -> MediaProvider:
    item = a_provider()
    item["metadata"] |= {"generation": generation, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return MediaProvider.model_validate(item | {"spec": item["spec"] | spec})


async def test_a_fetched_key_is_published_once(account: Account) -> None:
    for _ in range(3):
        await account.publish(provider())
    assert (account.published(), account.fetches) == ("whsec_one", 1)


async def test_a_key_that_did_not_change_is_not_written_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "FETCH_AGAIN_SECONDS", 0.0)
    await account.publish(provider())
    writes = account.cluster.writes
    await account.publish(provider())
    assert (account.fetches, account.cluster.writes) == (2, writes)


async def test_keys_that_somebody_deleted_are_written_again(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "FETCH_AGAIN_SECONDS", 0.0)
    await account.publish(provider())
    del account.cluster.objects[SECRETS.plural][NAMESPACE, KEYS_SECRET]
    await account.publish(provider())
    assert account.published() == "whsec_one"


async def test_an_old_key_is_fetched_again(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "FETCH_AGAIN_SECONDS", 0.0)
    await account.publish(provider())
    account.key = "whsec_two"
    await account.publish(provider())
    assert (account.published(), account.fetches) == ("whsec_two", 2)


async def test_a_changed_provider_has_its_key_fetched_at_once(account: Account) -> None:
    await account.publish(provider())
    await account.publish(provider(generation=2))
    assert account.fetches == 2


@pytest.mark.parametrize("error", [CredentialsError("no"), httpx.ConnectError("no")], ids=lambda e: type(e).__name__)
async def test_a_key_that_cannot_be_had_is_tried_again_but_not_at_every_pass(
    account: Account, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    account.key = error
    await account.publish(provider())
    await account.publish(provider())
    assert (account.published(), account.fetches) == (None, 1)
    account.key = "whsec_one"
    account.desk.signing["uid-of-flux"] = (1, 0.0)
    await account.publish(provider())
    assert account.published() == "whsec_one"


async def test_a_key_that_cannot_be_fetched_again_stays(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "FETCH_AGAIN_SECONDS", 0.0)
    await account.publish(provider())
    account.key = CredentialsError("no")
    await account.publish(provider())
    assert (account.published(), account.fetches) == ("whsec_one", 2)


async def test_a_key_given_in_a_secret_is_read_again(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "READ_AGAIN_SECONDS", 0.0)
    given = provider(webhook={"secretRef": {"name": "keys", "key": "signing"}})
    for key in ("whsec_old", "whsec_new"):
        secret = {
            "metadata": {"namespace": "default", "name": "keys", "labels": {"storyjob.dev/credentials": "true"}},
            "data": {"signing": base64.b64encode(key.encode()).decode()},
        }
        account.cluster.put(SECRETS, secret)
        await account.publish(given)
        assert account.published() == key
    assert account.fetches == 0


async def test_without_a_callback_url_no_key_is_fetched(account: Account) -> None:
    account.settings.callback_url = None
    await account.publish(provider())
    assert (account.fetches, account.cluster.writes) == (0, 0)


async def test_a_provider_that_never_calls_needs_no_key(account: Account) -> None:
    await account.publish(provider(type="elevenlabs"))
    assert (account.fetches, account.cluster.writes) == (0, 0)


def left_over(account: Account) -> None:
    """Put a key into the Secret of a provider that went while no operator ran."""
    meta = {"namespace": NAMESPACE, "name": KEYS_SECRET}
    account.cluster.put(SECRETS, {"metadata": meta, "data": {"uid-of-another": "a2V5"}})


async def test_the_key_of_a_provider_that_went_is_taken_away(account: Account) -> None:
    await account.publish(provider())
    account.caches.providers.clear()

    await forget_signing_keys(cast(World, account))

    assert (account.kept(), account.desk.signing) == ({}, {})


async def test_the_keys_of_those_that_stay_are_kept_without_a_write(account: Account) -> None:
    await account.publish(provider())
    writes = account.cluster.writes

    await forget_signing_keys(cast(World, account))

    assert set(account.kept()) == {"uid-of-flux"}
    assert account.cluster.writes == writes


async def test_without_a_secret_there_is_nothing_to_take_away(account: Account) -> None:
    account.desk.signing["uid-of-another"] = (1, 0.0)

    await forget_signing_keys(cast(World, account))

    assert account.desk.signing == {}


@pytest.mark.parametrize(
    ("namespaces", "kept"),
    [
        pytest.param((), {"uid-of-flux"}, id="is taken away with the next that is written"),
        pytest.param(("tales",), {"uid-of-flux", "uid-of-another"}, id="may be another operator's"),
    ],
)
async def test_a_key_of_nobody_known(account: Account, namespaces: tuple[str, ...], kept: set[str]) -> None:
    account.settings.watch_namespaces = namespaces
    left_over(account)

    await account.publish(provider())

    assert set(account.kept()) == kept
