"""Builds what a provider is asked from what a scene wishes."""

from __future__ import annotations

from storyjob.api.errors import StorageError
from storyjob.api.scene import Scene
from storyjob.api.step import StepKind
from storyjob.api.wishes import AudioRequest, VideoRequest
from storyjob.media.layout import parse_uri
from storyjob.providers.base import InputFile, Request
from storyjob.reconcile.world import World

LINK_SECONDS = 3600  # long enough for a queued job to begin
STILL_BYTES = 50_000_000


async def build_request(world: World, scene: Scene, kind: StepKind) -> Request:
    """Return the request for one step. Raises ``StorageError`` when the still it starts from cannot be read."""
    wish = scene.spec.wish(kind)
    if wish is None or wish.model is None:
        raise ValueError(f"scene {scene.metadata.name} asks for no {kind}")
    from_image = isinstance(wish, VideoRequest) and wish.from_ == "image"
    return Request(
        step=kind,
        model=wish.model,
        text=wish.text if isinstance(wish, AudioRequest) else wish.prompt,
        voice=wish.voice if isinstance(wish, AudioRequest) else None,
        seed=wish.seed,
        input=wish.input or {},
        image=await _still(world, scene) if from_image else None,
    )


def still_hash(scene: Scene) -> str | None:
    """Return the hash of the picture that the scene's clip starts from, None when it starts from none."""
    output = scene.step(StepKind.IMAGE).output
    wish = scene.spec.video
    return output.sha256 if output is not None and wish is not None and wish.from_ == "image" else None


async def _still(world: World, scene: Scene) -> InputFile:
    output = scene.step(StepKind.IMAGE).output
    if output is None:
        raise StorageError(f"scene {scene.metadata.name} has no picture to start from")
    key = parse_uri(output.uri).key
    data = await world.store.get(key, max_bytes=STILL_BYTES)
    if data is None:
        raise StorageError(f"{output.uri} is not in the bucket any more; set the scene's `regenerate` to make it anew")
    public = world.settings.s3_public_endpoint is not None or world.settings.s3_endpoint is None
    link = await world.store.presign(key, seconds=LINK_SECONDS) if public else None
    return InputFile(data, output.content_type, link)
