"""What every adapter promises, tried on the simulator over real sockets. A new vendor is one line in ``REQUESTS``."""

from __future__ import annotations

import socket
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from storyjob.api.capabilities import Mode
from storyjob.api.outcome import (
    Accepted,
    BytesOutput,
    Done,
    FailureKind,
    JobPhase,
    Observation,
    Rejected,
    Result,
    Unknown,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.egress import public_client
from storyjob.providers.base import Authorizer, InputFile, Job, Provider, Request
from storyjob.providers.registry import PROVIDERS, provider_types
from support.vendor_world import ATTEMPT, Simulation, accepted, ended
from support.vendors import CLIPS, LINKS_ONLY, REQUESTS

ALL = pytest.mark.parametrize("type_", provider_types())
POLLED = pytest.mark.parametrize(
    "type_", [name for name in provider_types() if Mode.POLL in PROVIDERS[name].capabilities.modes]
)


def test_every_type_is_tried_here() -> None:
    assert set(REQUESTS) == set(provider_types())
    polled = [name for name in provider_types() if Mode.POLL in PROVIDERS[name].capabilities.modes]
    assert set(CLIPS) == {name for name in polled if StepKind.VIDEO in PROVIDERS[name].capabilities.steps}


async def result(provider: Provider, request: Request) -> Result:
    """Submit, wait, and return what was made."""
    outcome = await provider.submit(request, ATTEMPT)
    if isinstance(outcome, Done):
        return outcome.result
    assert isinstance(outcome, Accepted), outcome
    seen = await ended(provider, Job(outcome.job_id, request.step, request.model, outcome.handles))
    assert seen.result is not None, seen
    return seen.result


async def final(provider: Provider, request: Request) -> Observation | Rejected | Unknown:
    """Submit and return how it ended, for jobs that end badly."""
    outcome = await provider.submit(request, ATTEMPT)
    if not isinstance(outcome, Accepted):
        assert isinstance(outcome, Rejected | Unknown), outcome
        return outcome
    return await ended(provider, Job(outcome.job_id, request.step, request.model, outcome.handles))


async def media(simulation: Simulation, provider: Provider, made: Result) -> bytes:
    """Return the bytes of a result, as the media package fetches them."""
    if isinstance(made.output, BytesOutput):
        return made.output.data
    authorization = None
    if made.output.authorized:
        assert isinstance(provider, Authorizer)
        authorization = await provider.authorize(made.output.url)
    answer = await simulation.http.get(made.output.url, headers=authorization.headers if authorization else None)
    assert answer.status_code == 200
    return answer.content


@ALL
async def test_one_wish_is_one_purchase_and_its_media_can_be_had(simulation: Simulation, type_: str) -> None:
    provider = simulation.provider(type_)

    made = await result(provider, REQUESTS[type_])

    assert len(await media(simulation, provider, made)) > 100
    (entry,) = await simulation.ledger()
    assert entry["outcome"] == "accepted"
    assert entry["text"] == REQUESTS[type_].text
    assert entry["model"] == REQUESTS[type_].model
    assert Decimal(entry["charged"]) > 0


@ALL
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param({"status": 429, "retry_after": 7}, FailureKind.THROTTLED, id="throttled"),
        pytest.param({"status": 402}, FailureKind.QUOTA, id="no money"),
        pytest.param({"status": 403}, FailureKind.UNAUTHORIZED, id="no right"),
        pytest.param({"status": 422}, FailureKind.INVALID, id="bad input"),
    ],
)
async def test_a_refusal_buys_nothing_and_is_asked_once(
    simulation: Simulation, type_: str, fault: dict[str, Any], kind: FailureKind
) -> None:
    await simulation.fault("status", **fault)

    outcome = await simulation.provider(type_).submit(REQUESTS[type_], ATTEMPT)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is kind
    assert outcome.failure.retry_after == fault.get("retry_after")
    assert [entry["job_id"] for entry in await simulation.ledger()] == [None]


@ALL
@pytest.mark.parametrize(
    ("fault", "bought"),
    [
        pytest.param({"name": "drop"}, 0, id="dropped without effect"),
        pytest.param({"name": "accept-then-drop"}, 1, id="dropped after it was taken"),
        pytest.param({"name": "accept-then-500"}, 1, id="a 500 after it was taken"),
        pytest.param({"name": "not-json"}, 1, id="a proxy's page after it was taken"),
        pytest.param({"name": "huge-body"}, 1, id="64 MiB after it was taken"),
        pytest.param({"name": "status", "status": 500}, 0, id="a plain 500"),
        pytest.param({"name": "status", "status": 502}, 0, id="a gateway's 502"),
        pytest.param({"name": "status", "status": 504}, 0, id="a gateway's 504"),
    ],
)
async def test_a_lost_answer_is_unknown_and_asked_once(
    simulation: Simulation, type_: str, fault: dict[str, Any], bought: int
) -> None:
    await simulation.fault(**fault)

    outcome = await simulation.provider(type_).submit(REQUESTS[type_], ATTEMPT)

    assert isinstance(outcome, Unknown), outcome
    assert len(await simulation.ledger()) == 1
    assert await simulation.bought() == bought


