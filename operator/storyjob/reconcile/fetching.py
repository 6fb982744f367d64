"""Fetches a result onto the local disk: a few tries, with the provider's credentials where they are needed."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from storyjob.api.errors import MediaError
from storyjob.api.outcome import Authorization, Output, UrlOutput
from storyjob.api.scene import StepStatus
from storyjob.cluster.cache import Key
from storyjob.media.fetch import Fetched, fetch
from storyjob.providers.base import Authorizer
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

FETCHES = 4  # tries of one link
FIRST_PAUSE = 0.5  # seconds


async def fetch_result(world: World, attempt: AttemptRef, step: StepStatus, output: Output, directory: Path) -> Fetched:
    """Fetch an attempt's result into ``directory``.

    Raises ``MediaError`` for what cannot be taken, and ``CredentialsError`` when the provider's credentials, which
    the download needs, cannot be had now.
    """
    downloader, pause = world.downloader(attempt.kind), FIRST_PAUSE
    for left in reversed(range(FETCHES)):
        # Each time anew: a token may have run out, or been refused, since the last try.
        authorization = await _authorization(world, attempt, step, output)
        try:
            return await fetch(
                output, kind=attempt.kind, downloader=downloader, directory=directory, authorization=authorization
            )
        except MediaError as error:
            if not error.retryable or left == 0:
                raise
            _log.warning("%s %s: %s; fetching again in %.1f s", attempt.scene, attempt.kind, error, pause)
        await asyncio.sleep(pause)
        pause *= 2
    raise AssertionError("unreachable: the last try returns or raises")


async def _authorization(world: World, attempt: AttemptRef, step: StepStatus, output: Output) -> Authorization | None:
    if not isinstance(output, UrlOutput) or not output.authorized or not step.provider:
        return None
    adapter = world.vendors.adapter(Key(attempt.scene.namespace, step.provider))
    return await adapter.authorize(output.url) if isinstance(adapter, Authorizer) else None
