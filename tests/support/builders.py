"""Objects as the operator holds them, small and valid; what a test is about is said by the test.

Steps are named "<scene>/<kind>", such as "forest/audio", and moments are seconds after ``NOW``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from storyjob.api.capabilities import Cancel, Capabilities, Mode
from storyjob.api.mediaprovider import MediaProviderSpec
from storyjob.api.reasons import Reason
from storyjob.api.resource import ObjectMeta, OwnerReference
from storyjob.api.scene import CallbackRecord, Scene, SceneSpec, SceneStatus, StepOutput, Steps, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import StoryJob, StoryJobSpec, StoryJobStatus, StoryScene
from storyjob.planning.children import scene_spec
from storyjob.planning.desire import Desire
from storyjob.planning.plan import Offer, StoryPlan
from storyjob.planning.story import plan_story
from storyjob.planning.view import LookUp, ProviderView, StepId, StoryView

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
FLUX, VOICE, VEO = "flux", "voice", "veo"
DEFAULTS: Mapping[str, Any] = {
    "image": {"providerRef": {"name": FLUX}, "model": "flux-dev"},
    "audio": {"providerRef": {"name": VOICE}, "model": "multilingual", "voice": "aria"},
    "video": {"providerRef": {"name": VEO}, "model": "veo-fast"},
}

Make = Callable[[Desire], StepStatus]
"""Makes a step that stands in some way to what is wanted of it now."""


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after ``NOW``."""
    return NOW + timedelta(seconds=seconds)


def a_hash(word: str = "token") -> str:
    """Return a SHA-256."""
    return hashlib.sha256(word.encode()).hexdigest()


def metadata(name: str, *, uid: str | None = None, **fields: Any) -> ObjectMeta:
    """Return the metadata of an object that was made at ``NOW``."""
    known: dict[str, Any] = {"namespace": "stories", "resource_version": "10", "creation_timestamp": NOW}
    return ObjectMeta(name=name, uid=uid or f"uid-{name}", **(known | fields))


def step_id(name: str) -> StepId:
    """Return the id of the step "<scene>/<kind>"."""
    scene, kind = name.split("/")
    return StepId(f"uid-{scene}", StepKind(kind))


def step_name(step: StepId) -> str:
    """Return a step's id as "<scene>/<kind>"."""
    return f"{step.scene_uid.removeprefix('uid-')}/{step.kind}"


# Stories and providers


def story_scene(
    name: str = "forest",
    *,
    image: bool | Mapping[str, Any] = True,
    audio: bool | Mapping[str, Any] = False,
    video: str | None = None,
    **fields: Any,
) -> StoryScene:
    """Return a scene as users write it; ``video`` is "text" or "image", what the clip starts from."""
    wishes: dict[str, Any] = {}
    if image:
        wishes["image"] = {"prompt": f"the {name}"} if image is True else image
    if audio:
        wishes["audio"] = {"text": f"This is the {name}."} if audio is True else audio
    if video:
        wishes["video"] = {"prompt": f"over the {name}"} | ({"from": "image"} if video == "image" else {})
    return StoryScene.model_validate({"name": name} | wishes | fields)


def a_story(*scenes: StoryScene, status: StoryJobStatus | None = None, **spec: Any) -> StoryJob:
    """Return a story; ``annotations`` and ``generation`` go into its metadata, the rest into its spec."""
    meta = {key: spec.pop(key) for key in ("annotations", "generation", "creation_timestamp", "name") if key in spec}
    wanted: dict[str, Any] = {"scenes": list(scenes) or [story_scene()], "defaults": DEFAULTS} | spec
    return StoryJob(
        metadata=metadata(meta.pop("name", "fox"), **meta),
        spec=StoryJobSpec.model_validate(wanted),
        status=status or StoryJobStatus(),
    )


def provider_spec(type_: str = "replicate", **spec: Any) -> MediaProviderSpec:
    """Return how to reach a provider."""
    credentials = {"secretRef": {"name": "keys", "key": "token"}}
    return MediaProviderSpec.model_validate({"type": type_, "credentials": credentials} | spec)


