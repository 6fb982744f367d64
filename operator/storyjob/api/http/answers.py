"""How the answers of a declared HTTP service are read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from storyjob.api.extensions import Rule, list_set, rules
from storyjob.api.http.fields import AnyStatus, Expression, Words
from storyjob.api.http.requests import Ask
from storyjob.api.resource import ApiModel


class Output(ApiModel):
    """Where the media is."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "(self.kind == 'Body') != has(self.value)",
                "spec.http.extract.output: value says where in the answer the media is: set it for kind Url and "
                "Base64, and leave it out for kind Body",
            ),
            Rule(
                "self.kind == 'Url' || !has(self.sendCredentials) || !self.sendCredentials",
                "spec.http.extract.output.sendCredentials is for links: remove it, or use kind Url",
                field=".sendCredentials",
            ),
        )
    )

    kind: Annotated[
        Literal["Url", "Base64", "Body"],
        Field(description="Url: a link (or data: URL) in the answer. Base64: bytes in it. Body: the answer itself."),
    ]
    value: Annotated[Expression | None, Field(description="JMESPath of the link or the bytes.")] = None
    send_credentials: Annotated[
        bool,
        Field(description="Whether the link needs the credentials; they go to the endpoint's own host only."),
    ] = False
    content_type: Annotated[
        str | None,
        Field(
            max_length=100,
            pattern=r"^[a-z]+/[A-Za-z0-9.+-]+$",
            description="The type of the media, where the answer does not tell it. The bytes themselves count.",
        ),
    ] = None


class Extract(ApiModel):
    """Where in the answers things are: JMESPath each."""

    job_id: Annotated[
        Expression | None, Field(description="The job's id, in the answer to submit. Text or a whole number.")
    ] = None
    status_url: Annotated[Expression | None, Field(description="Where to poll, in the answer to submit.")] = None
    cancel_url: Annotated[Expression | None, Field(description="Where to cancel, in the answer to submit.")] = None
    result_url: Annotated[
        Expression | None, Field(description="Where the result is, in the answer to submit or to the last poll.")
    ] = None
    output: Annotated[
        Output, Field(description="The media, in the answer to `result`, else to the last poll, else to submit.")
    ]
    error: Annotated[Expression | None, Field(description="The words of a failure, in any answer.")] = None
    error_code: Annotated[Expression | None, Field(description="The code of a failure, for `errors`.")] = None
    retry_after: Annotated[
        Expression | None, Field(description="Seconds to wait, in a refusal without a Retry-After header.")
    ] = None
    cost: Annotated[Expression | None, Field(description="USD charged, in the answer that ends the job.")] = None


class StatusWords(ApiModel):
    """Which words mean what. A word that stands nowhere is taken for running, and shown."""

    queued: Annotated[Words, Field(description="It waits.")] = []
    running: Annotated[Words, Field(description="It is being worked on.")] = []
    succeeded: Annotated[Words, Field(description="It is done.")] = []
    failed: Annotated[Words, Field(description="It ended badly.")] = []
    canceled: Annotated[Words, Field(description="It was stopped.")] = []


class Poll(Ask):
    """How a job is asked about, and what its answer means."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "has(self.doneWhen) || (has(self.status) && has(self.words) && has(self.words.succeeded))",
                "spec.http.poll must tell when a job is done: set doneWhen, or status and words.succeeded",
            )
        )
    )

    status: Annotated[Expression | None, Field(description="JMESPath of the word that says how the job stands.")] = None
    words: Annotated[StatusWords, Field(description="What the words mean.")] = StatusWords()
    done_when: Annotated[Expression | None, Field(description="JMESPath that is true once the job has succeeded.")] = (
        None
    )
    failed_when: Annotated[
        Expression | None, Field(description="JMESPath that is true once the job has failed; looked at first.")
    ] = None


class ErrorRule(ApiModel):
    """One kind of refusal, and how it is recognised. Codes come before statuses."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule("has(self.statuses) || has(self.codes)", "an entry of spec.http.errors needs statuses or codes")
        )
    )

    kind: Annotated[
        Literal["Throttled", "Unavailable", "ContentRefused", "InvalidRequest", "Unauthorized", "QuotaExhausted"],
        Field(description="What it means. Each of them says that the request was surely not taken."),
    ]
    statuses: Annotated[
        list[AnyStatus],
        Field(max_length=32, description="HTTP statuses.", json_schema_extra=list_set()),
    ] = []
    codes: Annotated[Words, Field(description="Codes, as `extract.errorCode` finds them.")] = []
