"""Decides where links from a service's answers may lead, and which of them the credentials go along to."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urljoin

from storyjob.api.errors import InvalidInput
from storyjob.egress import origin, shown


def link(url: str, endpoint: str, allowed: Sequence[str]) -> str:
    """Return the absolute form of a link in an answer. Raises ``InvalidInput`` where it may not be followed."""
    try:
        absolute = urljoin(endpoint.rstrip("/") + "/", url.strip())
    except ValueError as error:
        raise InvalidInput("a link in the answer is no URL") from error
    if "\\" in absolute or " " in absolute or not absolute.isprintable():
        raise InvalidInput(f"{shown(absolute)!r} is not a link")
    scheme, host, port = origin(absolute)
    if scheme not in ("http", "https") or not host:
        raise InvalidInput(f"{shown(absolute)!r} is not a link")
    if "@" in absolute.partition("://")[2].partition("/")[0]:
        raise InvalidInput(f"{shown(absolute)!r} holds a user name or password")
    if not is_own(absolute, endpoint) and not any(_fits(entry.lower(), host.lower(), port) for entry in allowed):
        raise InvalidInput(
            f"{shown(absolute)!r} is not on the endpoint's own host; add {host!r} to spec.http.allowedHosts, if it is "
            "a place to follow it to"
        )
    return absolute


def is_own(url: str, endpoint: str) -> bool:
    """Return whether a URL leads to the endpoint's own host and port: only there the credentials may go."""
    return origin(url) == origin(endpoint)


def _fits(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, _, wanted = entry.partition(":")
    if wanted and wanted != str(port):
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
