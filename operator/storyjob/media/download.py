"""Streams one link into a file, from a server that may be slow, broken or hostile."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import httpx

from storyjob.api.errors import CredentialsError, InvalidInput, MediaError, OutputExpired, OutputUnreachable
from storyjob.api.outcome import Authorization
from storyjob.egress import Forbidden, check_url, origin, shown

MAX_REDIRECTS = 3
# S3 and Google Cloud Storage answer 400 to a link whose token has expired.
_EXPIRED = frozenset({400, 403, 404, 410})
_NO_RIGHT = frozenset({401, 403})
_TRY_AGAIN = frozenset({401, 408, 425, 429})
_DECODED_CHUNK = 1 << 16
_BATCH = 1 << 20


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one result may cost us."""

    bytes: int = 512 << 20
    total_seconds: float = 900.0
    idle_seconds: float = 30.0
    media_seconds: float = 3600.0
    """How long a sound or a clip may play."""


class Sink:
    """A file that counts, limits and hashes what is written to it, in batches off the event loop."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._sha256 = hashlib.sha256()
        self._batch = bytearray()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """The hash of all that was flushed."""
        return self._sha256.hexdigest()

    async def write(self, data: bytes) -> None:
        """Take in some bytes. Raises ``MediaError`` when they become too many."""
        self.bytes += len(data)
        if self.bytes > self._max_bytes:
            raise MediaError(f"it is larger than the {self._max_bytes} bytes that are taken")
        self._batch += data
        if len(self._batch) >= _BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Write out what is held back."""
        batch, self._batch = self._batch, bytearray()
        await asyncio.to_thread(self._write, batch)

    def _write(self, batch: bytearray) -> None:
        self._sha256.update(batch)
        self._file.write(batch)
        self._file.flush()


@dataclass(frozen=True, slots=True)
class Downloader:
    """Gets links through a client made by ``egress.public_client``."""

    http: httpx.AsyncClient
    allowed_hosts: Sequence[str]
    limits: FetchLimits = FetchLimits()

    async def download(self, url: str, sink: Sink, authorization: Authorization | None = None) -> None:
        """Write what the link holds into the sink.

        Raises ``OutputExpired`` for a dead link, ``OutputUnreachable`` when its host does not hand anything out now,
        ``CredentialsError`` when the link is refused to the credentials that were sent, ``MediaError`` for everything
        else; its ``retryable`` says whether the same link may work later.
        """
        try:
            async with asyncio.timeout(self.limits.total_seconds):
                await self._follow(url, sink, authorization)
                await sink.flush()
        except Forbidden as error:
            raise MediaError(f"{shown(url)} leads to an address that may not be reached: {error}") from error
        except TimeoutError as error:
            limit = self.limits.total_seconds
            raise OutputUnreachable(f"{shown(url)} was not read within {limit:.0f} s") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise MediaError(f"{shown(url)} is not a link that can be fetched") from error
        except httpx.HTTPError as error:
            reason = f"{type(error).__name__} {error}".strip()
            raise OutputUnreachable(f"{shown(url)} could not be read: {reason}") from error

    async def _follow(self, url: str, sink: Sink, authorization: Authorization | None) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            if authorization and origin(url) != origin(authorization.endpoint):
                # Never again, even if a later hop leads back: whoever sent us there is not to be trusted.
                authorization = None
            headers = {**(authorization.headers if authorization else {}), "accept-encoding": "identity"}
            timeout = httpx.Timeout(self.limits.idle_seconds)
            async with self.http.stream("GET", url, headers=headers, timeout=timeout) as response:
                if response.has_redirect_location:
                    url = str(response.url.join(response.headers["location"]))
                    continue
                if authorization and response.status_code in _NO_RIGHT:
                    place = shown(str(response.url))
                    raise CredentialsError(f"{place} answers {response.status_code}: the credentials may not read it")
                await self._receive(response, sink)
                return
        raise MediaError(f"{shown(url)} redirects more than {MAX_REDIRECTS} times")

    def _check(self, url: str) -> None:
        try:
            check_url(url, self.allowed_hosts)
        except InvalidInput as error:
            raise MediaError(f"the result may not be fetched: {error}") from error

    async def _receive(self, response: httpx.Response, sink: Sink) -> None:
        _check_status(response)
        chunked = "transfer-encoding" in response.headers
        claimed = 0 if chunked else int(response.headers.get("content-length", 0))
        if claimed > self.limits.bytes:
            raise MediaError(f"it has {claimed} bytes; at most {self.limits.bytes} are taken")
        async for chunk in _decoded(response):
            await sink.write(chunk)
        if claimed and response.num_bytes_downloaded != claimed:
            got = response.num_bytes_downloaded
            raise MediaError(f"only {got} of {claimed} bytes came", retryable=True)


def _check_status(response: httpx.Response) -> None:
    status, place = response.status_code, shown(str(response.url))
    if status == 200:
        return
    if status in _EXPIRED:
        raise OutputExpired(f"{place} answers {status}: the provider's link no longer works")
    message = f"{place} answers {status} instead of the result"
    if status in _TRY_AGAIN or status >= 500 or status < 300:
        raise OutputUnreachable(message)
    raise MediaError(message)


async def _decoded(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the body in small pieces, unpacked by us: libraries unpack without any limit."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        async for chunk in response.aiter_raw():
            yield chunk
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise MediaError("it comes in a content encoding that was not asked for")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        async for chunk in response.aiter_raw():
            while chunk and not unpack.eof:
                yield unpack.decompress(chunk, _DECODED_CHUNK)
                chunk = unpack.unconsumed_tail
    except zlib.error as error:
        raise MediaError("its content encoding is damaged", retryable=True) from error
    if not unpack.eof:
        raise MediaError("its content encoding is cut off", retryable=True)
