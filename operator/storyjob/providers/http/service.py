"""Checks a declared HTTP service as a whole: every template, expression and word, before anything is bought from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from storyjob.api.errors import InvalidInput
from storyjob.api.http.answers import StatusWords
from storyjob.api.http.requests import Ask
from storyjob.api.http.service import HttpService
from storyjob.api.outcome import FailureKind, JobPhase
from storyjob.providers.http.calls import Declared, check_header, declare
from storyjob.providers.http.expression import Expression, compile_expression
from storyjob.providers.http.values import JOB, SUBMIT

WHERE = "spec.http"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
Sign = TypeVar("Sign", int, str)
_READ = ("jobId", "statusUrl", "cancelUrl", "resultUrl", "error", "errorCode", "retryAfter", "cost")


@dataclass(frozen=True, slots=True)
class Service:
    """A service whose every part can be used."""

    spec: HttpService
    submit: Declared
    poll: Declared | None
    result: Declared | None
    cancel: Declared | None
    read: Mapping[str, Expression]
    """The expressions of ``extract`` and ``poll`` that are there, by field name."""
    result_values: Mapping[str, Expression]
    words: Mapping[str, JobPhase]
    statuses: Mapping[int, FailureKind]
    codes: Mapping[str, FailureKind]


def compile_service(spec: HttpService) -> Service:
    """Check a service. Raises ``InvalidInput`` that names the field, what is wrong with it, and the remedy."""
    _check_mode(spec)
    credentials = spec.auth.header
    check_header(credentials, f"{WHERE}.auth.header")
    submit = declare(spec.submit, SUBMIT, f"{WHERE}.submit", credentials)
    if spec.submit.idempotency_header is not None:
        check_header(spec.submit.idempotency_header, f"{WHERE}.submit.idempotencyHeader", credentials)
    _check_callback(spec, submit)
    values = _result_values(spec)
    return Service(
        spec,
        submit,
        poll=_ask(spec, "poll", JOB),
        result=_ask(spec, "result", JOB | values.keys()),
        cancel=_ask(spec, "cancel", JOB),
        read=_expressions(spec),
        result_values=values,
        words=_words(spec.poll.words) if spec.poll else {},
        statuses=_kinds((rule.kind, rule.statuses) for rule in spec.errors),
        codes=_kinds((rule.kind, rule.codes) for rule in spec.errors),
    )


def _check_mode(spec: HttpService) -> None:
    """Repeat what the API server checks: an object may have been stored before it did."""
    if spec.mode == "Async" and (spec.poll is None or spec.extract.job_id is None):
        raise InvalidInput(f"{WHERE}: mode Async needs poll and extract.jobId")
    if spec.extract.output.kind != "Body" and spec.extract.output.value is None:
        raise InvalidInput(f"{WHERE}.extract.output.value is missing: say where in the answer the media is")
    if spec.mode == "Async" and spec.extract.output.kind == "Body" and spec.result is None:
        raise InvalidInput(f"{WHERE}.result is missing: output.kind Body is the body of its answer")


def _check_callback(spec: HttpService, submit: Declared) -> None:
    told = "callbackUrl" in submit.names
    if told and spec.webhook is None:
        raise InvalidInput(f"{WHERE}.submit holds {{{{callbackUrl}}}}: say in {WHERE}.webhook how callbacks are signed")
    if spec.webhook is None:
        return
    if not told:
        raise InvalidInput(f"{WHERE}.webhook is set, but nothing in {WHERE}.submit holds {{{{callbackUrl}}}}: add it")
    for name, text in (("jobId", spec.webhook.job_id), ("endedWhen", spec.webhook.ended_when)):
        if text is not None:
            compile_expression(text, f"{WHERE}.webhook.{name}")


def _ask(spec: HttpService, part: Literal["poll", "result", "cancel"], known: frozenset[str]) -> Declared | None:
    ask: Ask | None = getattr(spec, part)
    if ask is None:
        return None
    where = f"{WHERE}.{part}"
    declared = declare(ask, known, where, spec.auth.header)
    told: str | None = getattr(
        spec.extract, {"poll": "status_url", "result": "result_url", "cancel": "cancel_url"}[part]
    )
    if ask.path is None and told is None:
        raise InvalidInput(f"{where}.path is missing: no answer tells the URL")
    if told is None and not declared.names & (known - {"model", "step"}):
        raise InvalidInput(f"{where} names no job: put {{{{jobId}}}} into its path, query or body")
    return declared


def _expressions(spec: HttpService) -> dict[str, Expression]:
    texts: dict[str, str] = spec.extract.model_dump(by_alias=True, exclude_none=True)
    found = {name: compile_expression(texts[name], f"{WHERE}.extract.{name}") for name in _READ if name in texts}
    if spec.extract.output.value is not None:
        found["output"] = compile_expression(spec.extract.output.value, f"{WHERE}.extract.output.value")
    if spec.poll is not None:
        asked = {"status": spec.poll.status, "doneWhen": spec.poll.done_when, "failedWhen": spec.poll.failed_when}
        found |= {
            name: compile_expression(text, f"{WHERE}.poll.{name}") for name, text in asked.items() if text is not None
        }
    return found


def _result_values(spec: HttpService) -> dict[str, Expression]:
    values = spec.result.values if spec.result is not None else {}
    for name in values:
        if not _NAME.fullmatch(name) or name in JOB:
            raise InvalidInput(
                f"{WHERE}.result.values: {name[:40]!r} cannot be a placeholder; use letters and digits, and no name of "
                f"those there are: {', '.join(sorted(JOB))}"
            )
    return {name: compile_expression(text, f"{WHERE}.result.values[{name}]") for name, text in values.items()}


def _words(words: StatusWords) -> dict[str, JobPhase]:
    meanings: dict[str, JobPhase] = {}
    for phase in (JobPhase.QUEUED, JobPhase.RUNNING, JobPhase.SUCCEEDED, JobPhase.FAILED, JobPhase.CANCELED):
        for word in getattr(words, phase.value.lower()):
            if word in meanings:
                raise InvalidInput(f"{WHERE}.poll.words: {word!r} means both {meanings[word]} and {phase}; choose one")
            meanings[word] = phase
    return meanings


def _kinds(rules: Iterable[tuple[str, Sequence[Sign]]]) -> dict[Sign, FailureKind]:
    kinds: dict[Sign, FailureKind] = {}
    for kind, signs in rules:
        for sign in signs:
            if sign in kinds:
                raise InvalidInput(f"{WHERE}.errors: {sign!r} means both {kinds[sign]} and {kind}; choose one")
            kinds[sign] = FailureKind(kind)
    return kinds
