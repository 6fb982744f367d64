"""Decides what the answers of a declared HTTP service mean for a job and for our money."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import (
    Accepted,
    Done,
    Failure,
    FailureKind,
    JobPhase,
    Observation,
    Rejected,
    Result,
    Submission,
    Unknown,
)
from storyjob.providers.answers import Dialect, JsonObject, json_object, refused, unanswered, unknown, unreachable
from storyjob.providers.cleaning import clean
from storyjob.providers.content_filter import is_content_refusal
from storyjob.providers.exchange import NoReply, Reply
from storyjob.providers.http.expression import MAX_VALUES, holds_more
from storyjob.providers.http.reading import Reading

# Kinds that are tried again without being counted say that nothing was made; of a job that ran they would be untrue.
_OF_JOBS = frozenset({FailureKind.REFUSED, FailureKind.INVALID, FailureKind.QUOTA})


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the answers of one service."""

    reading: Reading
    dialect: Dialect
    secrets: tuple[str, ...] = field(repr=False)

    def submission(self, reply: Reply | NoReply) -> Submission:
        """Return what a submit came to. A success that cannot be read is unknown: it was most likely taken."""
        if not (isinstance(reply, Reply) and 200 <= reply.status < 300):
            return self._refused(reply)
        spec = self.reading.service.spec
        document = _document(reply)
        if document is not None and (kind := self.reading.kind(reply.status, document)) is not None:
            return Rejected(self._failure(kind, document))
        expected = spec.submit.expect_status
        if expected and reply.status not in expected:
            return self._unknown(f"answered HTTP {reply.status}, which spec.http.submit.expectStatus does not name")
        if spec.mode == "Sync" and spec.extract.output.kind == "Body":
            return self._media(reply, document)
        if document is None:
            return self._unknown(f"took the request (HTTP {reply.status}) but its answer {_unreadable(reply)}")
        return self._done(document) if spec.mode == "Sync" else self._accepted(document)

    def observation(self, reply: Reply | NoReply) -> tuple[Observation, JsonObject]:
        """Return how a job stands by a poll's answer, without its result, and the answer."""
        document = _document(reply)
        if document is None:
            return self._unanswered(reply), {}
        phase, word = self._phase(document)
        cost = self.reading.cost(document)
        if phase is JobPhase.FAILED:
            return Observation(phase, failure=self._job_failure(document), cost=cost), document
        if phase is JobPhase.CANCELED:
            return Observation(phase, message=f"{self.dialect.vendor}: it was stopped", cost=cost), document
        return Observation(phase, message=clean(word, self.secrets) if word else None, cost=cost), document

    def result(self, reply: Reply | NoReply) -> Observation:
        """Return a job that succeeded with its result, from the answer that holds it."""
        if self.reading.service.spec.extract.output.kind == "Body":
            return self._result_body(reply)
        document = _document(reply)
        return self._unanswered(reply) if document is None else self.result_of(document)

    def result_of(self, document: JsonObject) -> Observation:
        """Return a job that succeeded with the result that a document holds.

        Where none can be read the job is left as it is, since it is paid for: whoever mends the expression or the
        list of hosts has it at the next question.
        """
        try:
            output = self.reading.output(document)
        except InvalidInput as error:
            if self.reading.text("error", document) or self.reading.kind(200, document):
                return Observation(JobPhase.FAILED, failure=self._job_failure(document))
            return unreachable(self.dialect, FailureKind.INVALID, f"the job is done, but {error}", self.secrets)
        return Observation(JobPhase.SUCCEEDED, result=Result(output, self.reading.cost(document)))

    def _refused(self, reply: Reply | NoReply) -> Rejected | Unknown:
        outcome = refused(reply, self.dialect, self.secrets)
        if isinstance(outcome, Unknown) or isinstance(reply, NoReply):
            return outcome
        if outcome.failure.kind in (FailureKind.THROTTLED, FailureKind.UNAVAILABLE):
            wait = self.reading.retry_after(json_object(reply.body) or {})
            if wait is not None and "retry-after" not in reply.headers:
                return Rejected(replace(outcome.failure, retry_after=wait))
        return outcome

    def _media(self, reply: Reply, document: JsonObject | None) -> Submission:
        if not reply.whole:
            return self._unknown(f"answered with media, but it {_unreadable(reply)}")
        if document is not None or not reply.body:
            return self._unknown("answered without media")
        return Done(Result(self.reading.body(reply)))

    def _done(self, document: JsonObject) -> Done | Rejected | Unknown:
        try:
            return Done(Result(self.reading.output(document), self.reading.cost(document)))
        except InvalidInput as error:
            if self.reading.text("error", document):
                return Rejected(self._job_failure(document))
            return self._unknown(f"took the request, but {error}")

    def _accepted(self, document: JsonObject) -> Accepted | Unknown:
        job_id = self.reading.job_id(document)
        if job_id is not None:
            return Accepted(job_id, self.reading.handles(document))
        expression = self.reading.service.read["jobId"]
        keys = ", ".join(sorted(document)[:12])
        return self._unknown(
            f"took the request, but {expression.where} ({expression.text}) finds no id in an answer that has {keys}"
        )

    def _phase(self, document: JsonObject) -> tuple[JobPhase, str | None]:
        """Return how the job stands, and what to tell of a word that nobody explained."""
        read = self.reading.service.read
        if "failedWhen" in read and read["failedWhen"].holds(document):
            return JobPhase.FAILED, None
        if "doneWhen" in read and read["doneWhen"].holds(document):
            return JobPhase.SUCCEEDED, None
        word = self.reading.text("status", document)
        phase = self.reading.service.words.get(word)
        if phase is not None:
            return phase, None
        told = f"{self.dialect.vendor}: unknown status {word!r}, taken for running" if word else None
        return JobPhase.RUNNING, told

    def _job_failure(self, document: JsonObject) -> Failure:
        kind = self.reading.kind(200, document)
        failure = self._failure(kind if kind in _OF_JOBS else FailureKind.FAILED, document)
        if failure.kind is FailureKind.FAILED and is_content_refusal(failure.message):
            return replace(failure, kind=FailureKind.REFUSED)
        return failure

    def _failure(self, kind: FailureKind, document: JsonObject) -> Failure:
        words = self.reading.text("error", document) or self.reading.text("errorCode", document) or "no reason given"
        wait = self.reading.retry_after(document)
        return Failure(kind, clean(f"{self.dialect.vendor}: {words}", self.secrets), wait)

    def _result_body(self, reply: Reply | NoReply) -> Observation:
        if not (isinstance(reply, Reply) and 200 <= reply.status < 300):
            return self._unanswered(reply)
        if reply.whole and reply.body:
            return Observation(JobPhase.SUCCEEDED, result=Result(self.reading.body(reply)))
        why = f"the job is done, but its media {_unreadable(reply)}"
        return unreachable(self.dialect, FailureKind.INVALID, why, self.secrets)

    def _unanswered(self, reply: Reply | NoReply) -> Observation:
        if isinstance(reply, Reply) and 200 <= reply.status < 300:
            why = f"its answer {_unreadable(reply)}"
            return unreachable(self.dialect, FailureKind.UNAVAILABLE, why, self.secrets)
        return unanswered(reply, self.dialect, self.secrets)

    def _unknown(self, what: str) -> Unknown:
        return unknown(self.dialect, what, self.secrets)


def _document(reply: Reply | NoReply) -> JsonObject | None:
    """Return the JSON of a success that can be read."""
    if not (isinstance(reply, Reply) and 200 <= reply.status < 300 and reply.whole):
        return None
    document = json_object(reply.body)
    return None if document is None or holds_more(document, MAX_VALUES) else document


def _unreadable(reply: Reply) -> str:
    if reply.too_large:
        return f"is larger than {len(reply.body)} bytes"
    if not reply.whole:
        return "broke off"
    return f"is not a JSON object of at most {MAX_VALUES} values" if reply.body else "is empty"
