"""What a scene asks for: the same words in a StoryJob, in its defaults and, merged, in a Scene."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from storyjob.api.extensions import Rule, instead_of_pattern
from storyjob.api.mediaprovider import Name
from storyjob.api.resource import ApiModel

PROMPT_LIMIT = 4000  # characters

Model = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        # Model names become a part of URL paths, so nothing that a path gives a meaning to.
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]*(/[A-Za-z0-9][A-Za-z0-9._:@-]*){0,3}$",
        description="The vendor's name of the model, such as black-forest-labs/flux-dev.",
    ),
]
Voice = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="The vendor's name or id of the voice.",
    ),
]
# Unlike a pattern on the API server, `trim` knows all the white space of Unicode, as pydantic does.
_Words = Annotated[
    str,
    Field(
        pattern=r"\S",
        json_schema_extra=instead_of_pattern(
            Rule("self.trim().size() > 0", "must hold words, not only white space: write some, or leave it out whole")
        ),
    ),
]
Prompt = Annotated[_Words, Field(max_length=PROMPT_LIMIT)]
Narration = Annotated[_Words, Field(max_length=5000)]
Seed = Annotated[
    int,
    Field(
        ge=0,
        le=4_294_967_295,
        description="Makes a model repeat itself, where it can. Never drawn by itself.",
    ),
]
ModelInput = Annotated[
    dict[str, Any],
    Field(
        max_length=64,
        description="Further inputs of the model, passed on as they are. See the vendor's page of the model.",
    ),
]
SceneName = Annotated[
    Name,
    Field(description="Unique in the story. A scene that keeps its name keeps its media when it is moved."),
]


class ProviderRef(ApiModel):
    """A MediaProvider in the story's namespace."""

    name: Annotated[Name, Field(description="Name of a MediaProvider in the same namespace.")]


_Provider = Annotated[ProviderRef, Field(description="Which MediaProvider makes it; else the story's default.")]
_DefaultProvider = Annotated[ProviderRef, Field(description="Which MediaProvider makes them.")]


class Trigger(StrEnum):
    """What a fallback stands in for."""

    OUTAGE = "Outage"
    QUOTA = "Quota"
    CONTENT_REFUSED = "ContentRefused"


class Fallback(ApiModel):
    """Somebody else who may make it while the one before cannot, or will not."""

    provider_ref: Annotated[ProviderRef, Field(description="Which MediaProvider makes it then.")]
    model: Model
    input: Annotated[
        dict[str, Any] | None,
        Field(max_length=64, description="Further inputs of this model. Those of the request are not passed on."),
    ] = None
    on: Annotated[
        list[Trigger],
        Field(
            min_length=1,
            max_length=3,
            description="Outage: the provider does not answer. Quota: its account is empty. ContentRefused: its filter "
            "refused the content.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = [Trigger.OUTAGE, Trigger.QUOTA]


class AudioFallback(Fallback):
    """Somebody else who may speak it."""

    voice: Annotated[Voice | None, Field(description="The voice there; else that of the request.")] = None


_IN_ORDER = Field(
    max_length=3,
    description="Who else may make it, tried in this order. What is asked for, and so what is found in the bucket, "
    "stays the same whoever makes it.",
    json_schema_extra={"x-kubernetes-list-type": "atomic"},
)
Fallbacks = Annotated[list[Fallback], _IN_ORDER]
AudioFallbacks = Annotated[list[AudioFallback], _IN_ORDER]


class ImageRequest(ApiModel):
    """A picture to be generated."""

    prompt: Annotated[Prompt, Field(description="What is to be seen. The story's `defaults.style` is appended.")]
    provider_ref: _Provider | None = None
    model: Model | None = None
    seed: Seed | None = None
    input: ModelInput | None = None
    fallbacks: Fallbacks | None = None


class AudioRequest(ApiModel):
    """A narration to be spoken. Its measured length is how long the scene is seen."""

    text: Annotated[Narration, Field(description="The words to be spoken; captions are written from them.")]
    provider_ref: _Provider | None = None
    model: Model | None = None
    voice: Voice | None = None
    seed: Seed | None = None
    input: ModelInput | None = None
    fallbacks: AudioFallbacks | None = None


class VideoRequest(ApiModel):
    """A clip to be generated, from the prompt alone or from the scene's own picture."""

    prompt: Annotated[Prompt, Field(description="What moves, and how.")]
    from_: Annotated[
        Literal["image"] | None,
        Field(alias="from", description="image: the clip starts from this scene's generated picture."),
    ] = None
    provider_ref: _Provider | None = None
    model: Model | None = None
    seed: Seed | None = None
    input: ModelInput | None = None
    fallbacks: Fallbacks | None = None


class Source(ApiModel):
    """A file of your own that is shown instead of something generated."""

    uri: Annotated[
        str,
        Field(
            max_length=1024,
            pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s?#]+$",
            description="s3:// address of a picture or clip, under the namespace's own prefix of the operator's bucket "
            "or one of the operator's shared prefixes.",
        ),
    ]


class ImageDefaults(ApiModel):
    """What image requests use that do not say otherwise."""

    provider_ref: _DefaultProvider | None = None
    model: Model | None = None
    input: ModelInput | None = None
    fallbacks: Fallbacks | None = None


class AudioDefaults(ApiModel):
    """What narrations use that do not say otherwise."""

    provider_ref: _DefaultProvider | None = None
    model: Model | None = None
    voice: Voice | None = None
    input: ModelInput | None = None
    fallbacks: AudioFallbacks | None = None


class VideoDefaults(ApiModel):
    """What clips use that do not say otherwise."""

    provider_ref: _DefaultProvider | None = None
    model: Model | None = None
    input: ModelInput | None = None
    fallbacks: Fallbacks | None = None
