"""One test's part of a stage: providers and stories that nobody else uses, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from storyjob.planning.children import child_name
from support import bucket
from support.accounts import KEYS, vendor_of
from support.kstatus import has_ended
from support.manifests import API_VERSION
from support.stage import Stage, a_tag

Json = dict[str, Any]

PATIENCE = 60.0  # seconds until a test gives up on what should take two
MODELS = {
    "pictures": "black-forest-labs/flux-dev",
    "voice": "eleven_multilingual_v2",
    "clips": "wan-video/wan-2.2-i2v-fast",
}
_PRICES = {
    "pictures": {"perGeneration": "0.025"},
    "voice": {"perCharacter": "0.00003"},
    "clips": {"perGeneration": "0.40"},
}
_TYPES = {"pictures": "replicate", "voice": "elevenlabs", "clips": "replicate"}
_SMALL_FILM = {"resolution": "64x36", "fps": 5}


@dataclass
class Place:
    """A corner of a namespace: everything in it bears the same tag, in names and in the texts bought."""

    stage: Stage
    namespace: str
    tag: str = field(default_factory=a_tag)
    names: dict[str, str] = field(default_factory=dict)
    """The MediaProviders that stories use, by role."""

    def __post_init__(self) -> None:
        self.names = {role: f"{role}-{self.tag}" for role in _TYPES} | self.names
        self.secret("keys", KEYS)

    # What there is.

    def secret(self, name: str, values: dict[str, str], *, labels: dict[str, str] | None = None) -> None:
        """Apply a Secret that the operator may read, unless other labels are given."""
        labels = {"storyjob.dev/credentials": "true"} if labels is None else labels
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}}
        self.stage.api.apply("secrets", self.namespace, body | {"stringData": values})

    def provider(self, role: str = "pictures", *, name: str | None = None, **spec: Any) -> str:
        """Apply a MediaProvider of our own and return its name. ``role`` is pictures, voice or clips."""
        type_ = spec.pop("type", _TYPES[role])
        base = vendor_of(type_)
        self.names[role] = name or f"{role}-{self.tag}"
        usual = {
            "type": type_,
            "endpoint": f"{self.stage.simulator_url}/{base}",
            "credentials": {"secretRef": {"name": "keys", "key": base}},
            "limits": {"concurrent": 100},
            "polling": {"initialSeconds": 1, "factor": 1},
            "prices": [{"model": "*"} | _PRICES[role]],
        }
        body = {"apiVersion": API_VERSION, "kind": "MediaProvider", "metadata": {"name": self.names[role]}}
        self.stage.api.apply("mediaproviders", self.namespace, body | {"spec": usual | spec})
        return self.names[role]

    def providers(self, *roles: str, **spec: Any) -> None:
        """Apply MediaProviders: those that the whole file shares, or our own where they are not as usual."""
        for role in roles or ("pictures",):
            self.provider(role, name=None if spec else f"shared-{role}", **spec)

    def scene(self, name: str, *steps: str, **fields: Any) -> Json:
        """Return a scene with these steps (image unless said otherwise); their texts name the place and the scene."""
        texts = {
            "image": {"prompt": f"{self.tag} {name}"},
            "audio": {"text": f"{self.tag} {name}"},
            "video": {"prompt": f"{self.tag} {name}"},
        }
        seconds = {} if "audio" in steps else {"seconds": 0.4}
        return {"name": name} | {step: texts[step] for step in steps or ("image",)} | seconds | fields

    def story(self, *scenes: Json, name: str = "story", **spec: Any) -> Json:
        """Return a story over the usual providers, of one picture unless scenes are given."""
        roles = {"image": "pictures", "audio": "voice", "video": "clips"}
        defaults: Json = {
            step: {"providerRef": {"name": self.names[role]}, "model": MODELS[role]} for step, role in roles.items()
        }
        defaults["audio"]["voice"] = "aria"
        usual = {"scenes": list(scenes) or [self.scene("forest")], "defaults": defaults, "film": _SMALL_FILM}
        usual["retry"] = {"limit": 1, "backoffSeconds": 1}
        meta = {"name": self.named(name)}
        return {"apiVersion": API_VERSION, "kind": "StoryJob", "metadata": meta, "spec": usual | spec}

    def named(self, name: str) -> str:
        """Return the full name of a story."""
        return f"{name}-{self.tag}"

    # What is done.

    def apply(self, story: Json) -> Json:
        """Do what ``kubectl apply`` does."""
        return self.stage.api.apply("storyjobs", self.namespace, story)

    def make(self, *scenes: Json, **spec: Any) -> str:
        """Apply a story and return its name."""
        return str(self.apply(self.story(*scenes, **spec))["metadata"]["name"])

    def delete(self, story: str) -> None:
        """Delete a story and wait until it is gone."""
        self.stage.api.delete("storyjobs", self.namespace, story)
        self.until(story, lambda found: found is None)

    def retry(self, name: str, *, kind: str = "storyjobs", text: str = "please") -> None:
        """Ask to try again what failed."""
        patch = {"metadata": {"annotations": {"storyjob.dev/retry": text}}}
        self.stage.api.merge(kind, self.namespace, name, patch)

    # What becomes of it.

    def until(
        self, name: str, true: Callable[[Any], Any], *, kind: str = "storyjobs", seconds: float = PATIENCE
    ) -> list[Json]:
        """Watch an object until something is true of it; return all its states from now on, that one last."""
        states: list[Json] = []
        for state in self.stage.api.watch(kind, self.namespace, name, seconds=seconds):
            if state is not None:
                states.append(state)
            if true(state):
                return states
        told = json.dumps(states[-1].get("status"), indent=1) if states else "it never was there"
        log = self.stage.operator.tail(40)
        raise AssertionError(f"{kind} {name} did not come that far within {seconds:.0f} s:\n{told}\n{log}")

    def ended(self, name: str) -> Json:
        """Return a story once its newest generation has ended, for better or worse."""
        return self.until(name, has_ended)[-1]

    def completed(self, name: str) -> Json:
        """Return a story that came to its good end."""
        story = self.ended(name)
        assert story["status"]["phase"] == "Completed", json.dumps(story["status"], indent=1)
        return story

    def step_until(self, story: str, scene: str, true: Callable[[Json], Any], step: str = "image") -> Json:
        """Return a scene's step once something is true of it."""

        def holds(found: Any) -> Any:
            return found is not None and true(_step(found, step))

        return _step(self.until(child_name(story, scene), holds, kind="scenes")[-1], step)

    def phase_until(self, story: str, scene: str, phase: str, step: str = "image") -> Json:
        """Return a scene's step once it is in a phase."""
        return self.step_until(story, scene, lambda found: found.get("phase") == phase, step)

    def scene_of(self, story: str, scene: str) -> Json:
        """Return a Scene as it is now."""
        found = self.stage.api.get("scenes", self.namespace, child_name(story, scene))
        assert found is not None, f"there is no Scene {scene} of {story}"
        return found

    def step_of(self, story: str, scene: str, step: str = "image") -> Json:
        """Return a scene's step as it is now."""
        return _step(self.scene_of(story, scene), step)

    def bought(self, scene: str = "", kind: str | None = None) -> list[Json]:
        """Return the vendors' own account of what reached them from here, oldest first."""
        entries = self.stage.ledger(f"{self.tag} {scene}" if scene else self.tag)
        return [entry for entry in entries if kind in (None, entry["kind"])]

    def events(self, name: str) -> list[Json]:
        """Return the Events about an object."""
        found = self.stage.api.list("events", self.namespace)
        return [event for event in found if event["regarding"]["name"] == name]

    def read(self, uri: str) -> bytes:
        """Return an object of the bucket."""
        return bucket.read(self.stage.bucket, uri)

    def upload(self, name: str, data: bytes) -> str:
        """Put a file of the user's own where this namespace's stories may read it; return its address."""
        key = f"storyjob/{self.namespace}/{self.tag}/{name}"
        return bucket.write(self.stage.bucket, key, data)


def _step(scene: Json, step: str) -> Json:
    found: Json = (scene.get("status", {}).get("steps") or {}).get(step) or {}
    return found
