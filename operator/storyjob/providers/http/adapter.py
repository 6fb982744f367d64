"""Speaks to any HTTP service, as a MediaProvider describes it (docs/providers/http.md)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from storyjob.api.capabilities import Cancel, Capabilities, Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.http.service import HttpService
from storyjob.api.outcome import (
    Authorization,
    Failure,
    FailureKind,
    JobPhase,
    Observation,
    Rejected,
    Submission,
)
from storyjob.api.step import StepKind
from storyjob.providers.answers import Dialect, JsonObject, unreachable
from storyjob.providers.base import Attempt, Connection, Job, Request
from storyjob.providers.cleaning import clean
from storyjob.providers.exchange import Call, NoReply, Reply, ask, digest, endpoint_url, exchange
from storyjob.providers.http.calls import Declared
from storyjob.providers.http.hosts import is_own
from storyjob.providers.http.judging import Judge
from storyjob.providers.http.reading import Reading
from storyjob.providers.http.service import Service, compile_service
from storyjob.providers.http.values import IMAGE, job_values, submit_values

CAPABILITIES = Capabilities(
    steps=frozenset(StepKind),
    modes=frozenset({Mode.WEBHOOK, Mode.POLL, Mode.SYNC}),
    cancel=Cancel.BEST_EFFORT,
)
"""What some service may be able to do; ``capabilities_of`` says what one can."""
# Somebody's expressions may take their time over more than this.
LARGE_BYTES = 8 * 1024


def capabilities_of(spec: HttpService) -> Capabilities:
    """Return what a service can do, by its description."""
    modes = {Mode.SYNC} if spec.mode == "Sync" else {Mode.POLL}
    if spec.webhook is not None:
        modes.add(Mode.WEBHOOK)
    return Capabilities(
        steps=frozenset(spec.steps),
        modes=frozenset(modes),
        cancel=Cancel.NONE if spec.cancel is None else Cancel.BEST_EFFORT,
        submit_seconds=float(spec.submit.timeout_seconds),
    )


class HttpProvider:
    """A service that a MediaProvider describes. Raises ``InvalidInput`` where the description cannot work."""

    def __init__(self, connection: Connection) -> None:
        if connection.service is None:
            raise InvalidInput("spec.http is missing: describe the service there")
        self.capabilities = capabilities_of(connection.service)
        self._connection = connection
        self._endpoint = connection.endpoint.strip()
        self._secret = connection.secret.strip()
        self._service: Service = compile_service(connection.service)
        self._reading = Reading(self._service, self._endpoint)
        self._dialect = Dialect(
            urlsplit(self._endpoint).netloc or "the service",
            words=lambda document: self._reading.text("error", document),
            declared=self._reading.kind,
        )

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Send the request that buys, once."""
        judge = self._judge(attempt.token)
        try:
            _check_use(self._service, request)
            values = submit_values(request, attempt)
            base = endpoint_url(self._connection, "")
            call = self._service.submit.call(values, base, image=request.image)
        except InvalidInput as error:
            return Rejected(Failure(FailureKind.INVALID, clean(str(error), judge.secrets)))
        header = self._service.spec.submit.idempotency_header
        own = {header: attempt.token_hash} if header else {}
        reply = await self._send(call, own, seconds=self.capabilities.submit_seconds)
        return await digest(reply, judge.submission, LARGE_BYTES)

    async def observe(self, job: Job) -> Observation:
        """Ask about the job and, once it has succeeded, for its result where the service hands it out apart."""
        judge = self._judge()
        if self._service.poll is None:
            return Observation(JobPhase.GONE, message=f"{self._dialect.vendor} answers with the media and keeps no job")
        try:
            reply = await self._ask(self._service.poll, job, "statusUrl")
            seen, document = await digest(reply, judge.observation, LARGE_BYTES)
            if seen.phase is not JobPhase.SUCCEEDED:
                return seen
            result = await self._result(job, document, judge)
        except InvalidInput as error:
            return unreachable(self._dialect, FailureKind.INVALID, str(error), judge.secrets)
        if result.result is None or result.result.cost is not None:
            return result
        return replace(result, result=replace(result.result, cost=seen.cost))

    async def cancel(self, job: Job) -> None:
        """Ask the service to stop the job, where it can be asked."""
        if self._service.cancel is None:
            return
        try:
            reply = await self._ask(self._service.cancel, job, "cancelUrl")
        except InvalidInput as error:
            raise httpx.RequestError(str(error)) from error
        ended = self._service.spec.cancel.ended_statuses if self._service.spec.cancel else []
        if isinstance(reply, NoReply):
            raise httpx.RequestError(clean(f"{self._dialect.vendor}: {reply.reason}", (self._secret,)))
        if not 200 <= reply.status < 300 and reply.status not in ended:
            raise httpx.RequestError(f"{self._dialect.vendor} answered the request to cancel with HTTP {reply.status}")

    async def authorize(self, url: str) -> Authorization | None:
        """Return the credentials for a download from the endpoint's own host."""
        return Authorization(self._endpoint, self._credentials()) if is_own(url, self._endpoint) else None

    async def _result(self, job: Job, document: JsonObject, judge: Judge) -> Observation:
        if self._service.result is None:
            return judge.result_of(document)
        told = self._reading.url("resultUrl", document)
        further = dict(self._reading.result_values(document))
        reply = await self._ask(self._service.result, job, "resultUrl", told, further)
        return await digest(reply, judge.result, LARGE_BYTES)

    async def _ask(
        self, request: Declared, job: Job, handle: str, told: str = "", further: dict[str, object] | None = None
    ) -> Reply | NoReply:
        """Send a request about a job, to the URL that an answer told if one did. Raises ``InvalidInput``."""
        url = told or job.handles.get(handle)
        target = self._reading.link(url) if url else None
        base = endpoint_url(self._connection, "")
        return await self._send(request.call(job_values(job, further), base, url=target))

    async def _send(
        self, call: Call, further: dict[str, str] | None = None, *, seconds: float | None = None
    ) -> Reply | NoReply:
        """Send a submit, which has ``seconds`` to be answered, or a question."""
        credentials = self._credentials() if is_own(call.url, self._endpoint) else {}
        media = {"Accept": "*/*"} if self._service.spec.extract.output.kind == "Body" else {}
        headers = {**media, **call.headers, **(further or {}), **credentials}
        call, http = replace(call, headers=headers), self._connection.http
        return await ask(http, call) if seconds is None else await exchange(http, call, seconds)

    def _credentials(self) -> dict[str, str]:
        auth = self._service.spec.auth
        return {auth.header: auth.prefix + self._secret} if self._secret else {}

    def _judge(self, *secrets: str) -> Judge:
        return Judge(self._reading, self._dialect, (self._secret, *secrets))


def _check_use(service: Service, request: Request) -> None:
    """Raise ``InvalidInput`` for a wish that the description would leave out unsaid."""
    names = service.submit.names
    if request.step not in service.spec.steps:
        raise InvalidInput(f"spec.http.steps of the MediaProvider does not name {request.step.value}")
    unused = [key for key in request.input if f"input.{key}" not in names]
    if unused and "input" not in names:
        known = sorted(name.partition(".")[2] for name in names if name.startswith("input."))
        raise InvalidInput(
            f"input.{unused[0]} has no place in spec.http.submit of the MediaProvider; "
            f"it takes {', '.join(known) or 'no input'}"
        )
    if request.image is None or service.submit.sends_file:
        return
    handing = names & IMAGE
    if not handing:
        raise InvalidInput(
            "spec.http.submit of the MediaProvider has no place for the picture that the clip starts from"
        )
    if handing == {"imageUrl"} and request.image.url is None:
        raise InvalidInput(
            "spec.http.submit of the MediaProvider takes the picture as a link only, and the bucket cannot be reached "
            "from outside; write {{imageUrl|imageDataUrl}}"
        )
