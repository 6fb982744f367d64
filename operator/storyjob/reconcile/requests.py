"""Builds what a provider is asked from what a scene wishes."""

from __future__ import annotations

from datetime import timedelta

from storyjob.ambient import now
from storyjob.api.errors import StorageError
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.wishes import AudioRequest, VideoRequest
from storyjob.cluster.cache import Key
from storyjob.media.layout import parse_uri
from storyjob.planning.fallback import Way
from storyjob.planning.hashing import maker
from storyjob.providers.base import InputFile, Request
from storyjob.reconcile.world import World

LINK_SECONDS = 3600  # long enough for a queued job to begin
STILL_BYTES = 50_000_000
HINTS = 3
# ElevenLabs, the one that takes such hints, takes them for two hours.
HINT_LIVES = timedelta(minutes=90)


async def build_request(world: World, scene: Scene, kind: StepKind, way: Way) -> Request:
    """Return the request for one step. Raises ``StorageError`` when the still it starts from cannot be read."""
    wish = scene.spec.wish(kind)
    if wish is None:
        raise ValueError(f"scene {scene.metadata.name} asks for no {kind}")
    from_image = isinstance(wish, VideoRequest) and wish.from_ == "image"
    return Request(
        step=kind,
        model=way.model,
        text=wish.text if isinstance(wish, AudioRequest) else wish.prompt,
        voice=way.voice,
        seed=wish.seed,
        input=way.input,
        image=await _still(world, scene) if from_image else None,
        after=spoken_before(world, scene, wish) if isinstance(wish, AudioRequest) and way.place == 0 else (),
    )


def first_maker(world: World, scene: Scene, kind: StepKind) -> str | None:
    """Return what stands for the first choice in the hash, whoever makes it now; None while its provider is gone."""
    wish = scene.spec.wish(kind)
    name = wish.provider_ref.name if wish is not None and wish.provider_ref is not None else ""
    first = world.caches.providers.get(Key(scene.metadata.namespace, name))
    return maker(first.spec.type, name) if first is not None else None


def spoken_before(world: World, scene: Scene, wish: AudioRequest) -> tuple[str, ...]:
    """Return the provider's ids of the story's last narrations before this one, by the same voice, oldest first."""
    story = world.story_of(scene)
    before = [each for each in world.scenes_of(story) if each.spec.index < scene.spec.index] if story else []
    found = [step.job_id for each in sorted(before, key=_place) if (step := _goes_on(each, wish)) and step.job_id]
    return tuple(found[-HINTS:])


def _place(scene: Scene) -> int:
    return scene.spec.index


def _goes_on(scene: Scene, wish: AudioRequest) -> StepStatus | None:
    """Return a scene's narration to go on from: of the same account, model and voice, and not long ago."""
    step, other = scene.step(StepKind.AUDIO), scene.spec.audio
    if other is None or wish.provider_ref is None or step.phase is not StepPhase.SUCCEEDED or step.finished_at is None:
        return None
    same = (step.provider, step.model, other.voice) == (wish.provider_ref.name, wish.model, wish.voice)
    return step if same and now() < step.finished_at + HINT_LIVES else None


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
