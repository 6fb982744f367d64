"""The slim watch cache of MediaProviders: whose signature a callback must carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from storyjob.cluster.cache import Key
from storyjob.providers.signatures import scheme_of
from storyjob.providers.webhook_scheme import Scheme


@dataclass(frozen=True, slots=True)
class Account:
    """One MediaProvider: its uid names its signing keys, its scheme how they are used."""

    uid: str
    type: str
    version: int
    scheme: Scheme | None
    """How it calls back; None when it does not."""


class AccountIndex:
    """The MediaProviders by namespace and name."""

    def __init__(self) -> None:
        self._accounts: dict[Key, Account] = {}

    def __len__(self) -> int:
        return len(self._accounts)

    def seen(self, item: dict[str, Any]) -> None:
        """Take in a MediaProvider that a list or a watch showed."""
        metadata = item["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        known, version = self._accounts.get(key), int(metadata["resourceVersion"])
        if known is None or known.version < version:
            spec = item.get("spec") or {}
            self._accounts[key] = Account(metadata["uid"], str(spec.get("type", "")), version, scheme_of(spec))

    def lost(self, key: Key, uid: str) -> None:
        """Forget a MediaProvider that is gone, unless another one has its name already."""
        known = self._accounts.get(key)
        if known is not None and known.uid == uid:
            del self._accounts[key]

    def get(self, namespace: str, name: str | None) -> Account | None:
        """Return the MediaProvider of that name."""
        return self._accounts.get(Key(namespace, name)) if name else None
