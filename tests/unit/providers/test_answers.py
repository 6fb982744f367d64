"""The table that decides what an answer to a submit means for our money, over every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from storyjob.api.outcome import FailureKind, JobPhase, Rejected, Unknown
from storyjob.egress import Forbidden
from storyjob.providers import exchange as exchange_module
from storyjob.providers.registry import provider_types
from support.vendors import JOBS, REQUESTS, SECRET, TOKEN, Vendor, an_attempt, answering, connect, raising

ALL = pytest.mark.parametrize("type_", provider_types())
POLLED = pytest.mark.parametrize("type_", ["replicate", "vertex-veo"])

K = FailureKind


@ALL
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(301, K.INVALID, id="moved for good: wrong endpoint"),
        pytest.param(307, K.INVALID, id="moved, same method: wrong endpoint"),
        pytest.param(308, K.INVALID, id="moved for good, same method: wrong endpoint"),
        pytest.param(400, K.INVALID, id="bad request"),
        pytest.param(401, K.UNAUTHORIZED, id="bad key"),
        pytest.param(402, K.QUOTA, id="no money"),
        pytest.param(403, K.UNAUTHORIZED, id="no right"),
        pytest.param(404, K.INVALID, id="no such model"),
        pytest.param(408, K.THROTTLED, id="the server gave up reading"),
        pytest.param(413, K.INVALID, id="too large"),
        pytest.param(418, K.INVALID, id="a 4xx nobody knows"),
        pytest.param(422, K.INVALID, id="bad input"),
        pytest.param(425, K.THROTTLED, id="too early"),
        pytest.param(429, K.THROTTLED, id="too many"),
        *(pytest.param(status, None, id=f"{status}: perhaps taken") for status in (302, 303, 304, 499)),
        *(pytest.param(status, None, id=f"{status}: perhaps taken") for status in (500, 501, 502, 503, 504, 520, 599)),
    ],
)
async def test_a_refused_submit(type_: str, status: int, kind: FailureKind | None) -> None:
    vendor = answering(status, json={"detail": "because"}, headers={"location": "https://elsewhere.example/x"})

    outcome = await connect(type_, vendor).submit(REQUESTS[type_], an_attempt())

    assert len(vendor.asked) == 1
    if kind is None:
        assert isinstance(outcome, Unknown)
        assert str(status) in outcome.message
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.failure.kind is kind


@ALL
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(httpx.ConnectError("refused"), K.UNAVAILABLE, id="connection refused or TLS failed"),
        pytest.param(httpx.ConnectTimeout("slow"), K.UNAVAILABLE, id="no connection in time"),
        pytest.param(httpx.PoolTimeout("busy"), K.UNAVAILABLE, id="our own pool is full"),
        pytest.param(httpx.ProxyError("407"), K.UNAVAILABLE, id="the proxy refused to connect"),
        pytest.param(httpx.UnsupportedProtocol("ftp"), K.INVALID, id="not http"),
        pytest.param(
            Forbidden("private", hostname="10.0.0.1", ip_addr=None, port=80), K.INVALID, id="refused by egress"
        ),
        pytest.param(httpx.WriteError("reset"), None, id="reset while sending"),
        pytest.param(httpx.WriteTimeout("slow"), None, id="sending took too long"),
        pytest.param(httpx.ReadError("reset"), None, id="reset before the answer"),
        pytest.param(httpx.ReadTimeout("slow"), None, id="no answer in time"),
        pytest.param(httpx.RemoteProtocolError("gone"), None, id="closed without an answer"),
        pytest.param(httpx.LocalProtocolError("odd"), None, id="our own protocol error"),
        pytest.param(httpx.DecodingError("gzip"), None, id="garbled answer"),
        pytest.param(httpx.RequestError("what"), None, id="an error nobody knows"),
    ],
)
async def test_a_submit_that_got_no_answer(type_: str, error: Exception, kind: FailureKind | None) -> None:
    vendor = raising(error)

    outcome = await connect(type_, vendor).submit(REQUESTS[type_], an_attempt())

    assert len(vendor.asked) == 1
    assert isinstance(outcome, Unknown) if kind is None else outcome == Rejected(outcome.failure)  # type: ignore[union-attr]
    if isinstance(outcome, Rejected):
        assert outcome.failure.kind is kind


@ALL
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>Please wait</html>", id="a proxy's page"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"id": true, "name": 7, "audio_base64": 7}', id="wrong types"),
        pytest.param(b'{"id": "../x", "name": "../x", "audio_base64": "???"}', id="names that are no names"),
        pytest.param(b"[" * 100_000, id="nested too deeply to parse"),
        pytest.param(b'{"id": ' + b"9" * 5000 + b"}", id="a number too long to parse"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
    ],
)
async def test_a_success_that_cannot_be_read_may_have_cost_money(type_: str, body: bytes) -> None:
    outcome = await connect(type_, answering(200, content=body)).submit(REQUESTS[type_], an_attempt())

    assert isinstance(outcome, Unknown)
    assert "may be charged" in outcome.message


@ALL
async def test_a_success_that_is_too_large_is_not_read_to_its_end(type_: str) -> None:
    produced = 0

    # It ends at last, so that an adapter that reads on fails here instead of eating the machine's memory.
    async def very_long() -> AsyncIterator[bytes]:
        nonlocal produced
        for _ in range(60):
            produced += 2**20
            yield b" " * 2**20

    vendor = Vendor(lambda request: httpx.Response(200, content=very_long()))

    outcome = await connect(type_, vendor).submit(REQUESTS[type_], an_attempt())

    assert isinstance(outcome, Unknown)
    assert "larger than" in outcome.message
    assert produced <= exchange_module.MEDIA_BYTES + 2 * 2**20


@ALL
async def test_a_success_that_breaks_off_may_have_cost_money(type_: str) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b'{"id": "abc"'
        raise httpx.ReadError("reset")

    vendor = Vendor(lambda request: httpx.Response(201, content=broken()))

    outcome = await connect(type_, vendor).submit(REQUESTS[type_], an_attempt())

    assert isinstance(outcome, Unknown)
    assert "broke off" in outcome.message


@ALL
async def test_a_refusal_whose_text_breaks_off_is_still_a_refusal(type_: str) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b'{"detail": "slow'
        raise httpx.ReadError("reset")

    vendor = Vendor(lambda request: httpx.Response(429, content=broken(), headers={"retry-after": "7"}))

    outcome = await connect(type_, vendor).submit(REQUESTS[type_], an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.THROTTLED
    assert outcome.failure.retry_after == 7


@ALL
async def test_a_vendor_that_never_answers_is_left_at_the_time_limit(
    type_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []
    real = asyncio.timeout_at

    def at_once(when: float | None) -> asyncio.Timeout:
        limits.append((when or 0) - asyncio.get_running_loop().time())
        return real(asyncio.get_running_loop().time())

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return httpx.Response(200)

    monkeypatch.setattr(asyncio, "timeout_at", at_once)
    provider = connect(type_, Vendor(never))

    outcome = await provider.submit(REQUESTS[type_], an_attempt())

    assert isinstance(outcome, Unknown)
    assert limits[0] == pytest.approx(provider.capabilities.submit_seconds, abs=1)


@ALL
@pytest.mark.parametrize("secret", ["line\nbreak", "schlüssel", "nul\0"])
async def test_a_key_that_cannot_be_a_header_is_never_sent(type_: str, secret: str) -> None:
    vendor = answering(200, json={})

    outcome = await connect(type_, vendor, secret=secret).submit(REQUESTS[type_], an_attempt())

    assert isinstance(outcome, Rejected)
    assert "Secret" in outcome.failure.message
    assert secret not in outcome.failure.message
    assert vendor.asked == []


@ALL
async def test_a_newline_behind_a_key_is_forgiven(type_: str) -> None:
    vendor = answering(422, json={})

    await connect(type_, vendor, secret=f" {SECRET}\n").submit(REQUESTS[type_], an_attempt())

    assert any(value in (SECRET, f"Bearer {SECRET}", f"Key {SECRET}") for value in vendor.asked[0].headers.values())


@ALL
async def test_an_endpoint_with_a_query_is_refused_before_anything_is_sent(type_: str) -> None:
    vendor = answering(200, json={})
    provider = connect(type_, vendor, endpoint="https://proxy.example.com?to=vendor")

    outcome = await provider.submit(REQUESTS[type_], an_attempt())

    assert isinstance(outcome, Rejected)
    assert "spec.endpoint" in outcome.failure.message
    assert vendor.asked == []


@ALL
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "12"}, 12.0, id="seconds"),
        pytest.param({"retry-after": "0.5"}, 0.5, id="a fraction"),
        pytest.param({"retry-after": "99999999"}, 3600.0, id="for ever is cut to an hour"),
        pytest.param({"retry-after": "soon"}, None, id="nonsense"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "nan"}, None, id="not a number"),
        pytest.param(
            {"retry-after": "Sun, 22 Nov 2026 10:01:30 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            90.0,
            id="a date, by the vendor's own clock",
        ),
        pytest.param(
            {"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            0.0,
            id="a date that is past",
        ),
        pytest.param({}, None, id="nothing said"),
    ],
)
async def test_how_long_to_wait(type_: str, headers: dict[str, str], seconds: float | None) -> None:
    vendor = answering(429, json={"detail": "no"}, headers=headers)

    outcome = await connect(type_, vendor).submit(REQUESTS[type_], an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.retry_after == seconds


@ALL
async def test_a_date_without_the_vendors_clock_is_taken_by_ours(type_: str) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=1000), usegmt=True)
    vendor = answering(429, json={"detail": "no"}, headers={"retry-after": until})

    outcome = await connect(type_, vendor).submit(REQUESTS[type_], an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.retry_after == pytest.approx(1000, abs=60)


@ALL
@pytest.mark.parametrize("status", [400, 429, 500])
async def test_nothing_secret_is_repeated(type_: str, status: int) -> None:
    echo = f"bad {SECRET} at https://hooks.example.com/x?token={TOKEN}\x1b[31m\u202e " + "x" * 1000
    vendor = answering(status, json={"detail": echo, "error": {"message": echo}})

    outcome = await connect(type_, vendor).submit(REQUESTS[type_], an_attempt())

    message = outcome.failure.message if isinstance(outcome, Rejected) else outcome.message  # type: ignore[union-attr]
    assert "bad [redacted] at https://hooks.example.com/x?…" in message
    assert SECRET not in message
    assert TOKEN not in message
    assert message.isprintable()
    assert len(message) < 400


@POLLED
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(400, K.INVALID, id="bad request"),
        pytest.param(401, K.UNAUTHORIZED, id="bad key"),
        pytest.param(429, K.THROTTLED, id="too many"),
        pytest.param(302, K.UNAVAILABLE, id="redirect"),
        pytest.param(500, K.UNAVAILABLE, id="server error"),
        pytest.param(503, K.UNAVAILABLE, id="overload"),
    ],
)
async def test_a_question_that_is_not_answered(type_: str, status: int, kind: FailureKind) -> None:
    vendor = answering(status, json={"detail": "because"}, headers={"retry-after": "3"})

    seen = await connect(type_, vendor).observe(JOBS[type_])

    assert seen.phase is JobPhase.UNREACHABLE
    assert seen.failure is not None
    assert seen.failure.kind is kind
    assert seen.failure.retry_after == (3 if kind is K.THROTTLED else None)


@POLLED
@pytest.mark.parametrize("status", [404, 410])
async def test_a_job_the_vendor_forgot_is_gone(type_: str, status: int) -> None:
    vendor = answering(status, json={"detail": "not found", "error": {"message": "not found"}})

    seen = await connect(type_, vendor).observe(JOBS[type_])

    assert seen.phase is JobPhase.GONE
    assert "not found" in (seen.message or "")


@POLLED
@pytest.mark.parametrize(
    "vendor",
    [
        pytest.param(answering(404, content=b"<html>404</html>"), id="a proxy's 404 says nothing about the job"),
        pytest.param(answering(200, content=b"<html>wait</html>"), id="a proxy's page"),
        pytest.param(answering(200, json={"id": "other", "name": "other", "done": True}), id="another job"),
        pytest.param(raising(httpx.ConnectError("down")), id="refused"),
        pytest.param(raising(httpx.ReadTimeout("slow")), id="no answer"),
    ],
)
async def test_an_outage_says_nothing_about_the_job(type_: str, vendor: Vendor) -> None:
    seen = await connect(type_, vendor).observe(JOBS[type_])

    assert seen.phase is JobPhase.UNREACHABLE
    assert seen.failure is not None
    assert seen.failure.kind is K.UNAVAILABLE
