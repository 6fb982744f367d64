"""Speaks the API of Black Forest Labs: one picture by a FLUX model (docs/providers/bfl.md)."""

from __future__ import annotations

import re
from typing import Any

from storyjob.api.capabilities import Cancel, Capabilities, Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import Accepted, FailureKind, Observation, Rejected, Submission, Unknown
from storyjob.api.step import StepKind
from storyjob.providers.answers import observed, submitted, unknown, unreachable
from storyjob.providers.base import Attempt, Connection, Job, Request
from storyjob.providers.bfl_task import DIALECT, JOB_ID, handles_of, judge, polling_url
from storyjob.providers.exchange import Call, NoReply, Reply, ask, endpoint_url, json_body
from storyjob.providers.paid import pay
from storyjob.providers.placeholders import merge_inputs

ENDPOINT = "https://api.bfl.ai"
CAPABILITIES = Capabilities(
    steps=frozenset({StepKind.IMAGE}),
    # An answer to a request with a webhook tells no address to poll at; see docs/providers/bfl.md.
    modes=frozenset({Mode.POLL}),
    cancel=Cancel.NONE,
    # Links are signed for ten minutes: docs.bfl.ai/api_integration/integration_guidelines
    output_seconds=600,
    submit_seconds=60.0,
)

_MODEL = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
# They would change how the end of a task is told, and where.
_OURS = ("webhook_url", "webhook_secret")


class BlackForestLabs:
    """Black Forest Labs, with one account's key."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._secret = connection.secret.strip()
        self._headers = {"x-key": self._secret}

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Start one task. It takes no deadline."""
        seconds = CAPABILITIES.submit_seconds
        return await pay(self._connection, attempt, lambda: self._create(request), _submission, seconds=seconds)

    async def observe(self, job: Job) -> Observation:
        """Ask for the task, at the address that came with it."""
        secrets = (self._secret,)
        if not JOB_ID.fullmatch(job.job_id):
            return unreachable(DIALECT, FailureKind.INVALID, f"{job.job_id!r} is not a task id", secrets)
        try:
            url = polling_url(job.handles, job.job_id, endpoint_url(self._connection, ""))
        except InvalidInput as error:
            return unreachable(DIALECT, FailureKind.INVALID, str(error), secrets)
        reply = await ask(self._connection.http, Call("GET", url, self._headers))
        document = observed(reply, DIALECT, secrets)
        if isinstance(document, Observation):
            return document
        if document.get("id") != job.job_id:
            return unreachable(DIALECT, FailureKind.UNAVAILABLE, "the answer is about another task", secrets)
        return judge(document, job.handles, secrets)

    async def cancel(self, job: Job) -> None:
        """Do nothing: there is no request for it (``Cancel.NONE``)."""

    def _create(self, request: Request) -> Call:
        if request.step not in CAPABILITIES.steps:
            raise InvalidInput(f"Black Forest Labs makes pictures, not a step of kind {request.step.value}")
        if not _MODEL.fullmatch(request.model):
            raise InvalidInput(f"model {request.model!r} is not a model of Black Forest Labs, such as flux-2-pro")
        for name in _OURS:
            if name in request.input:
                raise InvalidInput(f"input.{name} is set by the operator; leave it out")
        url = endpoint_url(self._connection, f"/v1/{request.model}")
        return Call("POST", url, self._headers, json_body(_inputs(request)))


def _inputs(request: Request) -> dict[str, Any]:
    values = {"prompt": request.text, "text": request.text, "seed": request.seed}
    return merge_inputs({"prompt": "prompt", "seed": "seed"}, request.input, values)


def _submission(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Accepted | Rejected | Unknown:
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    job_id = document.get("id")
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return Accepted(job_id, handles_of(document))
    return unknown(DIALECT, "took the request but its answer names no task id", secrets)