def capabilities(**fields: Any) -> Capabilities:
    """Return what a provider can do that is polled and calls back."""
    known: dict[str, Any] = {
        "steps": frozenset(StepKind),
        "modes": frozenset({Mode.WEBHOOK, Mode.POLL}),
        "cancel": Cancel.BEST_EFFORT,
    }
    return Capabilities(**(known | fields))


def a_provider(type_: str = "replicate", *, blocked: str | None = None, **spec: Any) -> ProviderView:
    """Return a provider that can make everything, as planning sees it."""
    return ProviderView(provider_spec(type_, **spec), capabilities(), blocked)


def providers() -> dict[str, ProviderView]:
    """Return the providers that the stories made here name by default."""
    return {FLUX: a_provider(), VOICE: a_provider("elevenlabs"), VEO: a_provider("vertex-veo")}


# Scenes and their steps


def a_scene(spec: SceneSpec | None = None, steps: Mapping[StepKind, StepStatus] | None = None, **fields: Any) -> Scene:
    """Return a Scene object of the story "fox"; its uid is "uid-" and the scene's name."""
    spec = spec or scene_spec("fox", a_story(story_scene(audio=True)).spec, 0)
    owner = OwnerReference(api_version="storyjob.dev/v1alpha1", kind="StoryJob", name="fox", uid="uid-fox")
    status = SceneStatus(steps=Steps(**{kind.value: step for kind, step in (steps or {}).items()}))
    fields.setdefault("owner_references", [owner.model_copy(update={"controller": True})])
    source = fields.pop("source", None)
    return Scene(
        metadata=metadata(f"fox-{spec.name}", uid=f"uid-{spec.name}", **fields),
        spec=spec,
        status=status.model_copy(update={"source": source}) if source else status,
    )


def an_output(word: str = "bytes", *, uri: str = "s3://media/file") -> StepOutput:
    """Return a file in the bucket; equal words are equal bytes."""
    return StepOutput(uri=uri, sha256=a_hash(word), bytes=9, content_type="image/png")


def a_step(phase: StepPhase = StepPhase.WAITING, **fields: Any) -> StepStatus:
    """Return a step in a phase; one that was begun has a first attempt."""
    begun: dict[str, Any] = {
        "attempt": 1,
        "token_hash": a_hash("token"),
        "input_hash": a_hash("input"),
        "provider": FLUX,
        "intent_at": NOW,
    }
    return StepStatus(phase=phase, **((begun if phase is not StepPhase.WAITING else {}) | fields))


def a_callback(seconds: float = 0, **fields: Any) -> CallbackRecord:
    """Return a callback of the first attempt."""
    known: dict[str, Any] = {"token_hash": a_hash("token"), "job_id": "job-1", "at": at(seconds)}
    return CallbackRecord(**(known | fields))


def _begun(phase: StepPhase, **fields: Any) -> Make:
    return lambda wish: a_step(
        phase, **({"input_hash": wish.input_hash, "allowance": wish.allowance, "estimated_cost": "0.02"} | fields)
    )


def done(**fields: Any) -> Make:
    """A step that is as it is wanted."""
    return _begun(StepPhase.SUCCEEDED, **({"output": an_output(), "cost": "0.02", "finished_at": NOW} | fields))


def running(**fields: Any) -> Make:
    """A step that its provider works on."""
    return _begun(StepPhase.RUNNING, **({"job_id": "job-1", "submitted_at": NOW} | fields))


def failed(**fields: Any) -> Make:
    """A step that failed for good."""
    return _begun(StepPhase.FAILED, **({"reason": Reason.REFUSED, "message": "no", "failures": 1} | fields))


def unknown(**fields: Any) -> Make:
    """A step of which nobody knows whether it was bought."""
    return _begun(StepPhase.OUTCOME_UNKNOWN, **fields)


