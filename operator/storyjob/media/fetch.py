"""Brings a provider's result onto the local disk, hashed and measured, or says why it cannot be taken."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from storyjob.api.errors import MediaError
from storyjob.api.outcome import Authorization, BytesOutput, Output, UrlOutput
from storyjob.api.step import StepKind
from storyjob.media.download import Downloader, Sink
from storyjob.media.probe import Probe, check_kind, probe


@dataclass(frozen=True, slots=True)
class Fetched:
    """A result on the local disk. The file belongs to whoever owns its directory."""

    path: Path
    sha256: str
    bytes: int
    media: Probe

    @property
    def content_type(self) -> str:
        """The type that the bytes show, whatever the server claimed."""
        return self.media.content_type

    @property
    def extension(self) -> str:
        """The file name extension of that type, without a dot."""
        return self.media.extension


async def fetch(
    output: Output,
    *,
    kind: StepKind,
    downloader: Downloader,
    directory: Path,
    authorization: Authorization | None = None,
) -> Fetched:
    """Fetch one result into ``directory``.

    ``authorization`` is used when the output asks for it. On any failure, cancelling included, nothing is left
    behind. Raises ``MediaError``; ``OutputExpired`` when the link is dead; ``CredentialsError`` when it is refused to
    the credentials.
    """
    path = directory / f"{secrets.token_hex(8)}.part"
    try:
        with path.open("xb") as file:
            sink = Sink(file, downloader.limits.bytes)
            match output:
                case UrlOutput(url=url, authorized=authorized):
                    await downloader.download(url, sink, authorization if authorized else None)
                case BytesOutput(data=data):
                    await sink.write(data)
                    await sink.flush()
        if sink.bytes == 0:
            raise MediaError("the result is empty: not one byte came", retryable=True)
        found = await asyncio.to_thread(probe, path)
        check_kind(found, kind, max_seconds=downloader.limits.media_seconds)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Fetched(path, sink.sha256, sink.bytes, found)
