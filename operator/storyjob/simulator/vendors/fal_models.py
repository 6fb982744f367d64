"""What fal's models make, from the words of their names, and in which shape they return it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from storyjob.api.step import StepKind
from storyjob.simulator.job import Wish

_SPEECH_WORDS = re.compile(r"speech|tts|kokoro|voice|dia\b|orpheus")
_CLIP_WORDS = re.compile(r"video|wan|kling|minimax|veo|hailuo|seedance|luma|ray-|ltx|hunyuan|pixverse|sora|vidu|mochi")
_SIZES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "square_hd": (1024, 1024),
        "square": (512, 512),
        "portrait_4_3": (768, 1024),
        "portrait_16_9": (576, 1024),
        "landscape_4_3": (1024, 768),
        "landscape_16_9": (1024, 576),
    }
)
_FORMATS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
_CLIP_SIZES = {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (720, 720)}
_NAMESPACES = ("workflows", "comfy")


def kind_of(model: str) -> StepKind:
    """Return what a model makes. Models nobody knows make pictures."""
    if _SPEECH_WORDS.search(model):
        return StepKind.AUDIO
    return StepKind.VIDEO if _CLIP_WORDS.search(model) else StepKind.IMAGE


def app_of(model: str) -> str:
    """Return what is left of a model in the URLs of its requests: the path behind the app is dropped."""
    parts = model.split("/")
    return "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2])


def text_of(given: Mapping[str, Any]) -> str:
    """Return the prompt, or the words to speak."""
    text = given.get("prompt") or given.get("text") or ""
    return text if isinstance(text, str) else ""


def wish_of(model: str, given: Mapping[str, Any]) -> Wish:
    """Return the wish in a request's input. Raises ``ValueError`` naming the input that cannot work."""
    kind = kind_of(model)
    if not text_of(given):
        raise ValueError(f"{'text' if kind is StepKind.AUDIO else 'prompt'}: field required")
    width, height = _size(kind, given)
    still = given.get("image_url")
    return Wish(
        vendor="fal",
        kind=kind,
        model=model,
        text=text_of(given),
        seed=_whole(given, "seed", 0),
        voice=str(given.get("voice") or ""),
        width=width,
        height=height,
        seconds=float(_whole(given, "duration", 5)),
        format=_format(kind, given),
        count=min(max(_whole(given, "num_images", 1), 1), 4) if kind is StepKind.IMAGE else 1,
        follow_still="aspect_ratio" not in given,
        still_url=still if kind is StepKind.VIDEO and isinstance(still, str) else None,
    )


def _size(kind: StepKind, given: Mapping[str, Any]) -> tuple[int, int]:
    if kind is StepKind.VIDEO:
        return _CLIP_SIZES.get(str(given.get("aspect_ratio")), (1280, 720))
    size = given.get("image_size", "landscape_4_3")
    if isinstance(size, dict):
        width, height = _whole(size, "width", 512), _whole(size, "height", 512)
        if not (16 <= width <= 2048 and 16 <= height <= 2048):
            raise ValueError("image_size: must be between 16 and 2048")
        return width, height
    if size not in _SIZES:
        raise ValueError(f"image_size: must be an object or one of {', '.join(_SIZES)}")
    return _SIZES[size]


def _format(kind: StepKind, given: Mapping[str, Any]) -> str:
    match kind:
        case StepKind.IMAGE:
            return _FORMATS.get(str(given.get("output_format")), "jpg")
        case StepKind.VIDEO:
            return "mp4"
        case StepKind.AUDIO:
            return "mp3_44100_128"


def _whole(given: Mapping[str, Any], name: str, default: int) -> int:
    value = given.get(name, default)
    # Several video models take their seconds as text: "5".
    if isinstance(value, str) and value.removesuffix("s").isdigit():
        return int(value.removesuffix("s"))
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name}: must be an integer")
    return value
