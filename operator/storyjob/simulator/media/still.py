"""Fetches and opens the picture a clip starts from."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io

import aiohttp
from PIL import Image, UnidentifiedImageError

from storyjob.api.errors import MediaError
from storyjob.simulator.job import Wish

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_MAX_BYTES = 32 * 2**20


async def load_still(wish: Wish) -> Image.Image | None:
    """Return the given picture, or None when none was given. Raises ``MediaError``."""
    if wish.still is None and wish.still_url is None:
        return None
    data = wish.still if wish.still is not None else await _fetch(wish.still_url or "")
    return await asyncio.to_thread(_open, data)


async def _fetch(url: str) -> bytes:
    if url.startswith("data:"):
        head, _, body = url.partition(",")
        if not head.endswith(";base64"):
            raise MediaError("the image's data URL is not base64")
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise MediaError("the image's data URL is not base64") from error
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(url) as response:
            if response.status != 200:
                raise MediaError(f"the image cannot be fetched: status {response.status}")
            return await response.content.read(_MAX_BYTES)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise MediaError(f"the image cannot be fetched: {type(error).__name__}") from error


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise MediaError("the image to start from cannot be read as a picture") from error
