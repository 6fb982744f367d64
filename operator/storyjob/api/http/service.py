"""`spec.http`: an HTTP service that generates media, described instead of programmed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from storyjob.api.extensions import Rule, list_map, list_set, rules
from storyjob.api.http.answers import ErrorRule, Extract, Poll
from storyjob.api.http.requests import Auth, Cancel, Result, Submit
from storyjob.api.http.webhook import Webhook
from storyjob.api.resource import ApiModel
from storyjob.api.step import StepKind

_RULES = (
    Rule(
        "self.mode != 'Async' || (has(self.poll) && has(self.extract.jobId))",
        "a service of mode Async is asked about its jobs: set spec.http.poll and spec.http.extract.jobId",
    ),
    Rule(
        "self.mode != 'Sync' || !(has(self.poll) || has(self.result) || has(self.cancel) || has(self.webhook))",
        "a service of mode Sync answers with the media: remove poll, result, cancel and webhook, or use mode Async",
    ),
    Rule(
        "!has(self.poll) || has(self.poll.path) || has(self.extract.statusUrl)",
        "set spec.http.poll.path, or spec.http.extract.statusUrl where the answer to submit tells it",
        field=".poll",
    ),
    Rule(
        "!has(self.result) || has(self.result.path) || has(self.extract.resultUrl)",
        "set spec.http.result.path, or spec.http.extract.resultUrl where an answer tells it",
        field=".result",
    ),
    Rule(
        "!has(self.cancel) || has(self.cancel.path) || has(self.extract.cancelUrl)",
        "set spec.http.cancel.path, or spec.http.extract.cancelUrl where the answer to submit tells it",
        field=".cancel",
    ),
    Rule(
        "self.mode == 'Sync' || self.extract.output.kind != 'Body' || has(self.result)",
        "the media is the body of no answer that a job has: set spec.http.result, or another "
        "spec.http.extract.output.kind",
    ),
)

Host = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^(\*|(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?)$",
        description="A host, with or without a port.",
    ),
]


class HttpService(ApiModel):
    """An HTTP service that generates media."""

    model_config = ConfigDict(json_schema_extra=rules(*_RULES))

    steps: Annotated[
        list[Annotated[StepKind, Field(description="A kind of step.")]],
        Field(min_length=1, max_length=3, description="What it makes.", json_schema_extra=list_set()),
    ]
    mode: Annotated[
        Literal["Sync", "Async"],
        Field(description="Sync: the answer to submit holds the media. Async: it names a job that is asked about."),
    ]
    auth: Annotated[Auth, Field(description="How the credentials are sent, if there are any.")] = Auth()
    allowed_hosts: Annotated[
        list[Host],
        Field(
            max_length=16,
            description="Hosts that links in its answers may lead to, beside the endpoint's own: a name, *.name for "
            "all below it, or * for any. Credentials are never sent there.",
            json_schema_extra=list_set(),
        ),
    ] = []
    submit: Annotated[Submit, Field(description="The request that buys.")]
    extract: Annotated[Extract, Field(description="Where in the answers things are.")]
    poll: Annotated[Poll | None, Field(description="How a job is asked about.")] = None
    result: Annotated[
        Result | None, Field(description="How the result is fetched, where the poll does not hold it.")
    ] = None
    cancel: Annotated[Cancel | None, Field(description="How a job is stopped, where it can be.")] = None
    webhook: Annotated[Webhook | None, Field(description="How the service calls back, where it does.")] = None
    errors: Annotated[
        list[ErrorRule],
        Field(
            max_length=6,
            description="What its refusals mean, where the usual reading of HTTP statuses is wrong or too coarse.",
            json_schema_extra=list_map("kind"),
        ),
    ] = []
