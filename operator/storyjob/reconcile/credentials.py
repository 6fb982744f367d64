"""Reads a provider's credentials, from Secrets that were labelled for it and from no others."""

from __future__ import annotations

import base64
import binascii

from storyjob.api.errors import CredentialsError
from storyjob.api.mediaprovider import SecretKey
from storyjob.api.resource import CREDENTIALS_LABEL
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import Forbidden, NotFound
from storyjob.cluster.resources import SECRETS


async def read_secret(cluster: Cluster, namespace: str, ref: SecretKey) -> str:
    """Return one value of one Secret. Raises ``CredentialsError`` that says what to mend."""
    try:
        secret = await cluster.get(SECRETS, namespace, ref.name)
    except NotFound as error:
        raise CredentialsError(f'Secret "{ref.name}" does not exist in namespace "{namespace}"; create it') from error
    except Forbidden as error:
        raise CredentialsError(
            f'Secret "{ref.name}": the operator may not read Secrets in namespace "{namespace}"; check its role'
        ) from error
    if (secret["metadata"].get("labels") or {}).get(CREDENTIALS_LABEL) != "true":
        # Else whoever may create a MediaProvider could have any Secret sent to a host of theirs.
        raise CredentialsError(f'Secret "{ref.name}" lacks the label {CREDENTIALS_LABEL}: "true"; add it')
    encoded = (secret.get("data") or {}).get(ref.key)
    if encoded is None:
        raise CredentialsError(f'Secret "{ref.name}" has no key "{ref.key}"; add it or name another')
    try:
        value = base64.b64decode(encoded).decode().strip()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise CredentialsError(f'Secret "{ref.name}", key "{ref.key}" is not text') from error
    if not value:
        raise CredentialsError(f'Secret "{ref.name}", key "{ref.key}" is empty')
    return value
