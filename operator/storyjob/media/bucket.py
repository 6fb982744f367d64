"""Makes clients of the bucket: where it is, and how patient they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from storyjob.api.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a store is waited for, in seconds, and how often one request is sent."""

    connect: float
    silence: float
    """Without a single byte."""
    attempts: int
    whole: float
    """For all of it, whatever comes meanwhile. A thread may hang on for longer; nobody waits for it."""


# Shorter than a lease: nobody waits for a store that does not answer.
QUICK = Patience(connect=3.0, silence=8.0, attempts=2, whole=12.0)
TRANSFER = Patience(connect=5.0, silence=30.0, attempts=4, whole=600.0)


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where the bucket is. Without keys, boto3 finds them as every AWS tool does."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    public_endpoint: str | None = None
    """The endpoint as people and providers reach it, for presigned links; ``endpoint`` when absent."""
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    workers: int = 8
    quick: Patience = QUICK
    """For everything small."""
    transfer: Patience = TRANSFER
    """For media and films."""

    @classmethod
    def of(cls, settings: Settings) -> StoreConfig:
        """Return what the settings say."""
        key_id, secret = settings.s3_access_key_id, settings.s3_secret_access_key
        return cls(
            bucket=settings.s3_bucket,
            prefix=settings.s3_prefix,
            endpoint=settings.s3_endpoint,
            public_endpoint=settings.s3_public_endpoint,
            region=settings.s3_region,
            access_key=key_id.get_secret_value() if key_id else None,
            secret_key=secret.get_secret_value() if secret else None,
            workers=settings.downloads,
            transfer=replace(TRANSFER, whole=settings.download_seconds),
        )


@dataclass(frozen=True, slots=True)
class Head:
    """What the store says of an object. ``metadata`` keys are lower case: some stores change it."""

    bytes: int
    etag: str
    content_type: str
    metadata: Mapping[str, str]

    @property
    def md5(self) -> str | None:
        """The MD5 of the bytes, where the ETag is one; not so for multipart uploads."""
        return self.etag if len(self.etag) == 32 and "-" not in self.etag else None


def connect(session: boto3.session.Session, config: StoreConfig, endpoint: str | None, patience: Patience) -> S3Client:
    """Return a client of the bucket at ``endpoint``. Nothing is sent yet."""
    options = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        # Stores other than AWS do not know its newer checksums, and break ranged reads with them.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
        connect_timeout=patience.connect,
        read_timeout=patience.silence,
        max_pool_connections=config.workers,
    )
    client: S3Client = session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=config.region,
        aws_access_key_id=config.access_key,
        aws_secret_access_key=config.secret_key,
        aws_session_token=config.session_token,
        config=options,
    )
    return client
