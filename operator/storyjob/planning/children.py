"""Works out the Scene objects that a story should have: their names and their specs."""

from __future__ import annotations

import hashlib
from typing import Any

from storyjob.api.scene import SceneSpec, StoryRef
from storyjob.api.storyjob import Defaults, StoryJobSpec, StoryScene
from storyjob.api.wishes import AudioRequest, ImageRequest, VideoRequest

NAME_LIMIT = 63  # characters: the strictest limit that Kubernetes sets on names


def child_name(story: str, scene: str) -> str:
    """Return the Scene's name: readable, cut to fit, and made unique by a hash of both full names."""
    suffix = hashlib.sha256(f"{story}/{scene}".encode()).hexdigest()[:8]
    readable = f"{story}-{scene}"[: NAME_LIMIT - 9].rstrip("-")
    return f"{readable}-{suffix}"


def scene_spec(story: str, spec: StoryJobSpec, index: int) -> SceneSpec:
    """Return one scene's wishes with the story's defaults merged in."""
    scene, defaults = spec.scenes[index], spec.defaults
    return SceneSpec(
        story_ref=StoryRef(name=story),
        name=scene.name,
        index=index,
        image=_image(scene, defaults),
        audio=_audio(scene, defaults),
        video=_video(scene, defaults),
        source=scene.source,
        seconds=scene.seconds,
        regenerate=scene.regenerate,
        cache=spec.cache,
    )


def _image(scene: StoryScene, defaults: Defaults) -> ImageRequest | None:
    if scene.image is None:
        return None
    prompt = scene.image.prompt if not defaults.style else f"{scene.image.prompt}, {defaults.style}"
    return scene.image.model_copy(update=_merged(scene.image, defaults.image, defaults.seed) | {"prompt": prompt})


def _audio(scene: StoryScene, defaults: Defaults) -> AudioRequest | None:
    if scene.audio is None:
        return None
    voice = scene.audio.voice or (defaults.audio.voice if defaults.audio else None)
    return scene.audio.model_copy(update=_merged(scene.audio, defaults.audio, defaults.seed) | {"voice": voice})


def _video(scene: StoryScene, defaults: Defaults) -> VideoRequest | None:
    if scene.video is None:
        return None
    return scene.video.model_copy(update=_merged(scene.video, defaults.video, defaults.seed))


def _merged(own: Any, default: Any, seed: int | None) -> dict[str, Any]:
    fallback = default if default is not None else own
    inputs = (fallback.input or {}) | (own.input or {})
    return {
        "provider_ref": own.provider_ref or fallback.provider_ref,
        "model": own.model or fallback.model,
        "input": inputs or None,
        "fallbacks": own.fallbacks if own.fallbacks is not None else fallback.fallbacks,
        "seed": own.seed if own.seed is not None else seed,
    }
