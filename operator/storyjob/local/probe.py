"""How to see that a process is ready: it answers HTTP."""

from __future__ import annotations

import ssl

import httpx

from storyjob.local.process import Probe


def answers(url: str) -> Probe:
    """Return a probe that says yes to any HTTP answer at all."""

    async def probe() -> bool:
        return await _status(url, {}, None) is not None

    return probe


def answers_ok(url: str, *, token: str | None = None, tls: ssl.SSLContext | None = None) -> Probe:
    """Return a probe that says yes once ``url`` answers 200."""
    headers = {"authorization": f"Bearer {token}"} if token else {}

    async def probe() -> bool:
        return await _status(url, headers, tls) == 200

    return probe


async def _status(url: str, headers: dict[str, str], tls: ssl.SSLContext | None) -> int | None:
    # The proxy of the user's environment must never stand between us and our own loopback.
    async with httpx.AsyncClient(verify=tls or False, trust_env=False, timeout=2.0) as http:
        try:
            return (await http.get(url, headers=headers)).status_code
        except httpx.TransportError:
            return None
