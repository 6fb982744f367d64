"""Callbacks that fal signed are believed, and nothing else ever is."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.errors import SignatureError
from storyjob.api.outcome import Callback
from storyjob.providers.signatures import verify
from support.callbacks import a_jwks, signed_by_fal

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
JWKS = a_jwks(KEY)
NOW = 1_800_000_000
BODY = json.dumps({"request_id": "abc123", "status": "OK", "payload": {}}).encode()
GENUINE = signed_by_fal(KEY, BODY, at=NOW)


def changed(**headers: str) -> dict[str, str]:
    return GENUINE | {f"X-Fal-Webhook-{name.replace('_', '-').title()}": value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("headers", "keys"),
    [
        pytest.param(GENUINE, [JWKS], id="as fal sends it"),
        pytest.param({name.upper(): value for name, value in GENUINE.items()}, [JWKS], id="headers in capitals"),
        pytest.param(changed(signature=GENUINE["X-Fal-Webhook-Signature"].upper()), [JWKS], id="hex in capitals"),
        pytest.param(GENUINE, [a_jwks(OTHER, KEY)], id="with one of two keys while they are rotated"),
        pytest.param(GENUINE, [a_jwks(OTHER), JWKS], id="with one of two documents"),
        pytest.param(GENUINE, ["garbage", "[]", '{"keys": 7}', '{"keys": [7, {}]}', JWKS], id="next to useless keys"),
    ],
)
def test_a_genuine_callback_is_believed(headers: dict[str, str], keys: list[str]) -> None:
    assert verify("fal", headers, BODY, keys, NOW) == Callback("abc", "abc123", ended=True)


@pytest.mark.parametrize(
    ("headers", "body", "keys", "now"),
    [
        pytest.param({}, BODY, [JWKS], NOW, id="no headers"),
        pytest.param(GENUINE | {"x-fal-webhook-user-id": "two"}, BODY, [JWKS], NOW, id="a header twice"),
        pytest.param(changed(request_id="other"), BODY, [JWKS], NOW, id="another request id"),
        pytest.param(changed(request_id="a\nb"), BODY, [JWKS], NOW, id="a request id of two lines"),
        pytest.param(changed(user_id="other"), BODY, [JWKS], NOW, id="another user"),
        pytest.param(changed(user_id=""), BODY, [JWKS], NOW, id="no user"),
        pytest.param(changed(timestamp=str(NOW + 1)), BODY, [JWKS], NOW, id="another time"),
        pytest.param(changed(timestamp="1.8e9"), BODY, [JWKS], NOW, id="a time that is no integer"),
        pytest.param(changed(signature="zz" * 64), BODY, [JWKS], NOW, id="a signature that is not hex"),
        pytest.param(changed(signature="00" * 64), BODY, [JWKS], NOW, id="a signature of nothing"),
        pytest.param(changed(signature="00" * 63), BODY, [JWKS], NOW, id="a signature too short"),
        pytest.param(GENUINE, BODY + b" ", [JWKS], NOW, id="a changed body"),
        pytest.param(GENUINE, BODY, [a_jwks(OTHER)], NOW, id="the key of somebody else"),
        pytest.param(GENUINE, BODY, [], NOW, id="no key known"),
        pytest.param(GENUINE, BODY, ["whsec_AAAA", "{", "[" * 100_000], NOW, id="no usable key known"),
        pytest.param(GENUINE, BODY, [JWKS.replace("OKP", "EC")], NOW, id="a key of another kind"),
        pytest.param(GENUINE, BODY, [JWKS], NOW + 301, id="too old"),
        pytest.param(GENUINE, BODY, [JWKS], NOW - 301, id="from the future"),
        pytest.param(GENUINE, BODY, [JWKS], float("nan"), id="by a clock that is none"),
        pytest.param(signed_by_fal(KEY, b"\xff", at=NOW), b"\xff", [JWKS], NOW, id="signed, but no JSON"),
    ],
)
def test_everything_else_is_refused(headers: dict[str, str], body: bytes, keys: list[str], now: float) -> None:
    with pytest.raises(SignatureError):
        verify("fal", headers, body, keys, now)


@given(
    st.dictionaries(st.sampled_from([name.lower() for name in GENUINE]), st.text()),
    st.binary(),
    st.lists(st.text() | st.just(JWKS)),
    st.floats(),
)
def test_whatever_comes_in_the_only_error_is_ours(
    headers: dict[str, str], body: bytes, keys: list[str], now: float
) -> None:
    with pytest.raises(SignatureError):
        verify("fal", headers, body, keys, now)
