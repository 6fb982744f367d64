"""Reads the answers of a declared HTTP service by its expressions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import BytesOutput, FailureKind, Output, UrlOutput
from storyjob.api.scene import JOB_ID_LIMIT
from storyjob.providers.answers import JsonObject, as_text
from storyjob.providers.data_url import read_data_url
from storyjob.providers.encoded import decoded
from storyjob.providers.exchange import Reply
from storyjob.providers.http.expression import Expression
from storyjob.providers.http.hosts import is_own, link
from storyjob.providers.http.service import Service
from storyjob.providers.throttling import MAX_SECONDS

HANDLE_LIMIT = 1024  # characters; what a status can keep
HANDLES = ("statusUrl", "cancelUrl", "resultUrl")
_MONEY = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,12})?")
_JOB_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:/@~+=-]*")
_LARGEST = 10**30  # Python writes out no number of more than 4,300 digits
_OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the answers of one service say. ``document`` is an answer's JSON throughout."""

    service: Service
    endpoint: str = field(repr=False)

    def text(self, name: str, document: JsonObject) -> str:
        """Return what an expression of ``extract`` finds, as text; empty for nothing."""
        expression = self.service.read.get(name)
        found = expression.find(document) if expression else None
        return "" if found is None else as_text(found)

    def job_id(self, document: JsonObject) -> str | None:
        """Return the job's id."""
        return as_job_id(self.service.read["jobId"].find(document))

    def url(self, name: str, document: JsonObject) -> str:
        """Return a URL that an answer told, as it is; empty for none. It is judged when it is used."""
        expression = self.service.read.get(name)
        found = expression.find(document) if expression else None
        return found if isinstance(found, str) else ""

    def handles(self, document: JsonObject) -> dict[str, str]:
        """Return the URLs that the answer to submit told."""
        found = {name: self.url(name, document) for name in HANDLES}
        return {name: url for name, url in found.items() if 0 < len(url) <= HANDLE_LIMIT}

    def link(self, url: str) -> str:
        """Return a URL that may be followed. Raises ``InvalidInput``."""
        return link(url, self.endpoint, self.service.spec.allowed_hosts)

    def kind(self, status: int, document: JsonObject) -> FailureKind | None:
        """Return what a refusal means by ``spec.http.errors``; a code says more than a status."""
        code = self.text("errorCode", document)
        return self.service.codes.get(code) or self.service.statuses.get(status)

    def cost(self, document: JsonObject) -> Decimal | None:
        """Return the USD charged, where the answer tells it."""
        text = self.text("cost", document)
        try:
            return Decimal(text) if _MONEY.fullmatch(text) else None
        except InvalidOperation:
            return None

    def retry_after(self, document: JsonObject) -> float | None:
        """Return the seconds to wait that the answer's own words tell."""
        try:
            seconds = float(self.text("retryAfter", document))
        except ValueError:
            return None
        return min(seconds, MAX_SECONDS) if math.isfinite(seconds) and seconds >= 0 else None

    def output(self, document: JsonObject) -> Output:
        """Return the media that a document holds. Raises ``InvalidInput`` that says what was found instead."""
        wanted, expression = self.service.spec.extract.output, self.service.read["output"]
        found = expression.find(document)
        if isinstance(found, str) and found.startswith("data:") and (inline := read_data_url(found)):
            return inline
        if not isinstance(found, str) or not found:
            raise InvalidInput(_miss(expression, found, document))
        if wanted.kind == "Base64":
            data = decoded(found)
            if data is None:
                raise InvalidInput(f"{expression.where} ({expression.text}) finds text that is not base64")
            return BytesOutput(data, wanted.content_type or _OCTETS)
        url = self.link(found)
        return UrlOutput(url, wanted.content_type, wanted.send_credentials and is_own(url, self.endpoint))

    def body(self, reply: Reply) -> BytesOutput:
        """Return an answer that is the media itself."""
        told = self.service.spec.extract.output.content_type
        return BytesOutput(reply.body, told or reply.headers.get("content-type", "").partition(";")[0] or _OCTETS)

    def result_values(self, document: JsonObject) -> Iterator[tuple[str, Any]]:
        """Yield the values that the result request needs. Raises ``InvalidInput`` where one is not there."""
        for name, expression in self.service.result_values.items():
            found = expression.find(document)
            if found is None:
                raise InvalidInput(_miss(expression, found, document))
            yield name, found


def _miss(expression: Expression, found: Any, document: JsonObject) -> str:
    """Say what an expression found instead of what is needed."""
    what = "finds nothing" if found is None else f"finds {as_text(found)[:60]!r}, which is no text,"
    keys = ", ".join(sorted(document)[:12]) or "none"
    return f"{expression.where} ({expression.text}) {what} in an answer with the keys {keys}"


def as_job_id(value: object) -> str | None:
    """Return what may be a job's id, which becomes a part of paths: a word or a whole number; None for others."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
        value = str(value)
    if not isinstance(value, str) or len(value) > JOB_ID_LIMIT or not _JOB_ID.fullmatch(value):
        return None
    return None if {".", ".."} & set(value.split("/")) else value
