"""Gives the sidecar the keys that sign webhooks, and nothing else of a provider's secrets."""

from __future__ import annotations

import base64
import logging

import httpx

from storyjob.api.capabilities import Mode
from storyjob.api.errors import CredentialsError, StoryJobError
from storyjob.api.mediaprovider import MediaProvider
from storyjob.cluster.cache import key_of
from storyjob.cluster.errors import Conflict, NotFound
from storyjob.cluster.resources import SECRETS
from storyjob.providers.registry import provider_type
from storyjob.reconcile.credentials import read_secret
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

KEYS_SECRET = "storyjob-webhook-keys"  # noqa: S105 (its name)


async def publish_signing_key(world: World, provider: MediaProvider) -> None:
    """Write the provider's signing key into the Secret that the sidecar reads, unless it is there already.

    A key that cannot be had now is had at the next pass; until then callbacks are refused and polling carries on.
    """
    uid = provider.metadata.uid
    if world.settings.callback_url is None or Mode.WEBHOOK not in world.vendors.capabilities(provider).modes:
        return
    if world.desk.signing.get(uid) == provider.metadata.generation:
        return
    try:
        key = await _signing_key(world, provider)
    except (CredentialsError, StoryJobError, httpx.HTTPError) as error:
        _log.warning("MediaProvider %s: no signing key: %s", provider.metadata.name, error)
        return
    if key is not None:
        await _write(world, uid, key)
    world.desk.signing[uid] = provider.metadata.generation


async def _signing_key(world: World, provider: MediaProvider) -> str | None:
    if provider.spec.webhook is not None:
        return await read_secret(world.cluster, provider.metadata.namespace, provider.spec.webhook.secret_ref)
    fetch = provider_type(provider.spec.type).signing_secret
    connection = world.vendors.connection(key_of(provider))
    return await fetch(connection) if fetch is not None and connection is not None else None


async def _write(world: World, uid: str, key: str) -> None:
    namespace = world.settings.namespace
    data = {uid: base64.b64encode(key.encode()).decode()}
    try:
        await world.cluster.merge_patch(SECRETS, namespace, KEYS_SECRET, {"data": data})
    except NotFound:
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": KEYS_SECRET, "namespace": namespace},
            "data": data,
        }
        try:
            await world.cluster.create(SECRETS, namespace, body)
        except Conflict:
            await world.cluster.merge_patch(SECRETS, namespace, KEYS_SECRET, {"data": data})
