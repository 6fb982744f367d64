"""What `POST /create-story` takes. A word that is not known here is refused, never ignored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from storyjob.api.mediaprovider import Name
from storyjob.api.step import StepKind
from storyjob.api.storyjob import Defaults
from storyjob.api.wishes import Model, ModelInput, Narration, Prompt, SceneName, Voice
from storyjob_webhook.refusal import Refusal


class _Request(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class SceneRequest(_Request):
    """One scene: a picture, a clip, or a clip that starts from the picture; and perhaps a narration."""

    name: SceneName | None = None
    prompt: Prompt | None = Field(None, validation_alias=AliasChoices("prompt", "imagePrompt"))
    narration: Narration | None = Field(None, validation_alias=AliasChoices("narration", "text"))
    video_prompt: Prompt | None = None
    seconds: float | None = Field(None, gt=0, le=600)

    @model_validator(mode="after")
    def _shows_something(self) -> SceneRequest:
        if self.prompt is None and self.video_prompt is None:
            raise ValueError("a scene needs something to see: prompt or videoPrompt")
        return self

    def kinds(self) -> set[StepKind]:
        """Return the steps that the scene asks for."""
        wishes = {StepKind.IMAGE: self.prompt, StepKind.AUDIO: self.narration, StepKind.VIDEO: self.video_prompt}
        return {kind for kind, wish in wishes.items() if wish is not None}

    def wire(self, index: int) -> dict[str, Any]:
        """Return the scene as a StoryJob has it; without a name of its own it is called by its place, from 1."""
        scene: dict[str, Any] = {"name": self.name or f"scene-{index + 1}"}
        if self.prompt is not None:
            scene["image"] = {"prompt": self.prompt}
        if self.narration is not None:
            scene["audio"] = {"text": self.narration}
        if self.video_prompt is not None:
            scene["video"] = {"prompt": self.video_prompt} | ({"from": "image"} if self.prompt is not None else {})
        if self.seconds is not None:
            scene["seconds"] = self.seconds
        return scene


class Maker(_Request):
    """Who makes the pictures or clips, with which model."""

    provider: Name | None = None
    model: Model | None = None
    input: ModelInput | None = None

    def wire(self) -> dict[str, Any]:
        """Return it as a StoryJob's defaults have it."""
        fields = self.model_dump(exclude_none=True)
        provider = fields.pop("provider", None)
        return fields | ({"providerRef": {"name": provider}} if provider else {})


class Speaker(Maker):
    """Who speaks the narrations, with which model and voice."""

    voice: Voice | None = None


class StoryRequest(_Request):
    """A story to be made."""

    title: str = Field(min_length=1, max_length=200)
    scenes: list[SceneRequest] = Field(min_length=1, max_length=1000)
    namespace: Name = "default"
    style: Annotated[str, Field(max_length=1000)] | None = None
    image: Maker | None = None
    audio: Speaker | None = None
    video: Maker | None = None
    defaults: dict[str, Any] = {}

    def kinds(self) -> list[StepKind]:
        """Return the kinds of media that any scene asks for."""
        asked = set().union(*(scene.kinds() for scene in self.scenes))
        return [kind for kind in StepKind if kind in asked]

    def merged_defaults(self) -> dict[str, Any]:
        """Return the StoryJob's defaults; what is said directly wins over ``defaults``."""
        merged: dict[str, Any] = {key: value for key, value in self.defaults.items() if value is not None}
        if self.style is not None:
            merged["style"] = self.style
        for kind in StepKind:
            maker: Maker | None = getattr(self, kind.value)
            if maker is not None:
                merged[kind.value] = (merged.get(kind.value) or {}) | maker.wire()
        return merged


def parse_story(body: bytes) -> StoryRequest:
    """Read a request. Raises a 422 ``Refusal`` that names the field."""
    try:
        story = StoryRequest.model_validate_json(body)
        known = Defaults.model_validate(story.defaults).wire()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        location = first["loc"] if error.title == StoryRequest.__name__ else ("defaults", *first["loc"])
        field = _path(location)
        if first["type"] == "json_invalid":
            raise Refusal(400, "InvalidJson", first["msg"]) from error
        raise _invalid(field, first["msg"]) from error
    for path in _unknown(story.defaults, known, ("defaults",)):
        raise _invalid(_path(path), "a StoryJob's defaults have no such field")
    return _with_unique_names(story)


def _with_unique_names(story: StoryRequest) -> StoryRequest:
    seen: set[str] = set()
    for index, scene in enumerate(story.scenes):
        name = scene.wire(index)["name"]
        if name in seen:
            raise _invalid(f"scenes[{index}].name", f"two scenes are called {name}")
        seen.add(name)
    return story


def _unknown(given: object, known: object, path: tuple[int | str, ...]) -> Iterator[tuple[int | str, ...]]:
    if not isinstance(given, dict) or not isinstance(known, dict):
        return
    for key, value in given.items():
        # A model's input is free-form; everything in it is known by definition.
        if value is not None and key not in known:
            yield (*path, key)
        elif key != "input":
            yield from _unknown(value, known.get(key), (*path, key))


def _path(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")[:200]


def _invalid(field: str, message: str) -> Refusal:
    message = message.removeprefix("Value error, ")
    return Refusal(422, "InvalidRequest", f"{field}: {message}" if field else message, field=field or None)
