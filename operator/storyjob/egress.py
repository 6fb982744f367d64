"""Decides which network addresses may be reached; providers and downloads go out through here only.

Public https addresses may be reached, and what the operator's own allow-list names: ``host`` (any port) or
``host:port``. Nothing that a user or a provider writes can widen that. The address is judged when connecting,
on the IP that is really connected to, so a DNS answer that changes between check and use helps nobody.
"""

from __future__ import annotations

import http.cookiejar
import logging
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

import httpx
from httpx_secure import SSRFProtectionError, httpx_ssrf_protection

from storyjob.api.errors import InvalidInput

# Short, since endpoints behind load balancers change their addresses.
DNS_CACHE_SECONDS = 30.0
# Addresses that carry an IPv4 address in their last or middle bytes: NAT64 and 6to4.
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_DEFAULT_PORTS = {"http": 80, "https": 443}

Forbidden = SSRFProtectionError
"""What a request raises, an ``httpx.RequestError``, when its address may not be reached. Nothing was sent."""


def public_client(
    allowed_hosts: Sequence[str], *, timeout: httpx.Timeout, limits: httpx.Limits | None = None
) -> httpx.AsyncClient:
    """Return a client that reaches public https addresses and the allow-list, and nothing else.

    It follows no redirects, reads no proxy or netrc settings, keeps no cookies, and logs no URL's query.
    A forbidden address raises ``Forbidden``. Close the client when done.
    """
    allowed = frozenset(entry.lower() for entry in allowed_hosts)

    async def check_request(request: httpx.Request) -> None:
        try:
            check_url(str(request.url), allowed)
        except InvalidInput as error:
            host, port = request.url.host, request.url.port or 0
            raise Forbidden(str(error), request=request, hostname=host, ip_addr=None, port=port) from error

    def may_connect(host: str, address: IPv4Address | IPv6Address, port: int) -> bool:
        return _listed(host, port, allowed) or is_public(address)

    client = httpx.AsyncClient(
        timeout=timeout,
        limits=limits or httpx.Limits(),
        trust_env=False,
        follow_redirects=False,
        cookies=_no_cookies(),
        event_hooks={"request": [check_request]},
    )
    _keep_queries_out_of_logs()
    return httpx_ssrf_protection(
        client,
        check_globally_reachable=False,
        custom_validator=may_connect,
        dns_cache_ttl=DNS_CACHE_SECONDS,
    )


def check_url(url: str, allowed_hosts: Iterable[str]) -> None:
    """Raise ``InvalidInput`` when this URL may not be reached, as far as can be told without connecting."""
    parts = _split(url)
    host, port = parts.hostname or "", _port(parts)
    if parts.scheme not in _DEFAULT_PORTS:
        raise InvalidInput(f'"{shown(url)}" is not an https:// address')
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(f'"{shown(url)}" has a user name or password in it; put credentials into a Secret')
    if not host or any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidInput(f'"{shown(url)}" names no valid host')
    if _listed(host, port, {entry.lower() for entry in allowed_hosts}):
        return
    remedy = "only the operator's allow-list of hosts can permit it"
    if parts.scheme == "http":
        raise InvalidInput(f'"{shown(url)}" is not encrypted; use https://, or {remedy}')
    try:
        address = ip_address(host)
    except ValueError:
        return
    if not is_public(address):
        raise InvalidInput(f'"{shown(url)}" is a private address; {remedy}')


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is on the public internet, also when it hides an IPv4 address inside."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(address.packed[-4:]))
        if address in _SIX_TO_FOUR:
            return is_public(IPv4Address(address.packed[2:6]))
    return address.is_global and not address.is_multicast


def shown(url: str) -> str:
    """Return the URL as it may be shown and logged: without user name, query and fragment."""
    try:
        parts = _split(url)
        host = parts.netloc.rpartition("@")[2]
    except InvalidInput:
        return "(not a URL)"
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else f"{host}{parts.path}"


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL: credentials may go to an equal origin only."""
    parts = _split(url)
    return parts.scheme, (parts.hostname or "").rstrip("."), _port(parts)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _port(parts)
    except ValueError as error:
        raise InvalidInput("not a URL: its host or port is malformed") from error
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else _DEFAULT_PORTS.get(parts.scheme, 0)


def _listed(host: str, port: int, allowed: Iterable[str]) -> bool:
    name = host.lower().strip("[]").rstrip(".")
    bracketed = f"[{name}]" if ":" in name else name
    return any(entry in {name, bracketed, f"{bracketed}:{port}"} for entry in allowed)


def _no_cookies() -> http.cookiejar.CookieJar:
    # The client is shared by all namespaces; a cookie that one provider sets must not follow another's request.
    return http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))


class _QueryFilter(logging.Filter):
    """Cuts the queries of URLs from httpx's own log lines: they carry tokens and signatures."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(shown(str(a)) if isinstance(a, httpx.URL) else a for a in record.args)
        return True


def _keep_queries_out_of_logs() -> None:
    logger = logging.getLogger("httpx")
    if not any(isinstance(each, _QueryFilter) for each in logger.filters):
        logger.addFilter(_QueryFilter())
    # Below INFO it logs response headers, with the signed addresses of redirects.
    logging.getLogger("httpcore").setLevel(logging.INFO)
