"""What vendors write is cut, cleaned and relieved of secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.providers.cleaning import MAX_CHARACTERS, clean


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("plain", "plain", id="plain text stays"),
        pytest.param("a\r\n\tb\x00c  d", "a b c d", id="one line"),
        pytest.param("\x1b[31mred\u202e\u200b", "[31mred", id="no escapes, no overrides"),
        pytest.param("key my-own-secret!", "key [redacted]!", id="a given secret"),
        pytest.param("r8_0123456789abcdef", "[redacted]", id="a Replicate token"),
        pytest.param("sk_0123456789abcdef", "[redacted]", id="an ElevenLabs key"),
        pytest.param("key AIzaSyA0123456789", "key [redacted]", id="a Google key"),
        pytest.param("whsec_MDEyMzQ1Njc4", "[redacted]", id="a signing secret"),
        pytest.param("Bearer abcdefgh.ijk", "[redacted]", id="a bearer token"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----", "[redacted]", id="a private key"),
        pytest.param("at https://h.example/p?token=1&x=2 now", "at https://h.example/p?… now", id="queries"),
        pytest.param("got data:image/png;base64,iVBORw0KGgo= here", "got data:… here", id="data URLs"),
    ],
)
def test_clean(text: str, wanted: str) -> None:
    assert clean(text, ["my-own-secret"]) == wanted


def test_a_secret_at_the_cut_is_not_halved() -> None:
    secret = "s3cr3t-s3cr3t"

    assert "s3c" not in clean("x" * (MAX_CHARACTERS - 5) + secret, [secret])


def test_a_secret_too_short_to_be_one_spoils_nothing() -> None:
    assert clean("a cat", ["a"]) == "a cat"


@given(st.text(max_size=2000), st.lists(st.text(min_size=6, alphabet=st.characters(categories=["L", "N"])), max_size=3))
def test_whatever_comes_is_short_printable_and_free_of_secrets(text: str, secrets: list[str]) -> None:
    shown = clean(text + " ".join(secrets), secrets)

    assert len(shown) <= MAX_CHARACTERS
    assert shown.isprintable()
    assert not [secret for secret in secrets if secret in shown.replace("[redacted]", "")]
