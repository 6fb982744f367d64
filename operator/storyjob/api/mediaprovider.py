"""MediaProvider: how to reach one vendor account, how fast, and at what price."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from storyjob.api.conditions import CONDITIONS, Condition
from storyjob.api.extensions import Rule, immutable, list_map, rules
from storyjob.api.http.service import HttpService
from storyjob.api.money import Money
from storyjob.api.resource import ApiModel, ObjectMeta
from storyjob.api.unknown import UnknownOutcome

Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
SecretName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
DNS_LABEL = Rule(
    "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 63",
    "metadata.name must be at most 63 characters of a-z, 0-9 and '-', with neither end a '-': rename the object",
)
"""For kinds whose name becomes a label value or is named by a field of type ``Name``."""


class ProviderType(StrEnum):
    """The vendors spoken to."""

    REPLICATE = "replicate"
    FAL = "fal"
    LUMA = "luma"
    RUNWAY = "runway"
    BFL = "bfl"
    ELEVENLABS = "elevenlabs"
    GEMINI = "gemini"
    GOOGLE_IMAGEN = "google-imagen"
    GOOGLE_TTS = "google-tts"
    OPENAI = "openai"
    VERTEX_VEO = "vertex-veo"
    HTTP = "http"


class SecretKey(ApiModel):
    """One key of one Secret."""

    name: Annotated[SecretName, Field(description="Name of a Secret in the MediaProvider's own namespace.")]
    key: Annotated[str, Field(min_length=1, max_length=253, description="Which key of the Secret holds the value.")]


class SecretSource(ApiModel):
    """Where a secret value is read from."""

    secret_ref: Annotated[
        SecretKey,
        Field(
            description='The Secret must carry the label storyjob.dev/credentials: "true"; else any Secret of the '
            "namespace could be sent to a host that a MediaProvider names."
        ),
    ]


class Limits(ApiModel):
    """How much may be asked of the provider at once, over all stories of the namespace."""

    concurrent: Annotated[
        int,
        Field(ge=1, le=10_000, description="How many generations may be under way at once, until stored."),
    ] = 10
    requests_per_minute: Annotated[
        int | None, Field(ge=1, le=100_000, description="How many generations may be started in a minute.")
    ] = None


class Polling(ApiModel):
    """How often the provider is asked about a job. The slow poll runs behind webhooks too."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "self.initialSeconds <= self.maxSeconds",
                "spec.polling.initialSeconds must not be above spec.polling.maxSeconds (60 unless set): "
                "raise maxSeconds",
                field=".initialSeconds",
            )
        )
    )

    initial_seconds: Annotated[int, Field(ge=1, le=3600, description="Pause before the first question.")] = 10
    factor: Annotated[float, Field(ge=1, le=10, description="By how much each pause is longer than the last.")] = 1.5
    max_seconds: Annotated[int, Field(ge=1, le=3600, description="The longest pause.")] = 60


