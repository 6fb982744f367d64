"""The requests that a declared HTTP service is sent, as templates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from storyjob.api.extensions import Rule, list_map, list_set, rules
from storyjob.api.http.fields import (
    AnyStatus,
    Body,
    Expression,
    HeaderName,
    Headers,
    Path,
    Query,
    Seconds,
    Success,
    Text,
    Word,
)
from storyjob.api.resource import ApiModel

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_Headers = Annotated[Headers, Field(description="Further headers. Never a secret: `auth` adds the credentials.")]
_Query = Annotated[Query, Field(description="Query parameters, percent-encoded; one without a value is left out.")]


class Auth(ApiModel):
    """How the credentials are sent."""

    header: Annotated[HeaderName, Field(description="The header that holds them.")] = "Authorization"
    prefix: Annotated[
        str,
        Field(max_length=50, pattern=r"^[ -~]*$", description='What stands before them, such as "Key " or "".'),
    ] = "Bearer "


class FormPart(ApiModel):
    """One part of a multipart form."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "has(self.value) != has(self.file)",
                "a part of a form is either text or a file: set value or file, and not both",
            )
        )
    )

    name: Annotated[Word, Field(description="The field's name.")]
    value: Annotated[Text | None, Field(description="Its text; a part without a value is left out.")] = None
    file: Annotated[
        Literal["Image"] | None,
        Field(description="Image: the still that a clip starts from; left out when there is none."),
    ] = None


class Submit(ApiModel):
    """The one request that buys a generation. It is never repeated."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!(has(self.body) && has(self.form))",
                "a request has one body: set spec.http.submit.body (JSON) or spec.http.submit.form (multipart)",
                field=".form",
            ),
        )
    )

    method: Annotated[Literal["POST", "PUT"], Field(description="The method.")] = "POST"
    path: Annotated[Path, Field(description="Path behind the endpoint; may hold placeholders.")]
    headers: _Headers = {}
    query: _Query = {}
    body: Annotated[
        Body | None,
        Field(
            description="The JSON body. A text that is one placeholder becomes its value, of whatever type; without "
            "a value the key is left out. A key `...` merges the object that it stands for."
        ),
    ] = None
    form: Annotated[
        list[FormPart] | None,
        Field(
            min_length=1,
            max_length=32,
            description="A multipart form instead of JSON, for uploads.",
            json_schema_extra=list_map("name"),
        ),
    ] = None
    expect_status: Annotated[
        list[Success],
        Field(
            max_length=10,
            description="Which statuses say that it was taken; else each from 200 to 299 does.",
            json_schema_extra=list_set(),
        ),
    ] = []
    timeout_seconds: Annotated[
        Seconds, Field(description="How long to wait for the answer; after that the outcome is unknown.")
    ] = 60
    idempotency_header: Annotated[
        HeaderName | None,
        Field(description="A header that carries a word of its own for each attempt: the SHA-256 of its token."),
    ] = None


class Ask(ApiModel):
    """A request about a job that was taken."""

    method: Annotated[Method, Field(description="The method.")] = "GET"
    path: Annotated[
        Path | None,
        Field(description="Path behind the endpoint, with {{jobId}}; not needed where an answer told the URL."),
    ] = None
    headers: _Headers = {}
    query: _Query = {}
    body: Annotated[Body | None, Field(description="The JSON body, with placeholders.")] = None


class Result(Ask):
    """A second question, for services that hand out the result apart from the job."""

    values: Annotated[
        dict[str, Expression],
        Field(
            max_length=8,
            description="Values read from the answer that said that the job is done, by name; they are placeholders "
            "of this request.",
        ),
    ] = {}


class Cancel(Ask):
    """How a job is stopped."""

    method: Annotated[Method, Field(description="The method.")] = "POST"
    ended_statuses: Annotated[
        list[AnyStatus],
        Field(
            max_length=10,
            description="Which answers mean that the job is over already.",
            json_schema_extra=list_set(),
        ),
    ] = [404, 409, 410]
