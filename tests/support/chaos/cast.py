"""The stories that are made while everything dies: small, each a little different, and what each must cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from support.chaos.battlefield import Battlefield
from support.place import MODELS, Place

Json = dict[str, Any]

# Of scenes; a story takes two to four of them in turn. "polled" and "hooked" are pictures of one vendor.
_SHAPES = (("hooked",), ("polled", "audio"), ("hooked", "audio"), ("polled",), ("hooked", "video"))
GIVE_UP_SECONDS = 60  # the shortest grace that there is


@dataclass(frozen=True)
class Part:
    """A story, and what must be bought for it: once each."""

    manifest: Json
    steps: tuple[tuple[str, str], ...]
    """(kind, text) of each generation, as the vendors see it."""
    findable: bool
    """Whether the vendors can tell of each of its generations what became of it."""

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])


class Cast:
    """Makes stories in a corner of a namespace, whose providers are reached through the lines."""

    def __init__(self, field: Battlefield, namespace: str, tag: str) -> None:
        self.place = Place(field.stage, namespace, tag=tag)
        url = field.vendors_url
        for name, completion in (("polled", "Poll"), ("hooked", "Webhook")):
            self.place.provider("pictures", name=name, endpoint=f"{url}/replicate", completion=completion)
        self.place.provider("clips", name="clips", endpoint=f"{url}/replicate", completion="Poll")
        self.place.provider("voice", name="voice", endpoint=f"{url}/elevenlabs")

    def part(
        self, number: int, shapes: tuple[tuple[str, ...], ...] | None = None, *, findable: bool = True, images: int = 4
    ) -> Part:
        """Return a story; equal numbers make equal films. ``images`` are bought at a time."""
        chosen = shapes or tuple(_SHAPES[(number + nth) % len(_SHAPES)] for nth in range(2 + number % 3))
        scenes = [self._scene(f"s{number}x{nth}", steps, findable) for nth, steps in enumerate(chosen)]
        policy = {"policy": "Wait"} if findable else {"policy": "Fail", "graceSeconds": GIVE_UP_SECONDS}
        manifest = self.place.story(
            *scenes,
            name=f"story{number}",
            title=f"Story {number}",
            parallelism={"image": images, "audio": 2, "video": 2},
            retry={"limit": 3, "backoffSeconds": 1, "maxBackoffSeconds": 5},
            unknownOutcome=policy,
        )
        steps = tuple(
            (kind, scene[kind].get("prompt") or scene[kind].get("text"))
            for scene in scenes
            for kind in ("image", "audio", "video")
            if kind in scene
        )
        return Part(manifest, steps, findable)

    def _scene(self, name: str, shape: tuple[str, ...], findable: bool) -> Json:
        text = f"{self.place.tag} {name}."
        picture = "polled" if "polled" in shape else "hooked"
        scene: Json = {
            "name": name,
            "image": {"prompt": text, "providerRef": {"name": picture}, "model": MODELS["pictures"]},
        }
        if "audio" in shape:
            # Without its history ElevenLabs cannot tell what it spoke.
            scene["audio"] = {"text": text} | ({} if findable else {"input": {"enable_logging": False}})
        else:
            scene["seconds"] = 0.4
        if "video" in shape:
            scene["video"] = {"prompt": text, "from": "image"}
        return scene
