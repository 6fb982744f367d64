"""Strategies that spoil true answers a little: what a vendor might send after a change, a bug, or a broken proxy."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

_STRANGE = st.sampled_from(
    [
        *(None, True, False, 0, -1, 10**30, 1e308, "", " ", "null", "\x00", "ж" * 5, "x" * 5_000, [], {}, [[]]),
        *({"url": 7}, [None], "https://user:pass@x.example/a", "file:///etc/passwd", "NaN", "2026-13-45T99:99:99Z"),
    ]
)
_LEAVES = _STRANGE | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)


def _drop(holder: Any, place: str | int, _: Any) -> None:
    del holder[place]


def _replace(holder: Any, place: str | int, other: Any) -> None:
    holder[place] = copy.deepcopy(other)


def _nest(holder: Any, place: str | int, _: Any) -> None:
    holder[place] = {str(place): holder[place]}


def _repeat(holder: Any, place: str | int, _: Any) -> None:
    holder[place] = [holder[place], copy.deepcopy(holder[place])]


def _write_out(holder: Any, place: str | int, _: Any) -> None:
    holder[place] = json.dumps(holder[place])


_CHANGES: tuple[Callable[[Any, str | int, Any], None], ...] = (_drop, _replace, _replace, _nest, _repeat, _write_out)


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """Return the document after one to three changes: parts dropped, replaced, nested, repeated or written as text."""
    spoiled = {"": copy.deepcopy(document)}
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(_places(spoiled))))
        holder: Any = spoiled
        for part in path[:-1]:
            holder = holder[part]
        draw(st.sampled_from(_CHANGES))(holder, path[-1], draw(_LEAVES))
        if "" not in spoiled:
            return None
    return spoiled[""]


@st.composite
def spoiled_bytes(draw: st.DrawFn, body: bytes) -> bytes:
    """Return a body cut off, glued to something, filled with nonsense, or not there."""
    cut = draw(st.integers(0, len(body)))
    nonsense = draw(st.binary(max_size=20))
    return draw(st.sampled_from([body[:cut], body + nonsense, body[:cut] + nonsense + body[cut:], nonsense, b""]))


@st.composite
def spoiled_answer(draw: st.DrawFn, body: bytes) -> bytes:
    """Return a body that was changed as a document, where it is one, or as bytes."""
    try:
        document = json.loads(body)
    except ValueError:
        return draw(spoiled_bytes(body))
    if draw(st.integers(0, 4)) == 0:
        return draw(spoiled_bytes(body))
    return json.dumps(draw(mutated(document))).encode()


def _places(document: Any) -> Iterator[Path]:
    """Yield the path of everything in the document."""
    items: Any = ()
    if isinstance(document, dict):
        items = document.items()
    elif isinstance(document, list):
        items = enumerate(document[:20])
    for key, value in items:
        yield (key,)
        yield from ((key, *path) for path in _places(value))
