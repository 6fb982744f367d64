"""What only Replicate can do, tried on the simulator: cancel, deadlines, deleted data, signed callbacks."""

from __future__ import annotations

import time
from typing import Any

import pytest

from storyjob.api.errors import CredentialsError, SignatureError
from storyjob.api.outcome import FailureKind, JobPhase
from storyjob.providers.replicate import fetch_signing_secret
from storyjob.providers.signatures import verify
from support.receiver import receiving
from support.vendor_world import Simulation, accepted, ended
from support.vendors import REQUESTS

REQUEST = REQUESTS["replicate"]


async def test_a_running_job_can_be_cancelled(simulation: Simulation) -> None:
    await simulation.fault("never-finish")
    provider = simulation.provider("replicate")
    job = await accepted(provider, REQUEST)

    await provider.cancel(job)

    assert (await provider.observe(job)).phase is JobPhase.CANCELED


async def test_a_job_that_did_not_begin_by_its_deadline_was_aborted(simulation: Simulation) -> None:
    await simulation.fault("never-finish", stage="queued")
    provider = simulation.provider("replicate")

    seen = await ended(provider, await accepted(provider, REQUEST, deadline_seconds=1))

    assert seen.phase is JobPhase.FAILED
    assert seen.failure is not None
    assert seen.failure.kind is FailureKind.FAILED
    assert "deadline" in seen.failure.message


async def test_a_job_whose_deadline_passes_while_it_runs_was_cancelled(simulation: Simulation) -> None:
    await simulation.fault("never-finish")
    provider = simulation.provider("replicate")

    assert (await ended(provider, await accepted(provider, REQUEST, deadline_seconds=1))).phase is JobPhase.CANCELED


async def test_deleted_data_is_gone(simulation: Simulation) -> None:
    await simulation.fault("data-removed")
    provider = simulation.provider("replicate")

    assert (await ended(provider, await accepted(provider, REQUEST))).phase is JobPhase.GONE


async def test_callbacks_are_believed_and_name_the_job(simulation: Simulation) -> None:
    secret = await fetch_signing_secret(simulation.connection("replicate"))
    async with receiving() as receiver:
        job = await accepted(simulation.provider("replicate"), REQUEST, callback_url=receiver.url)

        callbacks = [verify("replicate", *await receiver.next(), [secret], time.time()) for _ in range(2)]

    assert [callback.job_id for callback in callbacks] == [job.job_id, job.job_id]
    assert callbacks[0].event_id != callbacks[1].event_id


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"name": "wrong-signature"}, id="signed with another key"),
        pytest.param({"name": "old-timestamp"}, id="signed long ago"),
    ],
)
async def test_callbacks_that_cannot_be_believed(simulation: Simulation, fault: dict[str, Any]) -> None:
    secret = await fetch_signing_secret(simulation.connection("replicate"))
    await simulation.fault(**fault)
    async with receiving() as receiver:
        await accepted(simulation.provider("replicate"), REQUEST, callback_url=receiver.url)

        headers, body = await receiver.next()

    with pytest.raises(SignatureError):
        verify("replicate", headers, body, [secret], time.time())


async def test_a_forged_callback_is_refused(simulation: Simulation) -> None:
    secret = await fetch_signing_secret(simulation.connection("replicate"))
    await simulation.fault("forged-webhook")
    await simulation.fault("lost-webhook")
    async with receiving() as receiver:
        await accepted(simulation.provider("replicate"), REQUEST, callback_url=receiver.url)

        headers, body = await receiver.next()

    with pytest.raises(SignatureError):
        verify("replicate", headers, body, [secret], time.time())


async def test_the_signing_secret_needs_the_right_key(simulation: Simulation) -> None:
    with pytest.raises(CredentialsError):
        await fetch_signing_secret(simulation.connection("replicate", key="wrong-key"))
