"""Owns the bucket: boto3 in bounded thread pools, seen from asyncio.

Every operation has a deadline and may be repeated without harm. One that is cancelled or too late leaves its thread to
finish, except that a download is given up and waited for: its directory may go next.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from storyjob.api.errors import StorageError
from storyjob.killpoint import Act, crossing
from storyjob.media.bucket import Head, StoreConfig, connect
from storyjob.media.lane import Lane
from storyjob.media.layout import S3Uri
from storyjob.media.shelf import Shelf
from storyjob.media.storage_error import MISSING, S3_ERRORS, error_code, storage_error, too_late

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3.client import S3Client

T = TypeVar("T")

MIB = 1 << 20
# Threads are ours; with the transfer library's own ones each upload would hold ten parts in memory.
_TRANSFER = TransferConfig(multipart_threshold=16 * MIB, multipart_chunksize=8 * MIB, use_threads=False)
_CHUNK = MIB
SMALL = 4 * MIB  # what is larger is a transfer


class Store:
    """The bucket. Every method raises ``StorageError``; a missing object is ``None`` or ``False``.

    With a ``shelf``, files that were uploaded are not downloaded again; they must not be changed any more.
    """

    def __init__(self, config: StoreConfig, shelf: Shelf | None = None) -> None:
        self.config = config
        self._shelf = shelf
        session, own, public = boto3.session.Session(), config.endpoint, config.public_endpoint
        quick, transfer = config.quick, config.transfer
        self._quick = Lane("s3", connect(session, config, own, quick), config.workers, quick.whole)
        self._transfer = Lane("s3-transfer", connect(session, config, own, transfer), config.workers, transfer.whole)
        self._public = connect(session, config, public, quick) if public and public != own else self._quick.client

    async def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Write a small object."""
        place = self._place(key)

        def put(client: S3Client) -> None:
            self._forget(key)
            client.put_object(Bucket=place.bucket, Key=place.key, Body=data, ContentType=content_type)

        with crossing(Act.PUT):
            await self._run("put", place, put, self._quick)

    async def upload(self, key: str, path: Path, *, content_type: str, sha256: str) -> bool:
        """Write a file, in parts when it is big; an interrupted upload leaves nothing to be seen.

        Return whether the store said, by its ETag, that it holds these very bytes; else look for yourself.
        """
        place = self._place(key)
        extra = {"ContentType": content_type, "Metadata": {"sha256": sha256}}

        def upload(client: S3Client) -> bool:
            self._forget(key)
            confirmed = False
            if path.stat().st_size < _TRANSFER.multipart_threshold:
                confirmed = _put_file(client, place, path, content_type, sha256)
            else:
                with path.open("rb") as file:
                    client.upload_fileobj(file, place.bucket, place.key, ExtraArgs=extra, Config=_TRANSFER)
            if self._shelf is not None:
                self._shelf.put(key, path)
            return confirmed

        with crossing(Act.PUT):
            return await self._run("put", place, upload, self._transfer)

    async def get(self, key: str, *, max_bytes: int = MIB) -> bytes | None:
        """Return a small object, or ``None`` when there is none."""
        place = self._place(key)

        def get(client: S3Client) -> bytes:
            with _open(client, place) as body:
                data = body.read(max_bytes + 1)
            if len(data) > max_bytes:
                raise StorageError(f"{place} is larger than the {max_bytes} bytes expected here")
            return data

        return await self._look_up("get", place, get, self._quick if max_bytes <= SMALL else self._transfer)

    async def download(self, key: str, path: Path, *, max_bytes: int, bucket: str | None = None) -> bool:
        """Write an object to ``path``; ``False`` when there is none. ``path`` is whole or not there."""
        place = self._place(key, bucket)
        partial_path = path.with_name(f".{path.name}.{secrets.token_hex(4)}")

        given_up = threading.Event()

        def download(client: S3Client) -> bool:
            if self._shelf is not None and self._is_ours(bucket) and self._shelf.take(key, path):
                return True
            try:
                _stream(client, place, partial_path, max_bytes, given_up)
                partial_path.replace(path)
            finally:
                partial_path.unlink(missing_ok=True)
            return True

        return bool(await self._look_up("get", place, download, self._transfer, given_up))

    async def head(self, key: str, *, bucket: str | None = None) -> Head | None:
        """Return what the store says of an object, or ``None`` when there is none."""
        place = self._place(key, bucket)

        def head(client: S3Client) -> Head:
            answer = client.head_object(Bucket=place.bucket, Key=place.key)
            metadata = {name.lower(): value for name, value in answer["Metadata"].items()}
            etag, content_type = answer.get("ETag", "").strip('"'), answer.get("ContentType", "")
            return Head(answer["ContentLength"], etag, content_type, metadata)

        return await self._look_up("head", place, head, self._quick)

    async def exists(self, key: str) -> bool:
        """Say whether there is such an object."""
        return await self.head(key) is not None

    def at_hand(self, key: str, *, bucket: str | None = None) -> bool:
        """Say whether this process uploaded the object lately; costs no request, and says nothing of the bucket."""
        return self._shelf is not None and self._is_ours(bucket) and self._shelf.has(key)

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is a success."""
        place = self._place(key)

        def delete(client: S3Client) -> None:
            self._forget(key)
            client.delete_object(Bucket=place.bucket, Key=place.key)

        with crossing(Act.PUT):
            await self._look_up("delete", place, delete, self._quick)

    async def list_keys(self, prefix: str) -> list[str]:
        """Return all keys that start with ``prefix``, in order."""
        place = self._place(prefix)

        def list_all(client: S3Client) -> list[str]:
            paginator = client.get_paginator("list_objects_v2")
            pages = paginator.paginate(Bucket=place.bucket, Prefix=prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", [])]

        return await self._run("list", place, list_all, self._quick)

    async def presign(self, key: str, *, seconds: int) -> str:
        """Return a link that reads the object for that long. Never store it, never log it."""
        place = self._place(key)
        params = {"Bucket": place.bucket, "Key": place.key}
        sign = partial(self._public.generate_presigned_url, "get_object", Params=params, ExpiresIn=seconds)
        return await self._run("presign", place, lambda _: sign(), self._quick)

    def uri(self, key: str, bucket: str | None = None) -> str:
        """Return the ``s3://`` address of an object."""
        return str(self._place(key, bucket))

    async def probe(self) -> None:
        """Write a tiny object and read it back. Raises ``StorageError`` saying in plain words what is wrong."""
        prefix = self.config.prefix.strip("/")
        key = f"{prefix}/.storyjob-probe" if prefix else ".storyjob-probe"
        written = secrets.token_bytes(16)
        await self.put(key, written, content_type="application/octet-stream")
        read = await self.get(key)
        # Another replica may have written in between, so only a wrong length is a fault.
        if read is None or len(read) != len(written):
            raise StorageError(f"{self.uri(key)} was written but reads back differently: the store is not sound")

    async def aclose(self) -> None:
        """Wait for what is under way, then let go of the connections."""
        for lane in (self._quick, self._transfer):
            await lane.close()
        self._public.close()

    def _place(self, key: str, bucket: str | None = None) -> S3Uri:
        return S3Uri(bucket or self.config.bucket, key)

    def _is_ours(self, bucket: str | None) -> bool:
        return bucket in (None, self.config.bucket)

    def _forget(self, key: str) -> None:
        if self._shelf is not None:
            self._shelf.drop(key)

    async def _look_up(
        self,
        operation: str,
        place: S3Uri,
        call: Callable[[S3Client], T],
        lane: Lane,
        given_up: threading.Event | None = None,
    ) -> T | None:
        def missing_is_none(client: S3Client) -> T | None:
            try:
                return call(client)
            except ClientError as error:
                if error_code(error) in MISSING:
                    return None
                raise

        return await self._run(operation, place, missing_is_none, lane, given_up)

    async def _run(
        self,
        operation: str,
        place: S3Uri,
        call: Callable[[S3Client], T],
        lane: Lane,
        given_up: threading.Event | None = None,
    ) -> T:
        try:
            return await lane.run(call, given_up)
        except TimeoutError as error:
            raise too_late(operation, str(place), self.config.endpoint, lane.seconds) from error
        except S3_ERRORS as error:
            raise storage_error(operation, str(place), self.config.endpoint, error) from error
        except OSError as error:
            raise StorageError(f"S3 {operation} of {place} failed on the local file: {error}") from error


