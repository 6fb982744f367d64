"""What this process last saw of the cluster, by key; the newest resourceVersion always wins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar

from storyjob.api.resource import ObjectMeta

GONE_KNOWN = 10_000  # uids of deleted objects; only those of the last seconds matter


class Key(NamedTuple):
    """Names one object of one kind."""

    namespace: str
    name: str


class Object(Protocol):
    """Anything with metadata."""

    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=Object)
Index = Callable[[T], Iterable[Hashable]]


class Cache(Generic[T]):
    """The objects of one kind, with look-ups by any indexed property.

    A newer state that ``forgets(known, newer)`` what must not be forgotten is not taken in, so that no write which
    holds only for the newest state can be based on it.
    """

    def __init__(self, forgets: Callable[[T, T], bool] | None = None, **indexes: Index[T]) -> None:
        self._objects: dict[Key, T] = {}
        self._forgets = forgets
        self._indexes = indexes
        self._gone: dict[str, None] = {}
        # Not sets: what is found comes in the order in which it was seen, the same in every run.
        self._indexed: dict[str, dict[Hashable, dict[Key, None]]] = {name: defaultdict(dict) for name in indexes}

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._objects.values()))

    def get(self, key: Key) -> T | None:
        """Return the object last seen under this key."""
        return self._objects.get(key)

    def where(self, index: str, value: Hashable) -> list[T]:
        """Return the objects that this index files under the value."""
        return [self._objects[key] for key in self._indexed[index].get(value, ())]

    def put(self, item: T) -> bool:
        """Take in an object unless a newer state of it is known; return whether anything changed."""
        key = key_of(item)
        known = self._objects.get(key)
        if item.metadata.uid in self._gone:
            return False  # the answer of a write that the deletion overtook
        if known is not None and not _newer(item.metadata, known.metadata):
            return False
        if (
            known is not None
            and known.metadata.uid == item.metadata.uid
            and self._forgets
            and self._forgets(known, item)
        ):
            return False
        self._forget(key)
        self._objects[key] = item
        for name, index in self._indexes.items():
            for value in index(item):
                self._indexed[name][value][key] = None
        return True

    def drop(self, key: Key, uid: str | None = None) -> T | None:
        """Forget an object that was deleted; with a uid only if it is that very one."""
        known = self._objects.get(key)
        if uid is None and known is not None:
            uid = known.metadata.uid
        if uid is not None:
            self._gone[uid] = None
            if len(self._gone) > GONE_KNOWN:
                del self._gone[next(iter(self._gone))]
        if known is None or known.metadata.uid != uid:
            return None
        self._forget(key)
        return self._objects.pop(key)

    def missing_from(self, listed: Iterable[Key], before: int) -> list[T]:
        """Return what a list that began at resourceVersion ``before`` should have shown and did not."""
        seen = set(listed)
        return [
            item
            for key, item in self._objects.items()
            if key not in seen and int(item.metadata.resource_version) <= before
        ]

    def _forget(self, key: Key) -> None:
        known = self._objects.get(key)
        if known is None:
            return
        for name, index in self._indexes.items():
            for value in index(known):
                keys = self._indexed[name][value]
                keys.pop(key, None)
                if not keys:
                    del self._indexed[name][value]


def key_of(item: Object) -> Key:
    """Return an object's key."""
    return Key(item.metadata.namespace, item.metadata.name)


def _newer(one: ObjectMeta, other: ObjectMeta) -> bool:
    # resourceVersions of one cluster are comparable integers since Kubernetes 1.35 (KEP-5504).
    return int(one.resource_version) > int(other.resource_version)