class Price(ApiModel):
    """What a model costs, for the estimates; what a provider reports itself counts more."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "has(self.perGeneration) || has(self.perCharacter) || has(self.perSecond) || "
                "has(self.perComputeSecond)",
                "a price needs perGeneration, perCharacter, perSecond or perComputeSecond: set one, or leave the "
                "price out",
            ),
            Rule(
                "has(self.perComputeSecond) == has(self.typicalComputeSeconds)",
                "perComputeSecond and typicalComputeSeconds belong together: the one is multiplied by the other for "
                "the estimate, so set both or neither",
                field=".typicalComputeSeconds",
            ),
        )
    )

    model: Annotated[str, Field(min_length=1, max_length=200, description='A model name, or "*" for all others.')]
    per_generation: Annotated[Money | None, Field(description='USD for one generation, such as "0.025".')] = None
    per_character: Annotated[Money | None, Field(description="USD for one character of narration.")] = None
    per_second: Annotated[
        Money | None,
        Field(
            description="USD for one second of what was made. A clip is estimated at 8 s and costs by its real length."
        ),
    ] = None
    per_compute_second: Annotated[
        Money | None,
        Field(
            description="USD for one second that the vendor's hardware worked, where it reports that (replicate, fal)."
        ),
    ] = None
    typical_compute_seconds: Annotated[
        float | None,
        Field(gt=0, le=86_400, description="How long it usually works on one generation. Only for the estimate."),
    ] = None


class ProviderOutput(ApiModel):
    """A bucket of yours that the provider writes results to."""

    gcs_prefix: Annotated[
        str,
        Field(
            max_length=300,
            pattern=r"^gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._=-]+)*/?$",
            description="Each attempt gets a prefix of its own below this one, so that a clip is found even when the "
            "answer to its request was lost. The service account must be able to list, read and write there.",
        ),
    ]
    endpoint: Annotated[
        str | None,
        Field(
            max_length=500,
            pattern=r"^https?://[^\s@?#]+$",
            description="Base URL instead of https://storage.googleapis.com, for proxies and the simulator.",
        ),
    ] = None


_OF_PROVIDER = (
    Rule(
        "(self.type == 'http') == has(self.http)",
        "spec.http describes a service of type http: set it for that type, and for no other",
        field=".http",
    ),
    Rule("self.type != 'http' || has(self.endpoint)", "spec.endpoint says where a service of type http is: set it"),
    Rule(
        "self.type == 'http' || has(self.credentials)",
        "spec.credentials is missing: name the Secret with the account's key (only type http works without)",
    ),
    Rule(
        "!has(self.http) || !has(self.http.webhook) || "
        "(self.http.webhook.signature.scheme == 'None') != has(self.webhook)",
        "spec.webhook holds the key that signs callbacks: set it for a signature, and leave it out for scheme None",
        field=".webhook",
    ),
    Rule(
        "!has(self.output) || self.type == 'vertex-veo'",
        "spec.output is only for type vertex-veo, which can write to a bucket: remove it",
        field=".output",
    ),
)


class MediaProviderSpec(ApiModel):
    """How to reach one vendor account, how fast, and at what price."""

    model_config = ConfigDict(json_schema_extra=rules(*_OF_PROVIDER))

    type: Annotated[
        ProviderType,
        Field(
            description="The vendor whose wire protocol is spoken. It cannot be changed.",
            json_schema_extra=immutable(
                "spec.type cannot be changed, since jobs may be running there: make a MediaProvider with another name"
            ),
        ),
    ]
    endpoint: Annotated[
        str | None,
        Field(
            max_length=500,
            pattern=r"^https?://[^\s@?#]+$",
            description="Base URL instead of the vendor's own, for proxies and the simulator. Plain http and private "
            "addresses work only for hosts on the operator's allow-list.",
        ),
    ] = None
    credentials: Annotated[
        SecretSource | None,
        Field(description="The API key or token of the account. Required, except for type http."),
    ] = None
    webhook: Annotated[
        SecretSource | None,
        Field(
            description="The key that signs webhooks. Not needed where the vendor tells it (replicate, fal, gemini)."
        ),
    ] = None
    output: Annotated[ProviderOutput | None, Field(description="A bucket that results are left in (vertex-veo).")] = (
        None
    )
    completion: Annotated[
        Literal["Webhook", "Poll"],
        Field(description="Webhook: callbacks, with the slow poll behind them. Poll: only ask."),
    ] = "Webhook"
    limits: Annotated[Limits, Field(description="How much may be asked of the provider at once.")] = Limits()
    polling: Annotated[Polling, Field(description="How often it is asked about a job.")] = Polling()
    timeout_seconds: Annotated[int, Field(ge=10, le=86_400, description="After this a running job is cancelled.")] = (
        1800
    )
    unknown_outcome: Annotated[
        UnknownOutcome | None,
        Field(description="What to do about requests of unknown outcome, for stories that do not say it themselves."),
    ] = None
    prices: Annotated[
        list[Price],
        Field(
            max_length=100,
            description="What its models cost; without a price the cost is unknown.",
            json_schema_extra=list_map("model"),
        ),
    ] = []
    http: Annotated[
        HttpService | None,
        Field(description="For type http: the service, described. See the page docs/providers/http.md."),
    ] = None


class MediaProviderStatus(ApiModel):
    """What the operator knows of a provider."""

    observed_generation: Annotated[int, Field(description="The generation of the spec that this status is of.")] = -1
    in_flight: Annotated[
        int, Field(ge=0, description="Generations under way, from intent to stored; written every ten seconds at most.")
    ] = 0
    waiting: Annotated[int, Field(ge=0, description="Steps that wait for room at this provider; likewise.")] = 0
    circuit: Annotated[
        Literal["Closed", "Open", "HalfOpen"],
        Field(description="Open: nothing is bought for a while. HalfOpen: one purchase at a time tries it again."),
    ] = "Closed"
    last_error: Annotated[
        str | None, Field(max_length=1024, description="Why the newest purchase without an answer had none.")
    ] = None
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=16, description="Ready, CredentialsValid, CircuitOpen, Stalled.", json_schema_extra=CONDITIONS
        ),
    ] = []


class MediaProvider(ApiModel):
    """One vendor account that stories buy media from."""

    model_config = ConfigDict(json_schema_extra=rules(DNS_LABEL))

    metadata: ObjectMeta
    spec: MediaProviderSpec
    status: MediaProviderStatus = MediaProviderStatus()
