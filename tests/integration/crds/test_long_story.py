"""How long a story may be, with either way to apply it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storyjob.api.errors import LocalWorldError
from support.controlplane import Cluster
from support.manifests import a_long_story

ANNOTATION_LIMIT = 262_144  # bytes; what plain `kubectl apply` may put into its annotation
SCENES = 1000


def apply(cluster: Cluster, namespace: str, story: dict[str, Any], *flags: str) -> str:
    return cluster.kubectl("apply", *flags, "--namespace", namespace, "-f", "-", stdin=json.dumps(story))


def stored(cluster: Cluster, namespace: str) -> dict[str, Any]:
    arguments = ("get", "sj", "saga", "--namespace", namespace, "-o", "json", "--show-managed-fields")
    found: dict[str, Any] = json.loads(cluster.kubectl(*arguments))
    return found


def size(value: dict[str, Any]) -> int:
    return len(json.dumps(value, separators=(",", ":")).encode())


def test_a_thousand_scenes_of_a_thousand_characters_are_taken(crds: Cluster, namespace: str) -> None:
    story = a_long_story(SCENES, prompt=600, text=400)
    assert size(story) > 1_000_000

    apply(crds, namespace, story, "--server-side")

    found = stored(crds, namespace)
    assert len(found["spec"]["scenes"]) == SCENES
    # Which field belongs to whom is stored with the story and counts towards etcd's 1.5 MiB.
    assert size(found["metadata"]["managedFields"]) < 200_000
    assert size(found) < 1_300_000


def test_one_edit_of_a_long_story_is_one_edit(crds: Cluster, namespace: str) -> None:
    story = a_long_story(SCENES, prompt=300, text=200)
    apply(crds, namespace, story, "--server-side")

    story["spec"]["scenes"][500]["audio"]["text"] = "Once."
    apply(crds, namespace, story, "--server-side")

    scenes = stored(crds, namespace)["spec"]["scenes"]
    assert scenes[500]["audio"]["text"] == "Once."
    assert [scene["name"] for scene in scenes] == [scene["name"] for scene in story["spec"]["scenes"]]


def test_a_story_that_no_etcd_holds_is_refused(crds: Cluster, namespace: str) -> None:
    with pytest.raises(LocalWorldError, match=r"too large|larger than max"):
        apply(crds, namespace, a_long_story(SCENES, prompt=1500, text=500), "--server-side")


def test_plain_apply_takes_a_thousand_short_scenes(crds: Cluster, namespace: str) -> None:
    story = a_long_story(SCENES, prompt=60, text=60)
    assert 200_000 < size(story) < ANNOTATION_LIMIT

    assert "created" in apply(crds, namespace, story)


def test_plain_apply_ends_at_its_annotation(crds: Cluster, namespace: str) -> None:
    story = a_long_story(SCENES, prompt=100, text=100)
    assert size(story) > ANNOTATION_LIMIT

    with pytest.raises(LocalWorldError, match=r"metadata.annotations: Too long: may not be more than 262144 bytes"):
        apply(crds, namespace, story)
    assert "serverside-applied" in apply(crds, namespace, story, "--server-side")
