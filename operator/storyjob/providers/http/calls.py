"""Turns the declared requests of an HTTP service into calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from storyjob.api.errors import InvalidInput
from storyjob.api.http.requests import Ask, FormPart, Submit
from storyjob.providers.answers import as_text
from storyjob.providers.base import InputFile
from storyjob.providers.exchange import MEDIA_BYTES, Call, json_body
from storyjob.providers.http.template import ABSENT, Template, Values, compile_template

# What frames a request or routes it is not a template's to say.
_RESERVED = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"),
        *("accept-encoding", "cookie", "proxy-authorization", "proxy-connection", "keep-alive"),
    }
)
# The exchange sets these two by itself, under these very names, unless a request does.
_SPELLED = {"accept": "Accept", "content-type": "Content-Type"}
_DOTS = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart form."""

    name: str
    value: Template | None


@dataclass(frozen=True, slots=True)
class Declared:
    """One request of a service, checked and ready to be filled in. ``path`` is None where an answer tells the URL."""

    method: str
    path: Template | None
    headers: tuple[tuple[str, Template], ...]
    query: tuple[tuple[str, Template], ...]
    body: Template | None
    form: tuple[Part, ...] | None = None

    @property
    def names(self) -> frozenset[str]:
        """The placeholders that stand anywhere in it."""
        templates = [template for _, template in (*self.headers, *self.query)]
        templates += [part.value for part in self.form or () if part.value is not None]
        templates += [template for template in (self.path, self.body) if template is not None]
        return frozenset().union(*(template.names() for template in templates))

    @property
    def sends_file(self) -> bool:
        """Whether a part of its form is a file."""
        return any(part.value is None for part in self.form or ())

    def call(self, values: Values, base: str, *, url: str | None = None, image: InputFile | None = None) -> Call:
        """Return the request filled in, to the endpoint ``base`` or to a ``url`` that an answer told.

        Raises ``InvalidInput`` for a value that is missing or cannot stand where it should.
        """
        target = base.rstrip("/") + self._path(values) if url is None else url
        headers = {name: _header(name, template, values) for name, template in self.headers}
        sent = {name: value for name, value in headers.items() if value is not None}
        body: bytes | None = None
        if self.form is not None:
            body, sent["Content-Type"] = _multipart(self.form, values, image)
        elif self.body is not None:
            body = json_body(self.body.render(values))
        return Call(self.method, _with_query(target, self.query, values), sent, body, max_bytes=MEDIA_BYTES)

    def _path(self, values: Values) -> str:
        if self.path is None:
            raise InvalidInput("no answer has told the URL, and there is no path to ask instead")
        path = self.path.write(values, lambda text: quote(text, safe="/:"))
        if _DOTS.search(path):
            raise InvalidInput(f"{self.path.where}: {path!r} leads out of its place")
        return path


def declare(request: Submit | Ask, known: frozenset[str], where: str, credentials: str) -> Declared:
    """Check one request of the field ``where``. Raises ``InvalidInput`` that names the field and the remedy."""
    for name in request.headers:
        check_header(name, f"{where}.headers", credentials)
    form = request.form if isinstance(request, Submit) else None

    def texts(part: str, entries: dict[str, str]) -> tuple[tuple[str, Template], ...]:
        return tuple((name, compile_template(text, known, f"{where}.{part}[{name}]")) for name, text in entries.items())

    return Declared(
        request.method,
        None if request.path is None else compile_template(request.path, known, f"{where}.path"),
        tuple((_SPELLED.get(name.lower(), name), text) for name, text in texts("headers", request.headers)),
        texts("query", request.query),
        None if request.body is None else compile_template(request.body, known, f"{where}.body"),
        None if form is None else tuple(_part(part, known, where) for part in form),
    )


def _part(part: FormPart, known: frozenset[str], where: str) -> Part:
    value = None if part.value is None else compile_template(part.value, known, f"{where}.form[{part.name}]")
    return Part(part.name, value)


def check_header(name: str, where: str, credentials: str = "") -> None:
    """Raise ``InvalidInput`` for a header that a request may not set."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", name):
        raise InvalidInput(f"{where}: {name[:100]!r} is no name of a header; use letters, digits and '-'")
    if name.lower() in _RESERVED:
        raise InvalidInput(f"{where}: {name} cannot be set; leave it out")
    if name.lower() == credentials.lower():
        raise InvalidInput(f"{where}: {name} holds the credentials, see spec.http.auth; leave it out here")


def _header(name: str, template: Template, values: Values) -> str | None:
    value = template.render(values)
    if value is ABSENT:
        return None
    text = as_text(value)
    if not (text.isascii() and text.isprintable()):
        raise InvalidInput(
            f"{template.where}: a header takes printable ASCII only, so this value cannot stand in {name}"
        )
    return text


def _with_query(url: str, query: tuple[tuple[str, Template], ...], values: Values) -> str:
    rendered = [(name, template.render(values)) for name, template in query]
    pairs = [(name, as_text(value)) for name, value in rendered if value is not ABSENT]
    if not pairs:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs)}"


def _multipart(form: tuple[Part, ...], values: Values, image: InputFile | None) -> tuple[bytes, str]:
    """Return body and content type of a multipart form."""
    files: list[tuple[str, Any]] = []
    for part in form:
        if part.value is None:
            if image is not None:
                ending = image.content_type.partition("/")[2].partition("+")[0]
                files.append((part.name, (f"still.{ending}", image.data, image.content_type)))
            continue
        value = part.value.render(values)
        if value is not ABSENT:
            files.append((part.name, (None, as_text(value))))
    if not files:
        raise InvalidInput("no part of spec.http.submit.form has a value in this step")
    request = httpx.Request("POST", "http://localhost/", files=files)
    return request.read(), request.headers["content-type"]
