"""Keeps a ready adapter for every MediaProvider, with its credentials in memory and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from storyjob.ambient import monotonic
from storyjob.api.capabilities import Capabilities
from storyjob.api.errors import CredentialsError, InvalidInput
from storyjob.api.mediaprovider import MediaProvider, MediaProviderSpec
from storyjob.api.reasons import Reason
from storyjob.cluster.cache import Key, key_of
from storyjob.cluster.client import Cluster
from storyjob.egress import check_url
from storyjob.planning.view import ProviderView
from storyjob.providers.base import Connection, OutputPlace, Provider
from storyjob.providers.registry import capabilities_of, provider_type
from storyjob.reconcile.credentials import read_secret

FRESH_SECONDS = 30.0  # a rotated Secret is noticed this soon


@dataclass(slots=True)
class _Entry:
    uid: str
    generation: int
    read_at: float
    connection: Connection | None
    adapter: Provider | None
    blocked: str | None
    blocked_by: Reason = Reason.CREDENTIALS
    refused: bool = False
    """Whether the provider said no to these very credentials."""


class Vendors:
    """Adapters by provider. What was read once stays usable when its Secret or MediaProvider goes first."""

    def __init__(
        self,
        cluster: Cluster,
        http: httpx.AsyncClient,
        allowed_hosts: tuple[str, ...],
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._cluster = cluster
        self._http = http
        self._allowed = allowed_hosts
        self._now = monotonic
        self._entries: dict[Key, _Entry] = {}
        self._reading: dict[Key, asyncio.Lock] = {}

    async def refresh(self, provider: MediaProvider) -> str | None:
        """Read the credentials if it is time to; return what blocks the provider, None when it is usable."""
        key = key_of(provider)
        async with self._reading.setdefault(key, asyncio.Lock()):
            entry = self._entries.get(key)
            if entry is None or not self._is_fresh(entry, provider):
                self._entries[key] = entry = await self._read(provider, entry)
            return entry.blocked

    def view(self, provider: MediaProvider) -> ProviderView:
        """Return the provider as planning sees it."""
        entry = self._entries.get(key_of(provider))
        unread = "its credentials have not been read yet" if entry is None else entry.blocked
        return ProviderView(provider.spec, self.capabilities(provider), unread, self.blocked_by(key_of(provider)))

    def blocked_by(self, key: Key) -> Reason:
        """Return the kind of trouble of a provider that is blocked."""
        entry = self._entries.get(key)
        return entry.blocked_by if entry else Reason.CREDENTIALS

    def blocked(self, key: Key) -> bool:
        """Return whether something, such as a missing Secret, keeps a provider from being used."""
        entry = self._entries.get(key)
        return entry is not None and entry.blocked is not None

    def capabilities(self, provider: MediaProvider) -> Capabilities:
        """Return what the provider can do, by its type or its own description."""
        return capabilities_of(provider.spec)

    def adapter(self, key: Key) -> Provider:
        """Return the adapter; raises ``CredentialsError`` when its credentials never could be read."""
        entry = self._entries.get(key)
        if entry is None or entry.adapter is None:
            raise CredentialsError(f"MediaProvider {key.name}: {entry.blocked if entry else 'not read yet'}")
        return entry.adapter

    def connection(self, key: Key) -> Connection | None:
        """Return how the provider is reached, None when that is not known."""
        entry = self._entries.get(key)
        return entry.connection if entry else None

    def distrust(self, key: Key) -> None:
        """Read the credentials each time until they are others: the provider refused these.

        A person who mends the Secret asks for a retry at once and must not meet the old key again.
        """
        if (entry := self._entries.get(key)) is not None:
            entry.refused = True

    def trust(self, key: Key) -> None:
        """Read the credentials only now and then again: the provider took something, or is to be tried anew."""
        if (entry := self._entries.get(key)) is not None:
            entry.refused = False

    def refused(self, key: Key) -> bool:
        """Return whether the provider refused the credentials that are in memory."""
        entry = self._entries.get(key)
        return entry is not None and entry.refused

    def _is_fresh(self, entry: _Entry, provider: MediaProvider) -> bool:
        same = entry.uid == provider.metadata.uid and entry.generation == provider.metadata.generation
        return same and not entry.refused and entry.blocked is None and self._now() - entry.read_at < FRESH_SECONDS

    async def _read(self, provider: MediaProvider, before: _Entry | None) -> _Entry:
        meta, spec = provider.metadata, provider.spec
        kind = provider_type(spec.type)
        endpoint = (spec.endpoint or kind.endpoint).rstrip("/")
        entry = _Entry(meta.uid, meta.generation, self._now(), None, None, None)
        try:
            check_url(endpoint, self._allowed)
            output = self._output(spec)
        except InvalidInput as error:
            return _block(entry, before, Reason.ENDPOINT, error)
        try:
            # A service of type http may need none.
            wanted = spec.credentials
            secret = "" if wanted is None else await read_secret(self._cluster, meta.namespace, wanted.secret_ref)
        except (CredentialsError, InvalidInput) as error:
            return _block(entry, before, Reason.CREDENTIALS, error)
        connection = Connection(endpoint=endpoint, secret=secret, http=self._http, service=spec.http, output=output)
        if before is not None and before.connection == connection and before.adapter is not None:
            entry.connection, entry.adapter, entry.refused = before.connection, before.adapter, before.refused
            return entry
        try:
            entry.connection, entry.adapter = connection, kind.build(connection)
        except InvalidInput as error:
            return _block(entry, before, Reason.INVALID_SPEC, error)
        return entry

    def _output(self, spec: MediaProviderSpec) -> OutputPlace | None:
        if spec.output is None:
            return None
        if spec.output.endpoint is not None:
            check_url(spec.output.endpoint, self._allowed)
        return OutputPlace(spec.output.gcs_prefix, spec.output.endpoint)


def _block(entry: _Entry, before: _Entry | None, reason: Reason, error: Exception) -> _Entry:
    entry.blocked, entry.blocked_by = str(error), reason
    if before is not None and before.uid == entry.uid:
        # Jobs under way can still be asked about and cancelled with what is in memory.
        entry.connection, entry.adapter = before.connection, before.adapter
    return entry
