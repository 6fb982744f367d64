"""Only public https addresses and the operator's own list can be reached."""

from __future__ import annotations

import logging
from ipaddress import ip_address

import httpx
import pytest

from storyjob.api.errors import InvalidInput
from storyjob.egress import Forbidden, check_url, is_public, origin, public_client, shown

ALLOWED = ("comfy.media.svc:8188", "127.0.0.1", "[::1]:9000")


@pytest.mark.parametrize(
    "url",
    [
        *("https://api.example.com/v1?x=1", "https://1.1.1.1/", "https://api.example.com:8443/"),
        *("http://comfy.media.svc:8188/prompt", "https://comfy.media.svc:8188/", "HTTP://COMFY.media.svc:8188/"),
        *("http://127.0.0.1:1/", "http://127.0.0.1/", "http://[::1]:9000/", "http://comfy.media.svc.:8188/"),
    ],
)
def test_what_may_be_reached(url: str) -> None:
    check_url(url, ALLOWED)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("http://api.example.com/", "not encrypted", id="plain http"),
        pytest.param("http://comfy.media.svc/", "not encrypted", id="listed host, another port"),
        pytest.param("ftp://api.example.com/", "not an https", id="another scheme"),
        pytest.param("file:///etc/passwd", "not an https", id="a file"),
        pytest.param("api.example.com", "not an https", id="no scheme"),
        pytest.param("https://", "no valid host", id="no host"),
        pytest.param("https://user:pw@api.example.com/", "user name", id="credentials"),
        pytest.param("https://127.0.0.1@api.example.com/", "user name", id="a host that hides as a user"),
        pytest.param("https://10.0.0.1/", "private", id="private"),
        pytest.param("https://169.254.169.254/latest/meta-data", "private", id="cloud metadata"),
        pytest.param("https://[::ffff:10.0.0.1]/", "private", id="IPv4 inside IPv6"),
        pytest.param("https://[64:ff9b::a00:1]/", "private", id="IPv4 behind NAT64"),
        pytest.param("https://[2002:a00:1::]/", "private", id="IPv4 inside 6to4"),
        pytest.param("https://[fd00::1]/", "private", id="unique local"),
        pytest.param("https://api.example.com:99999/", "malformed", id="port out of range"),
        pytest.param("https://[::1/", "malformed", id="broken brackets"),
        pytest.param("https://api.example.com/a\x00b", "no valid host", id="control character"),
    ],
)
def test_what_may_not_be_reached(url: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        check_url(url, ALLOWED)


@pytest.mark.parametrize("address", ["224.0.0.1", "ff02::1", "0.0.0.0", "100.64.0.1", "::", "192.0.2.1"])
def test_no_special_address_is_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_what_is_shown_of_a_url_carries_no_secret() -> None:
    assert shown("https://u:p@h.example:1/a/b?X-Amz-Signature=s#t") == "https://h.example:1/a/b"
    assert shown("https://[::1/?token=s") == "(not a URL)"


def test_origins_tell_scheme_host_and_port_apart() -> None:
    assert origin("https://A.example/x") == origin("https://a.example:443")
    assert origin("https://a.example") != origin("http://a.example:443")
    assert origin("https://a.example") != origin("https://a.example:8443")


async def test_a_client_refuses_before_connecting() -> None:
    async with public_client((), timeout=httpx.Timeout(5)) as client:
        for url in ("http://127.0.0.1:9/", "https://127.0.0.1:9/", "https://localhost:9/"):
            with pytest.raises((Forbidden, httpx.ConnectError)):
                await client.get(url)


async def test_the_clients_own_log_lines_carry_no_query(caplog: pytest.LogCaptureFixture) -> None:
    async with public_client(("127.0.0.1",), timeout=httpx.Timeout(5)):
        with caplog.at_level(logging.INFO, logger="httpx"):
            url = httpx.URL("https://h.example/a?token=secret")
            logging.getLogger("httpx").info("HTTP Request: %s %s", "GET", url)
    assert caplog.messages == ["HTTP Request: GET https://h.example/a"]
