"""Callbacks that Google signed are believed, and nothing else ever is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.errors import CredentialsError, SignatureError
from storyjob.api.outcome import Callback
from storyjob.providers.gemini import fetch_jwks
from storyjob.providers.signatures import verify
from support.vendors import SECRET, answering, connection

KEY, OTHER = generate_private_key(65537, 2048), generate_private_key(65537, 2048)
SMALL = generate_private_key(65537, 1024)
NOW = 1_800_000_000
BODY = json.dumps({"type": "interaction.completed", "version": "v1", "data": {"id": "v1_abc-123"}}).encode()


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def a_jwks(*keys: RSAPrivateKey, **more: Any) -> str:
    numbers = [key.public_key().public_numbers() for key in keys]
    entries = [
        {"kty": "RSA", "kid": f"key-{at}", "n": whole(one.n), "e": whole(one.e)} for at, one in enumerate(numbers)
    ]
    return json.dumps({"keys": [entry | more for entry in entries]})


def whole(number: int) -> str:
    return text(number.to_bytes((number.bit_length() + 7) // 8))


def a_token(key: RSAPrivateKey = KEY, head: dict[str, Any] | None = None, **claims: Any) -> str:
    head = {"alg": "RS256", "kid": "key-0"} | (head or {})
    signed = ".".join(text(json.dumps(part).encode()) for part in (head, {"iat": NOW, "exp": NOW + 60} | claims))
    return f"{signed}.{text(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def headers(token: str | None = None, *, event: str = "evt-1", at: object = NOW) -> dict[str, str]:
    return {
        "Webhook-Id": event,
        "webhook-timestamp": str(at),
        "Webhook-Signature": a_token() if token is None else token,
    }


JWKS = a_jwks(KEY)


@pytest.mark.parametrize(
    ("token", "keys"),
    [
        pytest.param(a_token(), [JWKS], id="as Google sends it"),
        pytest.param(a_token(aud="projects/7", iss="somebody"), [JWKS], id="for whatever audience"),
        pytest.param(a_token(exp=None, iat=None), [JWKS], id="without times"),
        pytest.param(a_token(head={"kid": "key-1"}), [a_jwks(OTHER, KEY)], id="with one of two keys"),
        pytest.param(a_token(head={"kid": None}), [a_jwks(OTHER, KEY)], id="with a key that is not named"),
        pytest.param(a_token(), ["garbage", '{"keys": [7, {}]}', JWKS], id="next to useless keys"),
        pytest.param(a_token(), [a_jwks(KEY, n=whole(3)), JWKS], id="next to a number that is no key"),
    ],
)
def test_a_genuine_callback_is_believed(token: str, keys: list[str]) -> None:
    assert verify("gemini", headers(token), BODY, keys, NOW) == Callback("evt-1", "v1_abc-123", ended=True)


def unsigned(alg: str) -> str:
    return ".".join(text(json.dumps(part).encode()) for part in ({"alg": alg, "kid": "key-0"}, {})) + ".AAAA"


@pytest.mark.parametrize(
    ("given_headers", "keys", "now"),
    [
        pytest.param({}, [JWKS], NOW, id="no headers"),
        pytest.param(headers(""), [JWKS], NOW, id="no token"),
        pytest.param(headers("v1,AAAA"), [JWKS], NOW, id="a signature of another scheme"),
        pytest.param(headers(unsigned("none")), [JWKS], NOW, id="a token that says it needs no signature"),
        pytest.param(headers(unsigned("HS256")), [JWKS], NOW, id="a token signed with the public key as a secret"),
        pytest.param(headers(a_token(OTHER)), [JWKS], NOW, id="the key of somebody else"),
        pytest.param(headers(a_token(head={"kid": "key-9"})), [JWKS], NOW, id="a key that is not published"),
        pytest.param(headers(a_token(SMALL)), [a_jwks(SMALL)], NOW, id="a key too small"),
        pytest.param(headers(a_token()[:-8] + "AAAAAAAA"), [JWKS], NOW, id="a changed signature"),
        pytest.param(headers(a_token(exp=NOW - 301)), [JWKS], NOW, id="a token that has expired"),
        pytest.param(headers(a_token(iat=NOW + 301)), [JWKS], NOW, id="a token of tomorrow"),
        pytest.param(headers(a_token(exp="soon")), [JWKS], NOW, id="a time that is none"),
        pytest.param(headers(at=NOW - 301), [JWKS], NOW, id="too old"),
        pytest.param(headers(at="1.8e9"), [JWKS], NOW, id="a timestamp that is no integer"),
        pytest.param(headers(event="a b"), [JWKS], NOW, id="an id of two words"),
        pytest.param(headers(), [], NOW, id="no key known"),
        pytest.param(headers(), ["{", "[" * 100_000, "whsec_AAAA"], NOW, id="no usable key known"),
        pytest.param(headers(), [a_jwks(KEY, kty="EC")], NOW, id="a key of another kind"),
        pytest.param(headers(), [JWKS], float("nan"), id="by a clock that is none"),
    ],
)
def test_everything_else_is_refused(given_headers: dict[str, str], keys: list[str], now: float) -> None:
    with pytest.raises(SignatureError):
        verify("gemini", given_headers, BODY, keys, now)


@given(st.text(), st.text())
def test_no_header_breaks_the_check(token: str, event: str) -> None:
    with pytest.raises(SignatureError):
        verify("gemini", headers(token, event=event), BODY, [JWKS], NOW)


@pytest.mark.parametrize(
    ("body", "job"),
    [
        pytest.param({"data": {"id": "v1_x"}}, "v1_x", id="an interaction"),
        pytest.param({"data": {"id": "../x"}}, None, id="an id that bends a path"),
        pytest.param({"data": []}, None, id="no data"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_which_job_it_is_about(body: dict[str, Any], job: str | None) -> None:
    assert verify("gemini", headers(), json.dumps(body).encode(), [JWKS], NOW).job_id == job


async def test_the_keys_are_fetched_without_the_accounts_own() -> None:
    vendor = answering(200, json=json.loads(JWKS))

    assert json.loads(await fetch_jwks(connection("gemini", vendor))) == json.loads(JWKS)

    (asked,) = vendor.asked
    assert str(asked.url) == "https://generativelanguage.googleapis.com/.well-known/jwks.json"
    assert SECRET not in str(asked.headers)


@pytest.mark.parametrize("document", [{"keys": []}, {"error": {"message": "no"}}], ids=["no key", "no JWKS"])
async def test_keys_that_cannot_be_had_are_told(document: dict[str, Any]) -> None:
    with pytest.raises(CredentialsError, match=r"spec\.webhook"):
        await fetch_jwks(connection("gemini", answering(200, json=document)))
