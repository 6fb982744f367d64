"""What Replicate's models make and in which shape they return it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from storyjob.api.step import StepKind
from storyjob.simulator.job import Wish


@dataclass(frozen=True, slots=True)
class ModelShape:
    """One model's output."""

    kind: StepKind
    format: str
    as_list: bool
    """Whether ``output`` is a list of URLs or one URL."""
    asks_for: str = "prompt"
    """The input that must be there."""


_PICTURES = ModelShape(StepKind.IMAGE, "webp", as_list=True)
_PICTURE = ModelShape(StepKind.IMAGE, "webp", as_list=False)
_CLIP = ModelShape(StepKind.VIDEO, "mp4", as_list=False)
_SPEECH = ModelShape(StepKind.AUDIO, "mp3_44100_128", as_list=False, asks_for="text")

# As the models' public schemas have it; what is not here goes by the words of its name.
_KNOWN: Mapping[str, ModelShape] = MappingProxyType(
    {
        "black-forest-labs/flux-schnell": _PICTURES,
        "black-forest-labs/flux-dev": _PICTURES,
        "black-forest-labs/flux-pro": _PICTURE,
        "black-forest-labs/flux-1.1-pro": _PICTURE,
        "black-forest-labs/flux-1.1-pro-ultra": _PICTURE,
        "black-forest-labs/flux-kontext-pro": _PICTURE,
        "stability-ai/sdxl": ModelShape(StepKind.IMAGE, "png", as_list=True),
        "google/imagen-4": ModelShape(StepKind.IMAGE, "jpg", as_list=False),
        "ideogram-ai/ideogram-v3-turbo": ModelShape(StepKind.IMAGE, "png", as_list=False),
        "minimax/image-01": ModelShape(StepKind.IMAGE, "jpg", as_list=True),
        "minimax/speech-02-hd": _SPEECH,
    }
)
_SPEECH_WORDS = re.compile(r"speech|tts|kokoro|bark|voice|narrat")
_PICTURE_WORDS = re.compile(r"image-\d|t2i|text-to-image")
_CLIP_WORDS = re.compile(
    r"video|wan-|kling|minimax|veo|hailuo|seedance|ray-|ltx|hunyuan|i2v|t2v|mochi|pixverse|animate|runway|sora"
)

_RATIO = re.compile(r"(\d{1,3}):(\d{1,3})")
_STILL_INPUTS = ("image", "start_image", "first_frame_image", "input_image", "first_frame")
_FORMATS = {"webp": "webp", "jpg": "jpg", "jpeg": "jpg", "png": "png"}
_PIXELS = 1_048_576  # most image models make about one megapixel
_CLIP_HEIGHT = 720


def shape_of(model: str) -> ModelShape:
    """Return what a model makes. Models nobody knows make a list of pictures."""
    name = model.partition(":")[0]
    if name in _KNOWN:
        return _KNOWN[name]
    if _SPEECH_WORDS.search(name):
        return _SPEECH
    if _PICTURE_WORDS.search(name) or not _CLIP_WORDS.search(name):
        return _PICTURES
    return _CLIP


def wish_of(model: str, given: Mapping[str, Any]) -> Wish:
    """Return the wish in a prediction's input. Raises ``ValueError`` naming the input that cannot work."""
    shape = shape_of(model)
    width, height = _size(shape.kind, given)
    still = next((given[name] for name in _STILL_INPUTS if isinstance(given.get(name), str)), None)
    return Wish(
        vendor="replicate",
        kind=shape.kind,
        model=model,
        text=text_of(given),
        seed=_whole(given, "seed", 0),
        voice=str(given.get("voice") or given.get("voice_id") or ""),
        width=width,
        height=height,
        seconds=float(_whole(given, "duration", 5)),
        format=_FORMATS.get(str(given.get("output_format")), shape.format)
        if shape.kind is StepKind.IMAGE
        else shape.format,
        count=min(max(_whole(given, "num_outputs", 1), 1), 4) if shape.as_list else 1,
        follow_still="aspect_ratio" not in given and "width" not in given,
        still_url=still if shape.kind is StepKind.VIDEO else None,
    )


def text_of(given: Mapping[str, Any]) -> str:
    """Return the prompt, or the words to speak."""
    text = given.get("prompt") or given.get("text") or ""
    return text if isinstance(text, str) else ""


def _size(kind: StepKind, given: Mapping[str, Any]) -> tuple[int, int]:
    width, height = _whole(given, "width", 0), _whole(given, "height", 0)
    if width and height:
        for name, value in (("width", width), ("height", height)):
            if not 16 <= value <= 2048:
                raise ValueError(f"{name}: must be between 16 and 2048")
        return width, height
    across, down = _ratio(given, "16:9" if kind is StepKind.VIDEO else "1:1")
    if kind is StepKind.VIDEO:
        scale = _CLIP_HEIGHT / min(across, down)
        return _multiple(across * scale, 2), _multiple(down * scale, 2)
    scale = (_PIXELS / (across * down)) ** 0.5
    return _multiple(across * scale, 32), _multiple(down * scale, 32)


def _ratio(given: Mapping[str, Any], default: str) -> tuple[int, int]:
    text = str(given.get("aspect_ratio") or default)
    match = _RATIO.fullmatch(text)
    if match is None:
        return 16, 9
    across, down = int(match[1]), int(match[2])
    if not (across and down and 1 / 8 <= across / down <= 8):
        raise ValueError(f"aspect_ratio: {text} is not possible")
    return across, down


def _multiple(value: float, step: int) -> int:
    return max(step, int(value) // step * step)


def _whole(given: Mapping[str, Any], name: str, default: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name}: must be an integer")
    return value
