"""The local S3 server keeps what it is given and lets nobody in without the keys."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from storyjob.local.s3 import Bucket


def client(bucket: Bucket, secret: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key_id,
        aws_secret_access_key=secret,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def test_what_was_put_is_read_back(s3: Bucket) -> None:
    http = client(s3, s3.secret_access_key)
    http.put_object(Bucket=s3.name, Key="local/fox.txt", Body=b"a fox", ContentType="text/plain")
    answer = http.get_object(Bucket=s3.name, Key="local/fox.txt")
    with answer["Body"] as body:
        assert (body.read(), answer["ContentType"]) == (b"a fox", "text/plain")


def test_a_wrong_secret_is_refused(s3: Bucket) -> None:
    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|403"):
        client(s3, "wrong").list_objects_v2(Bucket=s3.name)


def test_its_keys_are_not_shown(s3: Bucket) -> None:
    assert s3.secret_access_key not in repr(s3)
