"""Owns one HTTP exchange with a vendor: sent once, bounded in time and size, never redirected."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from storyjob.api.errors import InvalidInput
from storyjob.egress import Forbidden
from storyjob.killpoint import Act, crossing
from storyjob.providers.base import Connection

CONNECT_SECONDS = 10.0
# Until a question, which costs nothing and is asked again, begins to be answered: shorter than a lease.
ASK_SECONDS = 12.0
ASK_MEDIA_SECONDS = 60.0  # for all of an answer that may hold media
ERROR_BYTES = 64 * 1024
JSON_BYTES = 64 * 1024
# Base64 media in JSON, or a prediction that repeats an image of ours: about 30 MB of media.
MEDIA_BYTES = 40 * 1024 * 1024
LARGE_BYTES = 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a vendor, ready to be sent. ``body`` is JSON when there is one."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    max_bytes: int = JSON_BYTES


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. ``whole`` is false when the body broke off or is larger than allowed."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    whole: bool = True
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class NoReply:
    """Nothing came back. ``sent`` is false only when surely no byte of the request reached the vendor."""

    reason: str
    sent: bool
    forbidden: bool = False
    """The request itself cannot be sent: trying again is pointless."""


def endpoint_url(connection: Connection, path: str) -> str:
    """Join the endpoint and ``path``. Raises ``InvalidInput`` for an endpoint no path can be put behind."""
    endpoint = connection.endpoint.strip()
    if "?" in endpoint or "#" in endpoint:
        raise InvalidInput(f"spec.endpoint {endpoint!r} must not have a query or fragment")
    return endpoint.rstrip("/") + path


def json_body(value: Any) -> bytes:
    """Encode strict JSON. Raises ``InvalidInput`` for what JSON cannot say (NaN, bytes)."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the inputs cannot be written as JSON: {error}") from error


async def ask(http: httpx.AsyncClient, call: Call) -> Reply | NoReply:
    """Send a question that costs nothing. Its answer must begin soon; media in it may take their time."""
    seconds = ASK_SECONDS if call.max_bytes <= LARGE_BYTES else ASK_MEDIA_SECONDS
    return await exchange(http, call, seconds, first=ASK_SECONDS)


async def exchange(
    http: httpx.AsyncClient, call: Call, seconds: float, *, first: float | None = None
) -> Reply | NoReply:
    """Send ``call`` exactly once and wait at most ``seconds`` for the whole answer, ``first`` for its beginning.

    Never raises for the network. A server that drips bytes forever is caught by the total time, which httpx's own
    timeouts do not bound.
    """
    first = seconds if first is None else first
    began = asyncio.get_running_loop().time()
    fault = _header_fault(call.headers)
    if fault:
        return NoReply(fault, sent=False, forbidden=True)
    try:
        request = http.build_request(
            call.method, call.url, content=call.body, headers=_headers(call), timeout=_timeout(seconds)
        )
    except httpx.InvalidURL as error:
        return NoReply(f"{call.url!r} is not a URL: {error}", sent=False, forbidden=True)
    try:
        async with asyncio.timeout_at(began + first):
            with crossing(Act.CALL):
                response = await http.send(request, stream=True, auth=None, follow_redirects=False)
    except TimeoutError:
        return NoReply(f"no answer within {first:g} s", sent=True)
    except httpx.InvalidURL as error:
        # httpx looks at the Location of a redirect even when told not to follow it. The answer is gone by now.
        return NoReply(f"it redirects to what is no URL: {error}", sent=True)
    except httpx.HTTPError as error:
        return _no_reply(error)
    return await _read(response, call.max_bytes, began + seconds)


async def digest(reply: Reply | NoReply, read: Callable[[Reply | NoReply], T], large: int = LARGE_BYTES) -> T:
    """Return ``read(reply)``, worked out in a thread when the answer is large enough to hold up the event loop."""
    if isinstance(reply, Reply) and len(reply.body) > large:
        return await asyncio.to_thread(read, reply)
    return read(reply)


def _header_fault(headers: Mapping[str, str]) -> str | None:
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            return f"header {name} has a character that HTTP forbids; look at the key in the Secret"
    return None


def _headers(call: Call) -> dict[str, str]:
    # A compressed answer could be a bomb, and media does not compress.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", **call.headers}
    return headers if call.body is None else {"Content-Type": "application/json", **headers}


def _timeout(seconds: float) -> httpx.Timeout:
    # Connecting and waiting for the pool must fail first: they are the two that are certain to be harmless.
    short = min(CONNECT_SECONDS, seconds / 3)
    return httpx.Timeout(seconds, connect=short, pool=short)


def _no_reply(error: httpx.HTTPError) -> NoReply:
    """Say whether bytes may have gone out. Whatever is not listed as harmless may have cost money."""
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    match error:
        case Forbidden() | httpx.UnsupportedProtocol():
            return NoReply(reason, sent=False, forbidden=True)
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout() | httpx.ProxyError():
            return NoReply(reason, sent=False)
        case _:
            return NoReply(reason, sent=True)


async def _read(response: httpx.Response, max_bytes: int, deadline: float) -> Reply:
    """Read the body up to the limit. The status is known by now, so a broken body is not a missing answer."""
    limit = max_bytes if response.is_success else min(max_bytes, ERROR_BYTES)
    body = bytearray()
    whole = too_large = False
    try:
        async with asyncio.timeout_at(deadline):
            async for chunk in response.aiter_bytes(chunk_size=64 * 1024):
                body += chunk
                too_large = len(body) > limit
                if too_large:
                    break
            whole = not too_large
    except (TimeoutError, httpx.HTTPError):
        whole = False
    finally:
        with contextlib.suppress(httpx.HTTPError):
            await response.aclose()
    return Reply(response.status_code, response.headers, bytes(body[:limit]), whole, too_large)
