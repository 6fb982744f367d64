"""The bucket as an S3 client of our own sees it, which knows nothing of the operator's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from storyjob.local.s3 import Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def read(bucket: Bucket, uri: str) -> bytes:
    """Return an object by its s3:// address."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    return _client(bucket).get_object(Bucket=name, Key=key)["Body"].read()


def write(bucket: Bucket, key: str, data: bytes) -> str:
    """Store an object and return its s3:// address."""
    _client(bucket).put_object(Bucket=bucket.name, Key=key, Body=data)
    return f"s3://{bucket.name}/{key}"


def delete(bucket: Bucket, uri: str) -> None:
    """Take an object away by its s3:// address."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    _client(bucket).delete_object(Bucket=name, Key=key)


def _client(bucket: Bucket) -> S3Client:
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key_id,
        aws_secret_access_key=bucket.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    return client
