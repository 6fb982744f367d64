"""The people: they apply stories, change their minds, and settle what only they can."""

from __future__ import annotations

import random
from typing import Any

from simulation.apiserver import ApiServer, Json
from simulation.schedule import Act
from simulation.trace import Trace
from storyjob.api.resource import API_VERSION, RETRY_ANNOTATION
from storyjob.cluster.resources import SCENES, STORYJOBS

NAMESPACE = "stories"
PATIENCE = 20.0  # seconds that somebody looks at an unknown outcome before it is settled


class Person:
    """Acts on the API server directly, as kubectl does."""

    def __init__(self, api: ApiServer, trace: Trace, dice: random.Random) -> None:
        self._api = api
        self._trace = trace
        self._dice = dice
        self._counts = 0
        self._seen_unknown: dict[str, float] = {}

    def apply(self, name: str, spec: Any) -> None:
        """Make a story."""
        body = {"apiVersion": API_VERSION, "kind": "StoryJob", "metadata": {"name": name}, "spec": spec}
        self._api.create(STORYJOBS, NAMESPACE, body)

    def act(self, act: Act) -> None:
        """Do one thing to a story, if it is still there."""
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
                annotations = {RETRY_ANNOTATION: str(self._number())}
                self._api.merge_patch(STORYJOBS, NAMESPACE, name, {"metadata": {"annotations": annotations}})
            case "delete scene":
                scenes = self._api.all(SCENES)
                if scenes:
                    self._delete(self._dice.choice(scenes))
            case _:
                self._api.delete(STORYJOBS, NAMESPACE, name)

    def resume_all(self) -> None:
        """Let every story go on."""
        for story in self._api.all(STORYJOBS):
            if story["spec"].get("suspend"):
                self._change(story, story["spec"] | {"suspend": False})

    def settle(self, moment: float) -> None:
        """Delete each Scene with an outcome that stays unknown, as the manual says: it is bought anew."""
        for scene in self._api.all(SCENES):
            steps = scene.get("status", {}).get("steps", {})
            uid = scene["metadata"]["uid"]
            if all(step.get("phase") != "OutcomeUnknown" for step in steps.values()):
                self._seen_unknown.pop(uid, None)
            elif moment - self._seen_unknown.setdefault(uid, moment) > PATIENCE:
                self._delete(scene)

    def _delete(self, scene: Json) -> None:
        if "deletionTimestamp" not in scene["metadata"]:
            self._trace.add("person", "deletes the Scene %s", scene["metadata"]["name"])
            self._api.delete(SCENES, NAMESPACE, scene["metadata"]["name"])

    def _change(self, story: Json, spec: Json) -> None:
        patch = [{"op": "replace", "path": "/spec", "value": spec}]
        self._api.json_patch(STORYJOBS, NAMESPACE, story["metadata"]["name"], patch)

    def _number(self) -> int:
        self._counts += 1
        return self._counts


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