def backing_off(seconds: float, **fields: Any) -> Make:
    """A step that is tried again, not before so many seconds after ``NOW``."""
    return _begun(StepPhase.WAITING, **({"attempt": 1, "intent_at": NOW, "retry_at": at(seconds)} | fields))


def stale(**fields: Any) -> Make:
    """A step that succeeded before an edit changed what is wanted."""
    return done(**({"input_hash": a_hash("an earlier wish"), "output": an_output("earlier bytes")} | fields))


# What planning sees


def a_view(story: StoryJob, steps: Mapping[str, Make | StepStatus] | None = None, **fields: Any) -> StoryView:
    """Return a story with a Scene for each of its scenes, and nothing of it in the bucket.

    ``steps`` says how steps stand, by "<scene>/<kind>"; the others wait. ``searched=False`` leaves open whether
    their bytes are in the bucket. Everything else goes into the view.
    """
    searched = fields.pop("searched", True)
    specs = tuple(scene_spec(story.metadata.name, story.spec, index) for index in range(len(story.spec.scenes)))
    view = StoryView(
        story=story,
        specs=specs,
        scenes={spec.name: a_scene(spec) for spec in specs},
        providers=fields.pop("providers", None) or providers(),
        now=fields.pop("now", NOW),
    )
    for name, make in sorted((steps or {}).items(), key=lambda item: list(StepKind).index(step_id(item[0]).kind)):
        view = _with_step(view, name, make)
    gone = fields.pop("without", ())
    view = replace(view, scenes={name: scene for name, scene in view.scenes.items() if name not in gone}, **fields)
    if not searched or fields.get("look_ups"):
        return view
    found = plan_story(replace(view, may_buy=True)).searches if _sound(story) else []
    return replace(view, look_ups={search.step: LookUp(search.input_hash, found=False) for search in found})


def _sound(story: StoryJob) -> bool:
    names = {scene.name for scene in story.spec.scenes}
    return all(set(scene.depends_on) <= names for scene in story.spec.scenes)


def _with_step(view: StoryView, name: str, make: Make | StepStatus) -> StoryView:
    scene_name, kind = name.split("/")[0], step_id(name).kind
    if not isinstance(make, StepStatus):
        desires = next(v.desires for v in plan_story(view).views if v.spec.name == scene_name)
        make = make(desires[kind])
    scene = view.scenes[scene_name]
    steps = scene.status.steps.model_copy(update={kind.value: make})
    scene = scene.model_copy(update={"status": scene.status.model_copy(update={"steps": steps})})
    return replace(view, scenes={**view.scenes, scene_name: scene})


def an_offer(name: str = "forest/image", **fields: Any) -> Offer:
    """Return an offer of a step; its input is its own unless given."""
    known: dict[str, Any] = {
        "step": step_id(name),
        "scene": name.split("/")[0],
        "provider": FLUX,
        "input_hash": a_hash(name),
        "allowance": "first",
        "estimated": Decimal("0.02"),
        "order": (0, NOW, "fox", 0),
    }
    return Offer(**(known | fields))


def offered(plan: StoryPlan) -> list[str]:
    """Return the names of the steps that may be bought now, in the order planned."""
    return [step_name(offer.step) for offer in plan.offers]


def next_in_line(plan: StoryPlan) -> dict[str, list[str]]:
    """Return by the names of those who are next in line after whose end it is their turn."""
    return {step_name(offer.step): sorted(map(step_name, offer.after)) for offer in plan.successors}


def searched(plan: StoryPlan) -> list[str]:
    """Return the names of the steps that are to be looked for in the bucket."""
    return [step_name(search.step) for search in plan.searches]


def waiting(plan: StoryPlan) -> dict[str, Reason]:
    """Return why steps wait, by name."""
    return {step_name(step): reason for step, reason in plan.waiting.items()}


def names(steps: Iterable[str]) -> frozenset[StepId]:
    """Return the ids of several steps."""
    return frozenset(step_id(step) for step in steps)
