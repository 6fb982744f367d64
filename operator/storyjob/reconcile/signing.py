"""Gives the sidecar the keys that sign webhooks, and nothing else of a provider's secrets."""

from __future__ import annotations

import base64
import contextlib
import logging
from collections.abc import Iterable
from functools import partial

import httpx

from storyjob.ambient import monotonic
from storyjob.api.capabilities import Mode
from storyjob.api.errors import CredentialsError, StoryJobError
from storyjob.api.mediaprovider import MediaProvider
from storyjob.cluster.cache import key_of
from storyjob.cluster.errors import Conflict, NotFound
from storyjob.cluster.resources import SECRETS
from storyjob.killpoint import Act, crossing
from storyjob.providers.registry import provider_type
from storyjob.reconcile.credentials import read_secret
from storyjob.reconcile.tasks import Pool
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

KEYS_SECRET = "storyjob-webhook-keys"  # noqa: S105 (its name)
# Vendors change their keys; fal's must not be used for longer than a day without looking again.
FETCH_AGAIN_SECONDS = 6 * 3600.0
READ_AGAIN_SECONDS = 60.0  # a key that a person exchanged in its Secret is published this soon
TRY_AGAIN_SECONDS = 10.0


async def publish_signing_key(world: World, provider: MediaProvider) -> None:
    """Bring the key that signs the provider's webhooks to the sidecar, when it is time to look for it.

    A key that cannot be had now is looked for again soon; until then callbacks are refused and polling carries on.
    """
    if world.settings.callback_url is None or Mode.WEBHOOK not in world.vendors.capabilities(provider).modes:
        return
    meta = provider.metadata
    known = world.desk.signing.get(meta.uid)
    if known is None:
        # Waited for once, so that the first callback finds its key.
        await _publish(world, provider)
        return
    generation, again_at = known
    if generation == meta.generation and monotonic() < again_at:
        return
    # A task: a vendor that does not answer must not hold up what is bought meanwhile.
    world.tasks.start(("signing-key", meta.uid), Pool.LOOK_UP, partial(_publish, world, provider), lambda: None)


async def forget_signing_keys(world: World, held: Iterable[str] = ()) -> None:
    """Take the keys of MediaProviders that are gone from the sidecar; ``held`` are uids that the Secret has keys of."""
    living = {provider.metadata.uid for provider in world.caches.providers}
    gone = {*world.desk.signing, *held} - living
    if not gone:
        return
    with contextlib.suppress(NotFound):
        body = {"data": dict.fromkeys(gone)}
        await world.cluster.merge_patch(SECRETS, world.settings.namespace, KEYS_SECRET, body)
    for uid in gone:
        world.desk.signing.pop(uid, None)


async def _publish(world: World, provider: MediaProvider) -> None:
    uid, again = provider.metadata.uid, READ_AGAIN_SECONDS if provider.spec.webhook else FETCH_AGAIN_SECONDS
    try:
        key = await _signing_key(world, provider)
        if key is not None:
            with crossing(Act.KEYS):
                await _write(world, uid, key)
    except (StoryJobError, httpx.HTTPError) as error:
        _log.warning("MediaProvider %s: no signing key: %s", provider.metadata.name, error)
        again = TRY_AGAIN_SECONDS
    world.desk.signing[uid] = (provider.metadata.generation, monotonic() + again)


async def _signing_key(world: World, provider: MediaProvider) -> str | None:
    if provider.spec.webhook is not None:
        return await read_secret(world.cluster, provider.metadata.namespace, provider.spec.webhook.secret_ref)
    fetch = provider_type(provider.spec.type).signing_secret
    if fetch is None:
        return None
    connection = world.vendors.connection(key_of(provider))
    if connection is None:
        raise CredentialsError("how the provider is reached is not known yet")
    return await fetch(connection)


async def _write(world: World, uid: str, key: str) -> None:
    namespace = world.settings.namespace
    data = {uid: base64.b64encode(key.encode()).decode()}
    try:
        held = (await world.cluster.get(SECRETS, namespace, KEYS_SECRET)).get("data") or {}
        if held.get(uid) != data[uid]:
            await world.cluster.merge_patch(SECRETS, namespace, KEYS_SECRET, {"data": data})
        if not world.settings.watch_namespaces:
            # Of those that went while nobody looked. An operator of some namespaces may not be the only one.
            await forget_signing_keys(world, held)
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
