"""Where links in answers may lead, and that credentials stay at home."""

from __future__ import annotations

import pytest

from storyjob.api.errors import InvalidInput
from storyjob.providers.http.hosts import is_own, link

ENDPOINT = "https://api.example.com/v2"


@pytest.mark.parametrize(
    ("url", "allowed", "expected"),
    [
        pytest.param("https://api.example.com/x", [], "https://api.example.com/x", id="the endpoint's own host"),
        pytest.param("jobs/1", [], "https://api.example.com/v2/jobs/1", id="relative to the endpoint"),
        pytest.param("/jobs/1", [], "https://api.example.com/jobs/1", id="relative to the host"),
        pytest.param("https://cdn.example.net/x", ["cdn.example.net"], "https://cdn.example.net/x", id="a host"),
        pytest.param("https://CDN.example.net/x", ["cdn.Example.net"], "https://CDN.example.net/x", id="in any case"),
        pytest.param("https://a.b.net/x", ["*.b.net"], "https://a.b.net/x", id="below a name"),
        pytest.param("https://any.where/x", ["*"], "https://any.where/x", id="anywhere"),
        pytest.param("https://b.net:8443/x", ["b.net:8443"], "https://b.net:8443/x", id="a port"),
    ],
)
def test_a_link_that_may_be_followed(url: str, allowed: list[str], expected: str) -> None:
    assert link(url, ENDPOINT, allowed) == expected


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        pytest.param("https://evil.example/x", [], id="another host"),
        pytest.param("http://api.example.com/x", [], id="not encrypted"),
        pytest.param("https://api.example.com:444/x", [], id="another port"),
        pytest.param("//evil.example/x", [], id="another host, without a scheme"),
        pytest.param("https://api.example.com@evil.example/x", ["*"], id="a user name"),
        pytest.param("https://api.example.com\\@evil.example/x", ["*"], id="a backslash"),
        pytest.param("https://xb.net/x", ["*.b.net"], id="a name that only ends alike"),
        pytest.param("https://b.net/x", ["*.b.net"], id="the name itself"),
        pytest.param("https://b.net/x", ["b.net:8443"], id="not the port"),
        pytest.param("file:///etc/passwd", ["*"], id="a file"),
        pytest.param("gopher://b.net/x", ["*"], id="another protocol"),
        pytest.param("https://[::1/x", ["*"], id="half an address"),
        pytest.param("https://a b/x", ["*"], id="a space"),
    ],
)
def test_a_link_that_may_not_be_followed(url: str, allowed: list[str]) -> None:
    with pytest.raises(InvalidInput):
        link(url, ENDPOINT, allowed)


def test_the_refusal_names_the_remedy() -> None:
    with pytest.raises(InvalidInput, match=r"add 'cdn\.example\.net' to spec\.http\.allowedHosts"):
        link("https://cdn.example.net/x?token=secret", ENDPOINT, [])


def test_only_the_same_origin_is_the_endpoint_s_own() -> None:
    assert is_own("https://api.example.com/else/where", ENDPOINT)
    assert not is_own("https://cdn.example.com/x", ENDPOINT)
    assert not is_own("http://api.example.com/x", ENDPOINT)
