"""The people: they apply stories, change their minds, and settle what only they can."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator
from typing import Any

from simulation.apiserver import ApiServer, Json
from simulation.market import Line, Market
from simulation.schedule import Act
from simulation.trace import Trace
from storyjob.api.resource import API_VERSION, RESOLVE_ANNOTATION, RETRY_ANNOTATION
from storyjob.cluster.resources import PROVIDERS, SCENES, SECRETS, STORYJOBS, Resource

NAMESPACE = "stories"
KEYS = "keys"
PATIENCE = 20.0  # seconds that somebody looks at an unknown outcome before it is settled
LONG_PATIENCE = 400.0  # where it is to settle itself
ORDERS = 3  # annotations, after which a Scene is deleted
KEEPS_NO_JOBS = ("elevenlabs", "google-tts", "openai")

Later = Callable[..., None]


class Person:
    """Acts on the API server directly, as kubectl does. ``later`` calls something after so many seconds."""

    def __init__(self, api: ApiServer, market: Market, trace: Trace, dice: random.Random, later: Later) -> None:
        self._api = api
        self._market = market
        self._trace = trace
        self._dice = dice
        self._later = later
        self._counts = 0
        self._seen_unknown: dict[str, float] = {}
        self._patience: dict[str, float] = {}
        self._orders: dict[str, int] = {}
        self._applied: dict[tuple[str, str], Json] = {}
        self._again: set[tuple[str, str]] = set()
        api.wrote.append(self._wrote)

    def apply(self, resource: Resource, name: str, spec: Any) -> None:
        """Make a story or a provider."""
        body = {"apiVersion": API_VERSION, "kind": resource.kind, "metadata": {"name": name}, "spec": spec}
        self._applied[resource.kind, name] = body
        self._api.create(resource, NAMESPACE, body)

    def act(self, act: Act) -> None:
        """Do one thing, if what it is done to is still there."""
        name = f"story-{act.story}"
        story = self._api.find(STORYJOBS, NAMESPACE, name)
        if story is None or "deletionTimestamp" in story["metadata"]:
            return
        self._trace.add("person", "%s %s", act.what, name)
        match act.what:
            case "edit" | "regenerate" | "drop scene":
                self._change(story, _edited(story["spec"], act.what, self._number()))
            case "suspend":
                self._change(story, story["spec"] | {"suspend": not story["spec"].get("suspend", False)})
            case "retry":
                self._annotate(STORYJOBS, story, RETRY_ANNOTATION, str(self._number()))
            case "delete scene" | "resolve":
                self._to_a_scene(act.what)
            case "rotate key":
                self._rotate(act.seconds)
            case "delete provider":
                self._replace(PROVIDERS, self._dice.choice(self._api.all(PROVIDERS)))
            case "apply again":
                self._replace(STORYJOBS, story)
            case _:
                self._api.delete(STORYJOBS, NAMESPACE, name)

    def resume_all(self) -> None:
        """Let every story go on."""
        for story in self._api.all(STORYJOBS):
            if story["spec"].get("suspend"):
                self._change(story, story["spec"] | {"suspend": False})

    # Replacing

    def _replace(self, resource: Resource, item: Json) -> None:
        """Delete it, and apply it again under the same name the moment that it is gone."""
        name = item["metadata"]["name"]
        self._again.add((resource.kind, name))
        if "deletionTimestamp" not in item["metadata"]:
            self._api.delete(resource, NAMESPACE, name)

    def _wrote(self, resource: Resource, before: Json | None, after: Json | None) -> None:
        if after is None and before is not None and (resource.kind, before["metadata"]["name"]) in self._again:
            self._later(0.0, self._apply_again, resource, before["metadata"]["name"])

    def _apply_again(self, resource: Resource, name: str) -> None:
        self._again.discard((resource.kind, name))
        if self._api.find(resource, NAMESPACE, name) is None:
            self._trace.add("person", "applies the %s %s again", resource.kind, name)
            self._api.create(resource, NAMESPACE, self._applied[resource.kind, name])

    def _rotate(self, seconds: float) -> None:
        """Have a new key made, after which the old one is worth nothing, and put it into the Secret soon."""
        vendor = self._dice.choice(sorted(self._market.keys))
        if vendor not in self._market.keys[vendor]:
            return  # a robot's, of which there is one
        self._market.keys[vendor] = key = f"key-{self._number()}-of-{vendor}"
        data = {vendor: base64.b64encode(key.encode()).decode()}
        self._later(seconds, self._api.merge_patch, SECRETS, NAMESPACE, KEYS, {"data": data})

    # What nobody knows

    def _to_a_scene(self, what: str) -> None:
        scenes = self._api.all(SCENES)
        if not scenes:
            return
        scene = self._dice.choice(scenes)
        if what == "resolve":
            self._order(scene, careful=False)
        else:
            self._delete(scene)

    def settle(self, moment: float) -> None:
        """Say what is to become of each outcome that stays unknown, as the manual tells to."""
        for scene in self._api.all(SCENES):
            uid = scene["metadata"]["uid"]
            if not any(step.get("phase") == "OutcomeUnknown" for step in _steps(scene).values()):
                self._seen_unknown.pop(uid, None)
                continue
            since = self._seen_unknown.setdefault(uid, moment)
            if uid not in self._patience:
                # Where the story or the provider says what is to be done, most people wait for that.
                waits = self._settles_itself(scene) and self._dice.random() < 0.7
                self._patience[uid] = LONG_PATIENCE if waits else PATIENCE
            if moment - since > self._patience[uid]:
                self._seen_unknown[uid] = moment
                self._settle(scene)

    def _settle(self, scene: Json) -> None:
        uid = scene["metadata"]["uid"]
        self._orders[uid] = self._orders.get(uid, 0) + 1
        if self._orders[uid] > ORDERS or self._dice.random() < 0.2:
            self._delete(scene)
        else:
            self._order(scene, careful=self._dice.random() < 0.8)

    def _settles_itself(self, scene: Json) -> bool:
        name = scene["spec"]["storyRef"]["name"]
        specs = [self._api.find(STORYJOBS, NAMESPACE, name), *self._api.all(PROVIDERS)]
        chosen = [item["spec"].get("unknownOutcome", {}).get("policy", "Wait") for item in specs if item]
        return any(policy != "Wait" for policy in chosen)

    def _order(self, scene: Json, *, careful: bool) -> None:
        """Write the resolve annotation, always with a new text."""
        orders = list(self._orders_for(scene, careful=careful))
        said = self._dice.choice(("resubmit", "fail")) if not orders else ", ".join(orders)
        text = f"{said} again {self._number()}" if self._dice.random() < 0.8 else said
        self._trace.add("person", "says %s of %s", text, scene["metadata"]["name"])
        self._annotate(SCENES, scene, RESOLVE_ANNOTATION, text)

    def _orders_for(self, scene: Json, *, careful: bool) -> Iterator[str]:
        for kind, step in _steps(scene).items():
            if careful and step.get("phase") != "OutcomeUnknown":
                continue
            yield f"{kind}={self._order_of(step, careful=careful)}"

    def _order_of(self, step: Json, *, careful: bool) -> str:
        line = next((line for line in self._market.lines if line.token_hash == step.get("tokenHash")), None)
        if careful:
            return _looked_up(line)
        wrong = [job.name for job in self._market.jobs.values()] or ["nothing"]
        return self._dice.choice(("resubmit", "fail", _looked_up(line), "nothing-1", self._dice.choice(wrong)))

    def _delete(self, scene: Json) -> None:
        if "deletionTimestamp" not in scene["metadata"]:
            self._trace.add("person", "deletes the Scene %s", scene["metadata"]["name"])
            self._api.delete(SCENES, NAMESPACE, scene["metadata"]["name"])

    def _annotate(self, resource: Resource, item: Json, name: str, text: str) -> None:
        body = {"metadata": {"annotations": {name: text}}}
        self._api.merge_patch(resource, NAMESPACE, item["metadata"]["name"], body)

    def _change(self, story: Json, spec: Json) -> None:
        patch = [{"op": "replace", "path": "/spec", "value": spec}]
        self._api.json_patch(STORYJOBS, NAMESPACE, story["metadata"]["name"], patch)

    def _number(self) -> int:
        self._counts += 1
        return self._counts


def _looked_up(line: Line | None) -> str:
    """Return what somebody says who looked into the vendor's account."""
    if line is None or line.job is None:
        return "resubmit"
    return "fail" if line.vendor in KEEPS_NO_JOBS else line.job.name


def _steps(scene: Json) -> dict[str, Any]:
    steps: dict[str, Any] = scene.get("status", {}).get("steps", {})
    return steps


def _edited(spec: Json, what: str, number: int) -> Json:
    first, *others = spec["scenes"]
    match what:
        case "edit":
            first = first | {"image": {"prompt": f"another picture, number {number}"}}
        case "regenerate":
            first = first | {"regenerate": str(number)}
        case _ if others and all(first["name"] not in scene.get("dependsOn", ()) for scene in others):
            return spec | {"scenes": others}
    return spec | {"scenes": [first, *others]}
