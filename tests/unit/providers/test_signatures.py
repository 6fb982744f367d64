"""Genuine callbacks are believed, and nothing else ever is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replicate.webhook import Webhooks, WebhookSigningSecret
from standardwebhooks.webhooks import Webhook

from storyjob.api.errors import SignatureError
from storyjob.api.outcome import Callback
from storyjob.providers.registry import PROVIDERS
from storyjob.providers.signatures import calling_types, scheme_of, verify

KEY = b"0123456789abcdef01234567"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(b"another key of some length").decode()
NOW = 1_800_000_000
BODY = json.dumps({"id": "abc123", "status": "succeeded"}).encode()


def signature(body: bytes = BODY, *, event: str = "msg_1", at: str = str(NOW), key: bytes = KEY) -> str:
    digest = hmac.digest(key, f"{event}.{at}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def headers(signed: str | None = None, *, event: str = "msg_1", at: str = str(NOW)) -> dict[str, str]:
    return {
        "Webhook-Id": event,
        "webhook-timestamp": at,
        "WEBHOOK-SIGNATURE": signed if signed is not None else signature(event=event, at=at),
    }


def test_a_genuine_callback_is_believed() -> None:
    assert verify("replicate", headers(), BODY, [SECRET], NOW) == Callback("msg_1", "abc123")


@pytest.mark.parametrize(
    ("signed", "secrets", "now"),
    [
        pytest.param(signature(), [OTHER, SECRET], NOW, id="with one of several secrets"),
        pytest.param(f"v1,AAAA v1a,xyz {signature()}", [SECRET], NOW, id="with one of several signatures"),
        pytest.param(signature(), [SECRET.removeprefix("whsec_")], NOW, id="with a secret without its prefix"),
        pytest.param(signature(), ["garbage!", "", "whsec_", f"{SECRET}\n"], NOW, id="next to useless secrets"),
        pytest.param(signature(), [SECRET], NOW + 299.0, id="almost too late"),
        pytest.param(signature(), [SECRET], NOW - 299.0, id="by a clock that is ahead"),
    ],
)
def test_a_genuine_callback_is_believed_also(signed: str, secrets: list[str], now: float) -> None:
    assert verify("replicate", headers(signed), BODY, secrets, now).event_id == "msg_1"


def test_a_secret_without_padding_works() -> None:
    key = b"twenty-five bytes are odd"
    secret = "whsec_" + base64.b64encode(key).decode().rstrip("=")

    assert verify("replicate", headers(signature(key=key)), BODY, [secret], NOW).job_id == "abc123"


@pytest.mark.parametrize("body", [b'"text"', b"[]", b"{}", b'{"id": 7}', b'{"id": "../x"}', b'{"id": ""}'])
def test_a_genuine_callback_that_names_no_job_still_counts(body: bytes) -> None:
    assert verify("replicate", headers(signature(body)), body, [SECRET], NOW) == Callback("msg_1", None)


@pytest.mark.parametrize(
    ("given_headers", "body", "secrets", "now"),
    [
        pytest.param({}, BODY, [SECRET], NOW, id="no headers"),
        pytest.param({**headers(), "webhook-id": "again"}, BODY, [SECRET], NOW, id="a header twice"),
        pytest.param(headers(event="m 1"), BODY, [SECRET], NOW, id="an id with a space"),
        pytest.param(headers(event="m" * 257), BODY, [SECRET], NOW, id="an id too long"),
        pytest.param(headers(at="1.8e9"), BODY, [SECRET], NOW, id="a time that is no integer"),
        pytest.param(headers(at="١٨٠٠٠٠٠٠٠٠"), BODY, [SECRET], NOW, id="digits of another script"),
        pytest.param(headers(at="9" * 5000), BODY, [SECRET], NOW, id="a time without end"),
        pytest.param(headers(), BODY, [SECRET], NOW + 301, id="too old"),
        pytest.param(headers(), BODY, [SECRET], NOW - 301, id="from the future"),
        pytest.param(headers(), BODY, [SECRET], float("nan"), id="by a clock that is none"),
        pytest.param(headers(), BODY + b" ", [SECRET], NOW, id="a changed body"),
        pytest.param(headers(signature(event="msg_2")), BODY, [SECRET], NOW, id="another id signed"),
        pytest.param(headers(signature(at=str(NOW - 1))), BODY, [SECRET], NOW, id="another time signed"),
        pytest.param(headers(signature(key=b"x")), BODY, [SECRET], NOW, id="another key"),
        pytest.param(headers(signature(key=b"")), BODY, ["whsec_", ""], NOW, id="signed with the empty key"),
        pytest.param(headers(), BODY, [], NOW, id="no secret known"),
        pytest.param(headers(), BODY, ["whsec_!!!", "schlüssel"], NOW, id="no usable secret known"),
        pytest.param(headers("nocomma"), BODY, [SECRET], NOW, id="a signature without a comma"),
        pytest.param(headers("v1,"), BODY, [SECRET], NOW, id="an empty signature"),
        pytest.param(headers("v1,ü v1,=== ,"), BODY, [SECRET], NOW, id="garbled signatures"),
        pytest.param(headers(signature().replace("v1", "v2")), BODY, [SECRET], NOW, id="another version"),
        pytest.param(headers("v1,AAAA " * 16 + signature()), BODY, [SECRET], NOW, id="hidden behind sixteen others"),
        pytest.param(headers(signature(b"\xff")), b"\xff", [SECRET], NOW, id="signed, but no text"),
        pytest.param(headers(signature(b"[" * 100_000)), b"[" * 100_000, [SECRET], NOW, id="signed, but too deep"),
    ],
)
def test_everything_else_is_refused(given_headers: dict[str, str], body: bytes, secrets: list[str], now: float) -> None:
    with pytest.raises(SignatureError):
        verify("replicate", given_headers, body, secrets, now)


@pytest.mark.parametrize("provider_type", ["elevenlabs", "vertex-veo", "nobody", "", "Replicate"])
def test_a_type_that_never_calls_is_never_believed(provider_type: str) -> None:
    with pytest.raises(SignatureError, match="sends no webhooks"):
        verify(provider_type, headers(), BODY, [SECRET], NOW)


def test_every_type_that_calls_back_is_listed() -> None:
    calling = {name for name, known in PROVIDERS.items() if "Webhook" in known.capabilities.modes}

    assert calling - {"http"} == calling_types()  # a service of type http says itself how it calls back


@pytest.mark.parametrize(("provider_type", "signs"), [("replicate", True), ("luma", False)])
def test_a_type_that_does_not_sign_has_no_check(provider_type: str, signs: bool) -> None:
    scheme = scheme_of({"type": provider_type})

    assert scheme is not None
    assert (scheme.check is not None) is signs


@pytest.mark.parametrize("spec", [{}, {"type": "nobody"}, {"type": "elevenlabs"}, {"type": "http"}])
def test_a_provider_that_never_calls_has_no_scheme(spec: dict[str, str]) -> None:
    assert scheme_of(spec) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"id": "g1", "state": "queued"}, ("g1", False), id="queued"),
        pytest.param({"id": "g1", "state": "dreaming"}, ("g1", False), id="at work"),
        pytest.param({"id": "g1", "state": "completed"}, ("g1", True), id="completed"),
        pytest.param({"id": "g1", "state": "failed"}, ("g1", True), id="failed"),
        pytest.param({"id": "g1", "state": "new word"}, ("g1", True), id="a state nobody knows is asked about"),
        pytest.param({"id": "../g1"}, (None, True), id="an id that is a path"),
    ],
)
def test_an_unsigned_callback_says_how_the_job_stands(body: dict[str, str], expected: tuple[str | None, bool]) -> None:
    callback = verify("luma", {}, json.dumps(body).encode(), [], NOW)

    assert (callback.job_id, callback.ended) == expected


def test_we_agree_with_the_official_libraries() -> None:
    at = datetime.now(UTC)
    signed = Webhook(SECRET).sign("msg_1", at, BODY.decode())
    given_headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signed,
    }

    assert verify("replicate", given_headers, BODY, [SECRET], at.timestamp()).job_id == "abc123"
    Webhooks.validate(headers=given_headers, body=BODY.decode(), secret=WebhookSigningSecret(key=SECRET))
    with pytest.raises(SignatureError):
        verify("replicate", given_headers, BODY + b"x", [SECRET], at.timestamp())


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "x"]), st.text()),
    st.binary(),
    st.lists(st.text() | st.just(SECRET)),
    st.floats(),
)
def test_whatever_comes_in_the_only_error_is_ours(
    given_headers: dict[str, str], body: bytes, secrets: list[str], now: float
) -> None:
    with pytest.raises(SignatureError):
        verify("replicate", given_headers, body, secrets, now)


@given(st.binary())
def test_whatever_is_signed_gives_a_callback_or_our_error(body: bytes) -> None:
    try:
        callback = verify("replicate", headers(signature(body)), body, [SECRET], NOW)
    except SignatureError:
        return
    assert callback.event_id == "msg_1"
