"""What goes over the wire between an adapter and a vendor, and what each vendor of the simulation is made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulation.market import Job, Line, Market

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as a vendor reads it. ``line`` is there when it asks for something that costs money."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Body
    line: Line | None


@dataclass(frozen=True, slots=True)
class Said:
    """A vendor's answer; bytes are the media itself. ``takes``: seconds that the vendor works before it answers."""

    status: int
    body: Body | bytes
    headers: dict[str, str] = field(default_factory=dict)
    takes: float = 0.0


@dataclass(frozen=True, slots=True)
class Calling:
    """How a vendor calls back. ``words`` are those for a job that runs, has succeeded, has failed and was stopped."""

    url: Callable[[Asked], str | None]
    body: Callable[[Job, float], Body]
    sign: Callable[[bytes, str], dict[str, str]] | None
    """The headers that prove it, by the body and the job's id; None where nothing does."""
    at_begin: bool = True
    """Whether it calls when the job begins, too."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor: ``buys`` tells requests that cost money from all others."""

    name: str
    """The type of its MediaProviders."""
    buys: Callable[[str, str], bool]
    serve: Callable[[Market, Asked], Said]
    calls: Calling | None = None
    for_all: tuple[str, ...] = ()
    """Paths for which no key is needed."""
    names_its_jobs: bool = True
    """Whether its answers about a job tell which job they are about, so that nonsense is known for what it is."""


NOT_FOUND = Said(404, {"detail": "not found", "title": "Not found", "error": {"message": "not found"}})
SHOWN_AFTER = 2.0  # seconds until a new job can be asked about everywhere
NEVER_STOPPED = 400.0  # seconds that a job hangs which nobody can stop


def posts_to(*ends: str) -> Callable[[str, str], bool]:
    """Return what tells paid requests of a vendor: POST to a path with one of these ends."""
    return lambda method, path: method == "POST" and path.endswith(ends)


def read_body(raw: bytes) -> Body:
    """Return a request's JSON; nothing for a form."""
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
