"""How a MediaProvider becomes an adapter: where it may go, and the bucket it writes to."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from storyjob.api.mediaprovider import MediaProvider, SecretKey, SecretSource
from storyjob.api.reasons import Reason
from storyjob.cluster.cache import key_of
from storyjob.cluster.resources import SECRETS
from storyjob.providers.base import OutputPlace
from storyjob.reconcile.vendors import Vendors
from support.fake_cluster import FakeCluster

BORN = {"resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}


def vendors() -> Vendors:
    cluster = FakeCluster()
    labels = {"storyjob.dev/credentials": "true"}
    data = {"key": base64.b64encode(b"AIza-key").decode()}
    cluster.put(SECRETS, {"metadata": {"name": "google", "namespace": "stories", "labels": labels}, "data": data})
    return Vendors(cluster, httpx.AsyncClient(), ())


def veo(output: dict[str, Any] | None) -> MediaProvider:
    return MediaProvider.model_validate(
        {
            "metadata": {"name": "veo", "namespace": "stories", "uid": "uid-veo", "generation": 1, **BORN},
            "spec": {
                "type": "vertex-veo",
                "credentials": {"secretRef": {"name": "google", "key": "key"}},
                **({"output": output} if output else {}),
            },
        }
    )


@pytest.mark.parametrize(
    ("output", "place"),
    [
        pytest.param(None, None, id="none"),
        pytest.param({"gcsPrefix": "gs://films/veo"}, OutputPlace("gs://films/veo"), id="a prefix"),
        pytest.param(
            {"gcsPrefix": "gs://films/veo", "endpoint": "https://gcs.example.com"},
            OutputPlace("gs://films/veo", "https://gcs.example.com"),
            id="behind a proxy",
        ),
    ],
)
async def test_an_adapter_knows_its_bucket(output: dict[str, Any] | None, place: OutputPlace | None) -> None:
    known, provider = vendors(), veo(output)

    assert await known.refresh(provider) is None

    connection = known.connection(key_of(provider))
    assert connection is not None
    assert connection.output == place


async def test_a_bucket_at_a_private_address_blocks_the_provider() -> None:
    known, provider = vendors(), veo({"gcsPrefix": "gs://films/veo", "endpoint": "https://169.254.169.254"})

    blocked = await known.refresh(provider)

    assert blocked is not None
    assert "private address" in blocked
    assert known.connection(key_of(provider)) is None
    assert known.blocked_by(key_of(provider)) is Reason.ENDPOINT


async def test_a_refused_endpoint_and_unreadable_credentials_are_told_apart() -> None:
    known, provider = vendors(), veo(None)
    refused = provider.model_copy(
        update={"spec": provider.spec.model_copy(update={"endpoint": "http://vertex.internal"})}
    )
    secret = SecretSource(secret_ref=SecretKey(name="absent", key="key"))
    keyless = provider.model_copy(update={"spec": provider.spec.model_copy(update={"credentials": secret})})

    for changed, reason in ((refused, Reason.ENDPOINT), (keyless, Reason.CREDENTIALS)):
        assert await known.refresh(changed) is not None
        assert known.blocked_by(key_of(changed)) is reason