def _put_file(client: S3Client, place: S3Uri, path: Path, content_type: str, sha256: str) -> bool:
    """Write a small file in one request, which costs a third of what the transfer library takes for it."""
    data = path.read_bytes()
    md5 = hashlib.md5(data, usedforsecurity=False)
    answer = client.put_object(
        Bucket=place.bucket,
        Key=place.key,
        Body=data,
        ContentType=content_type,
        ContentMD5=base64.b64encode(md5.digest()).decode(),
        Metadata={"sha256": sha256},
    )
    return answer.get("ETag", "").strip('"') == md5.hexdigest()


def _open(client: S3Client, place: S3Uri) -> closing[StreamingBody]:
    # Used as a context manager itself, a body gives out the raw response, which does not check its length.
    return closing(client.get_object(Bucket=place.bucket, Key=place.key)["Body"])


def _stream(client: S3Client, place: S3Uri, path: Path, max_bytes: int, given_up: threading.Event) -> None:
    with _open(client, place) as body, path.open("wb") as file:
        left = max_bytes
        for chunk in body.iter_chunks(_CHUNK):
            if given_up.is_set():
                raise StorageError(f"{place} was given up half way")
            left -= len(chunk)
            if left < 0:
                raise StorageError(f"{place} is larger than the allowed {max_bytes} bytes")
            file.write(chunk)
