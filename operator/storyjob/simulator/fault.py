"""Fault scripts: what shall go wrong, for whom, how often. Wrong scripts are refused with the field's name."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from storyjob.api.step import StepKind


class Route(StrEnum):
    """What a client is doing when a fault strikes."""

    SUBMIT = "submit"
    POLL = "poll"
    CANCEL = "cancel"
    DOWNLOAD = "download"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Strict):
    """Which requests a fault strikes; what is left out matches everything."""

    vendor: str | None = None
    kind: StepKind | None = None
    prompt_contains: str | None = None
    model: str | None = None
    route: Route | None = None


class _Fault(_Strict):
    routes: ClassVar[frozenset[Route]] = frozenset({Route.SUBMIT})
    """Where this fault can strike; a rule may narrow it by ``match.route``."""
    match: Match = Match()
    times: int | None = Field(default=1, ge=1)
    """How often it strikes; null for always."""

    @model_validator(mode="after")
    def _route_fits(self) -> _Fault:
        if self.match.route is not None and self.match.route not in self.routes:
            possible = ", ".join(sorted(self.routes))
            raise ValueError(f"match.route {self.match.route.value!r} cannot be hit by this fault; use {possible}")
        return self


class _RequestFault(_Fault):
    routes = frozenset(Route)


class Latency(_RequestFault):
    """The answer comes late. Seconds of a script are real ones: clients' timeouts are real, too."""

    fault: Literal["latency"]
    seconds: float = Field(gt=0, le=3600)
    when: Literal["before", "after"] = "after"
    """Whether the request takes effect before or after the wait."""


class Status(_RequestFault):
    """The request is refused with an HTTP status, in the vendor's error shape."""

    fault: Literal["status"]
    status: int = Field(ge=400, le=599)
    message: str | None = None
    code: str | None = None
    """The vendor's own word for the error, such as ElevenLabs' ``system_busy``."""
    retry_after: float | None = Field(default=None, ge=0)
    """Seconds; sent as the Retry-After header."""


class Drop(_RequestFault):
    """The connection closes; the request had no effect."""

    fault: Literal["drop"]


class NotJson(_RequestFault):
    """The request takes effect; the answer is a proxy's HTML page with status 200."""

    fault: Literal["not-json"]


class HugeBody(_RequestFault):
    """The request takes effect; the answer is far too large."""

    fault: Literal["huge-body"]
    megabytes: int = Field(default=64, ge=1, le=4096)


class AcceptThenDrop(_Fault):
    """The job is taken and will be charged; the connection closes without an answer."""

    fault: Literal["accept-then-drop"]


class AcceptThen500(_Fault):
    """The job is taken and will be charged; the answer is a 500."""

    fault: Literal["accept-then-500"]


class Fail(_Fault):
    """The job runs and ends badly."""

    fault: Literal["fail"]
    message: str = "Prediction failed: CUDA out of memory"
    charged: bool = True


class Refuse(_Fault):
    """A content filter refuses the job after it was accepted."""

    fault: Literal["refuse"]
    message: str = "The content was flagged as sensitive."


class UnknownStatus(_Fault):
    """Polls tell a status word no client knows, until the job ends."""

    fault: Literal["unknown-status"]
    word: str = "hibernating"


class NeverFinish(_Fault):
    """The job stays where it is until it is cancelled or its deadline passes."""

    fault: Literal["never-finish"]
    stage: Literal["queued", "running"] = "running"


class DataRemoved(_Fault):
    """The vendor deletes input and output as soon as the job succeeded."""

    fault: Literal["data-removed"]


class LostWebhook(_Fault):
    """Webhooks of the job are not sent."""

    fault: Literal["lost-webhook"]
    events: frozenset[Literal["start", "completed"]] = frozenset({"start", "completed"})


class DuplicateWebhook(_Fault):
    """The last webhook is sent several times with the same id."""

    fault: Literal["duplicate-webhook"]
    copies: int = Field(default=2, ge=2, le=20)


class LateWebhook(_Fault):
    """A webhook is sent late; a late ``start`` arrives after ``completed``."""

    fault: Literal["late-webhook"]
    seconds: float = Field(default=5, gt=0, le=3600)
    event: Literal["start", "completed"] = "completed"


class ForgedWebhook(_Fault):
    """Somebody else, without the key, claims success while the job still runs."""

    fault: Literal["forged-webhook"]


class WrongSignature(_Fault):
    """The vendor's webhooks are signed with a key we do not know."""

    fault: Literal["wrong-signature"]


class OldTimestamp(_Fault):
    """The vendor's webhooks are rightly signed, but for a time long ago."""

    fault: Literal["old-timestamp"]
    seconds: float = Field(default=3600, gt=0)


class _MediaFault(_Fault):
    routes = frozenset({Route.DOWNLOAD})


class ExpiredLink(_MediaFault):
    """The link to the output is dead."""

    fault: Literal["expired-link"]
    status: int = Field(default=404, ge=400, le=499)


class TruncatedMedia(_MediaFault):
    """Only the first part of a file arrives."""

    fault: Literal["truncated-media"]
    keep: float = Field(default=0.5, ge=0, lt=1)
    """The part that arrives."""
    honest: bool = True
    """Whether Content-Length tells the short length; if not, the connection breaks halfway."""


class WrongMedia(_MediaFault):
    """Another type of file arrives under the right name and Content-Type."""

    fault: Literal["wrong-media"]


JobFault = (
    Fail
    | Refuse
    | UnknownStatus
    | NeverFinish
    | DataRemoved
    | LostWebhook
    | DuplicateWebhook
    | LateWebhook
    | ForgedWebhook
    | WrongSignature
    | OldTimestamp
)
AnswerFault = Status | Drop | NotJson | HugeBody | AcceptThenDrop | AcceptThen500
MediaFault = ExpiredLink | TruncatedMedia | WrongMedia
Fault = Latency | AnswerFault | JobFault | MediaFault

SCRIPT: TypeAdapter[list[Fault]] = TypeAdapter(list[Annotated[Fault, Field(discriminator="fault")]])
"""A fault script: a list of faults, told apart by their field ``fault``."""
