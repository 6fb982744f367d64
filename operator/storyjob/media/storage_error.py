"""Says in plain words what an S3 failure means and what to do about it."""

from __future__ import annotations

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSLError,
)

from storyjob.api.errors import StorageError

S3_ERRORS = (BotoCoreError, ClientError, Boto3Error)
MISSING = frozenset({"404", "NoSuchKey", "NotFound"})

_ACCESS = (
    "access denied: the credentials need s3:GetObject, s3:PutObject, s3:DeleteObject on the prefix and "
    "s3:ListBucket on the bucket (without the last, a missing object looks like a forbidden one)"
)
_REGION = "the bucket is in another region: set the S3 region"
_KEYS = "the store does not know these credentials: check the access key and the secret key"
_BUSY = "the store is overloaded; it is tried again"
_REMEDIES = {
    "NoSuchBucket": "the bucket does not exist: create it, or correct its name",
    "AccessDenied": _ACCESS,
    "403": _ACCESS,
    "Forbidden": _ACCESS,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": "the credentials have expired: renew them",
    "RequestTimeTooSkewed": "the clocks of this machine and of the store differ: correct them",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "301": _REGION,
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "503": _BUSY,
    "XMinioStorageFull": "the store is full: free some space",
    "507": "the store is full: free some space",
}
_UNREACHABLE = (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, ConnectionClosedError)


def error_code(error: Exception) -> str:
    """Return the store's own code for an error, or an empty string when it gave none."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def storage_error(operation: str, place: str, endpoint: str | None, error: Exception) -> StorageError:
    """Return the error to raise: operation, object, and what to do."""
    return StorageError(f"S3 {operation} of {place} failed: {_remedy(endpoint, error)}")


def too_late(operation: str, place: str, endpoint: str | None, seconds: float) -> StorageError:
    """Return the error to raise when a store said nothing, or not all, in time."""
    where = endpoint or "the AWS endpoint"
    return StorageError(f"S3 {operation} of {place} failed: {where} did not finish within {seconds:.0f} s: check it")


def _remedy(endpoint: str | None, error: Exception) -> str:
    code = error_code(error)
    if code:
        return _REMEDIES.get(code, f"the store answered {code}: {str(error)[:200]}")
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return "no credentials found: set the access key and the secret key, or give the pod an AWS role"
        case SSLError():
            return f"the certificate of {endpoint or 'the AWS endpoint'} is not trusted: add its CA"
        case _ if isinstance(error, _UNREACHABLE):
            kind = type(error).__name__
            return f"{endpoint or 'the AWS endpoint'} cannot be reached ({kind}): check the endpoint and network"
        case _:
            return f"{type(error).__name__}: {str(error)[:200]}"
