"""What the stories of a schedule ask for, and of whom."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

from simulation.market import FORBIDDEN
from simulation.vendors.studio import SPEC as STUDIO

NAMES = ("forest", "lake", "moon", "owl")
KINDS = ("image", "audio", "video")
MODELS: Mapping[str, Mapping[str, str]] = {
    "image": {
        "replicate": "black-forest-labs/flux-dev",
        "fal": "fal-ai/flux/dev",
        "luma": "photon-1",
        "openai": "gpt-image-1",
        "http": "studio-1",
    },
    "audio": {"elevenlabs": "eleven_multilingual_v2", "google-tts": "chirp3-hd", "openai": "gpt-4o-mini-tts"},
    "video": {
        "vertex-veo": "veo-3.1-fast",
        "runway": "gen4_turbo",
        "luma": "ray-2",
        "fal": "fal-ai/veo3",
        "replicate": "wan-video/wan-2.2",
    },
}
"""By kind of step, who makes it and with which model."""
WEIGHTS = {"replicate": 3, "elevenlabs": 3, "vertex-veo": 3}
"""Who is asked more often than the rest: those who can look for what was lost."""
VOICES = {"elevenlabs": "aria", "google-tts": "en-US-Chirp3-HD-Charon", "openai": "alloy"}


def story(dice: random.Random, count: int) -> dict[str, Any]:
    """Return the spec of a story of so many scenes."""
    names = NAMES[:count]
    scenes = [_scene(dice, name, names[:index]) for index, name in enumerate(names)]
    retry = {"limit": dice.randint(0, 3), "backoffSeconds": dice.randint(1, 4), "maxBackoffSeconds": 20}
    found = {
        "scenes": scenes,
        "retry": retry,
        "parallelism": {"image": dice.randint(1, 3), "audio": dice.choice((1, 1, 2)), "video": dice.randint(1, 2)},
        "onSceneFailure": dice.choice(("Fail", "Fail", "Skip", "Placeholder")),
        "cache": dice.choice(("Reuse", "Reuse", "Reuse", "Bypass")),
        "defaults": {kind: _default(dice, kind) for kind in KINDS if any(kind in scene for scene in scenes)},
    }
    return found | ({"unknownOutcome": unknown_outcome(dice)} if dice.random() < 0.5 else {})


def unknown_outcome(dice: random.Random) -> dict[str, Any]:
    """Return what is to become of a purchase of which nobody knows."""
    policy = {"policy": dice.choice(("Wait", "Resubmit", "Fail")), "graceSeconds": dice.choice((60, 60, 90, 180))}
    return policy | ({"resubmitBelow": dice.choice(("0.01", "0.10"))} if dice.random() < 0.2 else {})


def _scene(dice: random.Random, name: str, before: tuple[str, ...]) -> dict[str, Any]:
    # Scenes that ask for the very same share one purchase.
    subject = dice.choice(before) if before and dice.random() < 0.15 else name
    subject += f" in {FORBIDDEN}" if dice.random() < 0.05 else ""
    scene: dict[str, Any] = {"name": name, "image": {"prompt": f"the {subject}"}}
    if dice.random() < 0.6:
        scene["audio"] = {"text": f"This is the {subject}."}
    if dice.random() < 0.25:
        scene["video"] = {"prompt": f"over the {subject}"} | ({"from": "image"} if dice.random() < 0.5 else {})
    if before and dice.random() < 0.15:
        scene["dependsOn"] = [dice.choice(before)]
    return scene


def _default(dice: random.Random, kind: str) -> dict[str, Any]:
    makers = list(MODELS[kind])
    first = dice.choices(makers, [WEIGHTS.get(maker, 1) for maker in makers])[0]
    found = _maker(kind, first)
    if dice.random() < 0.35:
        other = dice.choice([maker for maker in makers if maker != first])
        on = dice.choice((["Outage", "Quota"], ["Outage"], ["Outage", "Quota", "ContentRefused"]))
        found["fallbacks"] = [_maker(kind, other) | {"on": on}]
    return found


def _maker(kind: str, type_: str) -> dict[str, Any]:
    found: dict[str, Any] = {"providerRef": {"name": type_}, "model": MODELS[kind][type_]}
    return found | ({"voice": VOICES[type_]} if kind == "audio" else {})


def providers(dice: random.Random, stories: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the spec of each MediaProvider that the stories name."""
    wishes = [wish for story in stories for wish in story["defaults"].values()]
    named = {maker["providerRef"]["name"] for wish in wishes for maker in (wish, *wish.get("fallbacks", ()))}
    return {name: provider(dice, name) for name in sorted(named)}


def provider(dice: random.Random, type_: str) -> dict[str, Any]:
    """Return the spec of a MediaProvider. It has the name of its type, and so has its key in the Secret."""
    limits: dict[str, Any] = {"concurrent": dice.randint(1, 3)}
    if dice.random() < 0.15:
        limits["requestsPerMinute"] = dice.randint(2, 6)
    found: dict[str, Any] = {
        "type": type_,
        "credentials": {"secretRef": {"name": "keys", "key": type_}},
        "completion": dice.choice(("Webhook", "Webhook", "Poll")),
        "limits": limits,
        "polling": {"initialSeconds": dice.randint(2, 10), "factor": 1.5, "maxSeconds": 20},
        "timeoutSeconds": dice.choice((60, 120, 600)),
        "prices": [{"model": "*", "perGeneration": "0.05"}],
    }
    if dice.random() < 0.25:
        found["unknownOutcome"] = unknown_outcome(dice)
    if type_ == "vertex-veo" and dice.random() < 0.6:
        found |= {"output": {"gcsPrefix": "gs://clips/lost"}}
        found["credentials"] = {"secretRef": {"name": "keys", "key": "robot"}}
    if type_ == "http":
        found |= {"endpoint": "https://studio.example.com", "http": STUDIO}
        found["webhook"] = {"secretRef": {"name": "keys", "key": "studio-signing"}}
    return found
