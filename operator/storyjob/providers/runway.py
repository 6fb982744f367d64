"""Speaks Runway's API: a task for a picture or a clip, asked about until it ends (docs/providers/runway.md)."""

from __future__ import annotations

from typing import Any

import httpx

from storyjob.api.capabilities import Cancel, Capabilities, Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import Accepted, FailureKind, JobPhase, Observation, Rejected, Submission, Unknown
from storyjob.api.step import StepKind
from storyjob.providers.answers import JsonObject, observed, submitted, unknown, unreachable
from storyjob.providers.base import Attempt, Connection, InputFile, Job, Request
from storyjob.providers.exchange import Call, NoReply, Reply, ask, endpoint_url, json_body
from storyjob.providers.paid import pay
from storyjob.providers.placeholders import data_url, merge_inputs
from storyjob.providers.runway_task import DIALECT, JOB_ID, has_not_begun, judge

ENDPOINT = "https://api.dev.runwayml.com"
VERSION = "2024-11-06"
CAPABILITIES = Capabilities(
    steps=frozenset({StepKind.IMAGE, StepKind.VIDEO}),
    modes=frozenset({Mode.POLL}),
    cancel=Cancel.DELETES_DATA,
    # A refund is given only to what has not begun, and never promised (runwayml, `tasks.delete`).
    cancel_is_free=False,
    # Links die within 24 to 48 hours; a task asked about again has fresh ones (runwayml, `Succeeded.output`).
    output_seconds=24 * 3600,
    submit_seconds=60.0,
)
DATA_URL_CHARACTERS = 5_000_000  # runwayml, `prompt_image`: a data URI may have 5 MB


class Runway:
    """Runway, with one organisation's key."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._secret = connection.secret.strip()

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Create one task. Runway calls nobody back and knows no deadline."""
        seconds = CAPABILITIES.submit_seconds
        return await pay(
            self._connection,
            attempt,
            lambda: self._call("POST", _path(request), json_body(_body(request))),
            _submission,
            seconds=seconds,
        )

    async def observe(self, job: Job) -> Observation:
        """Ask for the task."""
        task = await self._task(job)
        return task if isinstance(task, Observation) else judge(task, (self._secret,))

    async def cancel(self, job: Job) -> None:
        """Delete a task of which Runway says just now that it has not begun; leave any other alone.

        Deleting destroys what was made, and a task that has begun is charged all the same: it may as well end.
        """
        task = await self._task(job)
        if isinstance(task, Observation):
            if task.phase is not JobPhase.GONE:
                raise httpx.RequestError(task.failure.message if task.failure else "Runway did not answer")
            return
        if not has_not_begun(task):
            return
        reply = await ask(self._connection.http, self._call("DELETE", f"/v1/tasks/{job.job_id}"))
        if isinstance(reply, Reply) and (200 <= reply.status < 300 or reply.status == 404):
            return
        answer = observed(reply, DIALECT, (self._secret,))
        if isinstance(answer, Observation) and answer.failure:
            raise httpx.RequestError(answer.failure.message)

    async def _task(self, job: Job) -> JsonObject | Observation:
        secrets = (self._secret,)
        if not JOB_ID.fullmatch(job.job_id):
            return unreachable(DIALECT, FailureKind.INVALID, f"{job.job_id!r} is not a task id", secrets)
        try:
            call = self._call("GET", f"/v1/tasks/{job.job_id}")
        except InvalidInput as error:
            return unreachable(DIALECT, FailureKind.INVALID, str(error), secrets)
        document = observed(await ask(self._connection.http, call), DIALECT, secrets)
        if isinstance(document, dict) and document.get("id") != job.job_id:
            return unreachable(DIALECT, FailureKind.UNAVAILABLE, "the answer is about another task", secrets)
        return document

    def _call(self, method: str, path: str, body: bytes | None = None) -> Call:
        headers = {"Authorization": f"Bearer {self._secret}", "X-Runway-Version": VERSION}
        return Call(method, endpoint_url(self._connection, path), headers, body)


def _path(request: Request) -> str:
    if request.step is StepKind.AUDIO:
        raise InvalidInput("runway makes no audio here; name another provider for narrations")
    if request.step is StepKind.IMAGE:
        return "/v1/text_to_image"
    # A clip also starts from a still that `input` names.
    return "/v1/image_to_video" if request.image or "promptImage" in request.input else "/v1/text_to_video"


def _body(request: Request) -> dict[str, Any]:
    values = {
        "prompt": request.text,
        "text": request.text,
        "seed": request.seed,
        "image": _still(request.image) if request.image else None,
    }
    defaults = {"promptText": "prompt", "seed": "seed", "promptImage": "image"}
    return {"model": request.model, **merge_inputs(defaults, request.input, values)}


def _still(file: InputFile) -> str:
    url = data_url(file)
    if len(url) <= DATA_URL_CHARACTERS:
        return url
    if file.url is not None:
        return file.url
    raise InvalidInput(
        f"the still has {len(file.data)} bytes, and Runway takes 5 MB as base64; make a smaller picture, or let the "
        "bucket be reached from outside (STORYJOB_S3_PUBLIC_ENDPOINT), so that a link can be given"
    )


def _submission(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Accepted | Rejected | Unknown:
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    job_id = document.get("id")
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return Accepted(job_id)
    return unknown(DIALECT, "took the request but its answer names no task id", secrets)
