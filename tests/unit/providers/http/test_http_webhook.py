"""Callbacks of declared services: which are genuine, and what they say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from storyjob.api.errors import SignatureError
from storyjob.api.http.webhook import Webhook
from storyjob.api.outcome import Callback
from storyjob.providers.http.webhook import MAX_VALUES, scheme_of
from storyjob.providers.signatures import judge
from storyjob.providers.signatures import scheme_of as scheme_of_spec
from support.callbacks import a_signing_secret, signed
from support.declared import example

BODY = json.dumps({"id": "j1", "state": "done"}).encode()
NOW = 1_700_000_000.0
KEY = "a-signing-key"
DIGEST = hmac.digest(KEY.encode(), BODY, hashlib.sha256)


def told(signature: dict[str, Any], headers: dict[str, str], body: bytes = BODY, *keys: str) -> Callback:
    """Return what a callback says to a service that signs in that way."""
    webhook = {"signature": signature, "jobId": "id", "endedWhen": "state != 'working'"}
    return judge(scheme_of(Webhook.model_validate(webhook)), headers, body, keys or (KEY,), NOW)


HEX = {"scheme": "HmacSHA256", "header": "X-Signature", "prefix": "sha256="}
BASE64 = {"scheme": "HmacSHA256", "header": "X-Signature", "format": "Base64"}


@pytest.mark.parametrize(
    ("signature", "value"),
    [
        pytest.param(HEX, f"sha256={DIGEST.hex()}", id="hex behind a prefix"),
        pytest.param(HEX, f"sha256={DIGEST.hex().upper()}", id="in capitals"),
        pytest.param(BASE64, base64.b64encode(DIGEST).decode(), id="base64"),
    ],
)
def test_a_genuine_callback_is_believed(signature: dict[str, Any], value: str) -> None:
    callback = told(signature, {"x-signature": value})

    assert (callback.job_id, callback.ended) == ("j1", True)


def test_any_of_several_keys_may_have_signed() -> None:
    assert told(HEX, {"X-Signature": f"sha256={DIGEST.hex()}"}, BODY, "another", KEY).job_id == "j1"


@pytest.mark.parametrize(
    ("signature", "headers", "body", "keys"),
    [
        pytest.param(HEX, {}, BODY, (KEY,), id="no signature"),
        pytest.param(HEX, {"X-Signature": DIGEST.hex()}, BODY, (KEY,), id="no prefix"),
        pytest.param(HEX, {"X-Signature": "sha256="}, BODY, (KEY,), id="an empty one"),
        pytest.param(HEX, {"X-Signature": "sha256=zz"}, BODY, (KEY,), id="no hex"),
        pytest.param(BASE64, {"X-Signature": "???"}, BODY, (KEY,), id="no base64"),
        pytest.param(HEX, {"X-Signature": f"sha256={DIGEST.hex()}"}, BODY + b" ", (KEY,), id="another body"),
        pytest.param(HEX, {"X-Signature": f"sha256={DIGEST.hex()}"}, BODY, ("other",), id="another key"),
        pytest.param(HEX, {"X-Signature": f"sha256={DIGEST.hex()}"}, BODY, ("",), id="an empty key"),
        pytest.param(
            HEX,
            {"X-Signature": f"sha256={DIGEST.hex()}", "x-signature": "sha256=00"},
            BODY,
            (KEY,),
            id="two signatures",
        ),
    ],
)
def test_everything_else_is_refused(
    signature: dict[str, Any], headers: dict[str, str], body: bytes, keys: tuple[str, ...]
) -> None:
    with pytest.raises(SignatureError):
        told(signature, headers, body, *keys)


def test_an_empty_key_signs_for_nobody() -> None:
    forged = hmac.digest(b"", BODY, hashlib.sha256).hex()

    with pytest.raises(SignatureError):
        told(HEX, {"X-Signature": f"sha256={forged}"}, BODY, "")


def test_standard_webhooks_are_checked_as_everywhere() -> None:
    secret = a_signing_secret()

    assert told({"scheme": "StandardWebhooks"}, signed(secret, BODY, at=NOW), BODY, secret).job_id == "j1"
    with pytest.raises(SignatureError):
        told({"scheme": "StandardWebhooks"}, signed(secret, BODY, at=NOW - 600), BODY, secret)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"id": "j1", "state": "working"}, ("j1", False)),
        ({"id": 17, "state": "done"}, ("17", True)),
        ({"id": "../x", "state": "done"}, (None, True)),
        ({}, (None, True)),
        ([], (None, True)),
        ({"id": "j1", "state": "working", "log": list(range(MAX_VALUES))}, (None, True)),
    ],
)
def test_what_an_unsigned_callback_says(body: Any, expected: tuple[str | None, bool]) -> None:
    callback = told({"scheme": "None"}, {}, json.dumps(body).encode())

    assert (callback.job_id, callback.ended) == expected


def test_without_expressions_each_callback_is_an_end() -> None:
    scheme = scheme_of(Webhook.model_validate({"signature": {"scheme": "None"}}))

    callback = judge(scheme, {}, BODY, (), NOW)

    assert (callback.job_id, callback.ended) == (None, True)


def test_a_provider_that_describes_no_callbacks_is_not_believed() -> None:
    spec = example("webhook")["spec"]
    assert scheme_of_spec(spec) is not None

    spec["http"]["webhook"]["jobId"] = "id["
    assert scheme_of_spec(spec) is None
    del spec["http"]["webhook"]
    assert scheme_of_spec(spec) is None
