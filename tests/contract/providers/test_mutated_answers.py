"""True answers, spoiled: no adapter raises, and what was taken with a 2xx is never called refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storyjob.api.capabilities import Find
from storyjob.api.outcome import (
    Accepted,
    Done,
    JobPhase,
    NoTrace,
    Observation,
    Rejected,
    Submission,
    Unknown,
)
from storyjob.egress import public_client
from storyjob.providers.base import Finder, Job, Lost, Request
from storyjob.providers.registry import provider_type, provider_types
from storyjob.simulator.server import serve
from storyjob.simulator.settings import MediaMode, Settings
from support.mutation import spoiled_answer
from support.vendor_world import ATTEMPT, Simulation, ended
from support.vendors import JOBS, REQUESTS, Vendor, connect

often = settings(max_examples=60, deadline=None)
MINUTE = timedelta(minutes=1)
REFUSALS = [400, 401, 402, 403, 404, 409, 422, 429, 503]
SEARCHED = [type_ for type_ in provider_types() if provider_type(type_).capabilities.find is not Find.NONE]


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def response(self) -> httpx.Response:
        kept = [(name, value) for name, value in self.headers if name.lower() not in _FRAMING]
        return httpx.Response(self.status, headers=kept, content=self.body)


_FRAMING = {"content-length", "transfer-encoding", "content-encoding", "connection"}


@dataclass(frozen=True)
class Truth:
    """What a vendor really answers to each kind of request; an empty tuple where it is asked nothing."""

    submitted: tuple[Answer, ...]
    running: tuple[Answer, ...]
    ended: tuple[Answer, ...]
    found: tuple[Answer, ...]
    job: Job


@asynccontextmanager
async def recorder() -> AsyncIterator[tuple[Simulation, list[Answer]]]:
    heard: list[Answer] = []

    async def hear(response: httpx.Response) -> None:
        heard.append(Answer(response.status_code, tuple(response.headers.items()), await response.aread()))

    chosen = Settings(speed=20, media=MediaMode.SMALL)
    async with serve(chosen) as url, public_client(["127.0.0.1"], timeout=httpx.Timeout(30)) as http:
        http.event_hooks = http.event_hooks | {"response": [hear]}
        yield Simulation(url, http), heard


@cache
def truth(type_: str) -> Truth:
    """Ask the simulated vendor, which speaks the vendor's own wire format."""
    return asyncio.run(_truth(type_))


async def _truth(type_: str) -> Truth:
    async with recorder() as (simulation, heard):

        async def answers(question: Callable[[], Awaitable[object]]) -> tuple[Answer, ...]:
            before = len(heard)
            await question()
            return tuple(heard[before:])

        provider = simulation.provider(type_)
        outcomes: list[Submission] = []

        async def submit() -> None:
            outcomes.append(await provider.submit(REQUESTS[type_], ATTEMPT))

        submitted, running, last, found = await answers(submit), (), (), ()
        (outcome,) = outcomes
        job = JOBS[type_]
        if isinstance(outcome, Accepted):
            job = Job(outcome.job_id, job.step, job.model, outcome.handles)
            running = await answers(lambda: provider.observe(job))
            assert (await ended(provider, job)).phase is JobPhase.SUCCEEDED
            last = await answers(lambda: provider.observe(job))
        if isinstance(provider, Finder):
            found = await answers(lambda: provider.find(_lost(REQUESTS[type_])))
        return Truth(submitted, running, last, found, job)


def _lost(request: Request) -> Lost:
    moment = datetime.now(UTC)
    return Lost(request.step, request.model, ATTEMPT.token_hash, moment - MINUTE, moment + MINUTE, request)


def spoiled(data: Any, answers: tuple[Answer, ...]) -> Vendor:
    """Return a vendor that gives these answers in their order, one of them spoiled, and the last one for ever."""
    nth = data.draw(st.integers(0, len(answers) - 1))
    body = data.draw(spoiled_answer(answers[nth].body), label="spoiled")
    told = [replace(answer, body=body) if place == nth else answer for place, answer in enumerate(answers)]
    return Vendor(lambda request: (told.pop(0) if len(told) > 1 else told[0]).response())


@pytest.mark.parametrize("type_", provider_types())
@often
@given(data=st.data())
def test_what_was_taken_is_never_called_refused(type_: str, data: Any) -> None:
    answers = truth(type_).submitted
    assert all(200 <= answer.status < 300 for answer in answers)
    outcome = asyncio.run(connect(type_, spoiled(data, answers)).submit(REQUESTS[type_], ATTEMPT))
    assert isinstance(outcome, Accepted | Done | Unknown)
    if isinstance(outcome, Accepted):
        assert outcome.job_id


@pytest.mark.parametrize("type_", provider_types())
@often
@given(data=st.data())
def test_a_spoiled_answer_about_a_job_is_an_observation(type_: str, data: Any) -> None:
    told = [answers for answers in (truth(type_).running, truth(type_).ended) if answers]
    if not told:
        assert asyncio.run(connect(type_, Vendor(_unasked)).observe(JOBS[type_])).phase is JobPhase.GONE
        return
    vendor = spoiled(data, data.draw(st.sampled_from(told)))
    seen = asyncio.run(connect(type_, vendor).observe(truth(type_).job))
    assert isinstance(seen, Observation)
    assert seen.phase is not JobPhase.SUCCEEDED or seen.result is not None or seen.failure is not None


@pytest.mark.parametrize(
    "type_", [each for each in provider_types() if provider_type(each).capabilities.find != "None"]
)
@often
@given(data=st.data())
def test_a_spoiled_answer_to_a_search_is_no_error(type_: str, data: Any) -> None:
    asked = truth(type_).found
    provider = connect(type_, spoiled(data, asked) if asked else Vendor(_unasked))
    assert isinstance(provider, Finder)
    assert isinstance(asyncio.run(provider.find(_lost(REQUESTS[type_]))), Accepted | Done | NoTrace)


@pytest.mark.parametrize("type_", provider_types())
@often
@given(data=st.data(), status=st.sampled_from(REFUSALS))
def test_a_spoiled_refusal_is_a_refusal_or_unknown(type_: str, data: Any, status: int) -> None:
    body = data.draw(spoiled_answer(b'{"error": {"code": 1, "message": "no", "status": "X", "details": []}}'))
    vendor = Vendor(lambda request: httpx.Response(status, content=body))
    assert isinstance(asyncio.run(connect(type_, vendor).submit(REQUESTS[type_], ATTEMPT)), Rejected | Unknown)


def _unasked(_: httpx.Request) -> httpx.Response:
    raise AssertionError("a vendor that keeps no jobs was asked")