@ALL
async def test_no_503_proves_that_nothing_was_taken(simulation: Simulation, type_: str) -> None:
    await simulation.fault("status", status=503)

    outcome = await simulation.provider(type_).submit(REQUESTS[type_], ATTEMPT)

    assert isinstance(outcome, Unknown)
    assert len(await simulation.ledger()) == 1


@ALL
async def test_a_vendor_that_is_not_there_is_unavailable(simulation: Simulation, type_: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        connection = replace(simulation.connection(type_), endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}")

        outcome = await PROVIDERS[type_].build(connection).submit(REQUESTS[type_], ATTEMPT)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.UNAVAILABLE


@ALL
async def test_an_address_that_may_not_be_reached_gets_nothing(simulation: Simulation, type_: str) -> None:
    async with public_client([], timeout=httpx.Timeout(30)) as guarded:
        connection = replace(simulation.connection(type_), http=guarded)

        outcome = await PROVIDERS[type_].build(connection).submit(REQUESTS[type_], ATTEMPT)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.INVALID
    assert "allow-list" in outcome.failure.message
    assert await simulation.ledger() == []


@ALL
async def test_a_wrong_key_is_told(simulation: Simulation, type_: str) -> None:
    outcome = await simulation.provider(type_, key="wrong-key").submit(REQUESTS[type_], ATTEMPT)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.UNAUTHORIZED
    assert "wrong-key" not in outcome.failure.message
    assert await simulation.bought() == 0


@ALL
async def test_a_content_filter_is_recognised(simulation: Simulation, type_: str) -> None:
    await simulation.fault("refuse")

    last = await final(simulation.provider(type_), REQUESTS[type_])

    assert isinstance(last, Observation | Rejected)
    assert last.failure is not None
    assert last.failure.kind is FailureKind.REFUSED


@POLLED
async def test_a_job_that_fails(simulation: Simulation, type_: str) -> None:
    await simulation.fault("fail", message="CUDA out of memory")

    last = await final(simulation.provider(type_), REQUESTS[type_])

    assert isinstance(last, Observation)
    assert last.phase is JobPhase.FAILED
    assert last.failure is not None
    assert last.failure.kind is FailureKind.FAILED
    assert "CUDA out of memory" in last.failure.message


@POLLED
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param({"name": "drop"}, FailureKind.UNAVAILABLE, id="dropped"),
        pytest.param({"name": "not-json"}, FailureKind.UNAVAILABLE, id="a proxy's page"),
        pytest.param({"name": "status", "status": 503}, FailureKind.UNAVAILABLE, id="a 503"),
        pytest.param({"name": "status", "status": 429}, FailureKind.THROTTLED, id="throttled"),
    ],
)
async def test_an_outage_while_polling_changes_nothing(
    simulation: Simulation, type_: str, fault: dict[str, Any], kind: FailureKind
) -> None:
    provider = simulation.provider(type_)
    job = await accepted(provider, REQUESTS[type_])
    await simulation.fault(**fault, match={"route": "poll"})

    seen = await provider.observe(job)

    assert seen.phase is JobPhase.UNREACHABLE
    assert seen.failure is not None
    assert seen.failure.kind is kind
    assert (await ended(provider, job)).phase is JobPhase.SUCCEEDED
    assert len(await simulation.ledger()) == 1


@POLLED
async def test_a_status_nobody_knows_is_taken_for_running(simulation: Simulation, type_: str) -> None:
    await simulation.fault("unknown-status")
    await simulation.fault("never-finish")
    provider = simulation.provider(type_)

    seen = await provider.observe(await accepted(provider, REQUESTS[type_]))

    assert seen.phase is JobPhase.RUNNING


@POLLED
async def test_a_job_nobody_knows_is_gone(simulation: Simulation, type_: str) -> None:
    provider = simulation.provider(type_)
    job = await accepted(provider, REQUESTS[type_])

    seen = await provider.observe(replace(job, job_id=job.job_id[:-4] + "0000"))

    assert seen.phase is JobPhase.GONE


@pytest.mark.parametrize("type_", sorted(CLIPS))
async def test_a_clip_starts_from_a_still(simulation: Simulation, type_: str) -> None:
    painter, provider = simulation.provider("replicate"), simulation.provider(type_)
    drawn = await result(painter, REQUESTS["replicate"])
    assert isinstance(drawn.output, UrlOutput)
    link = drawn.output.url if type_ in LINKS_ONLY else None
    still = InputFile(await media(simulation, painter, drawn), "image/webp", link)

    made = await result(provider, replace(CLIPS[type_], image=still))

    assert (await media(simulation, provider, made))[4:8] == b"ftyp"


@ALL
async def test_a_cancel_of_a_job_that_ended_is_harmless(simulation: Simulation, type_: str) -> None:
    provider = simulation.provider(type_)
    outcome = await provider.submit(REQUESTS[type_], ATTEMPT)
    assert isinstance(outcome, Accepted | Done)
    job = Job(outcome.job_id or "none", REQUESTS[type_].step, REQUESTS[type_].model)
    last = await ended(provider, job)

    await provider.cancel(job)

    assert (await provider.observe(job)).phase is last.phase
