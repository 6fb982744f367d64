"""What the API server makes of the CRDs: established, explained, listed, defaulted, guarded."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from storyjob.api.errors import LocalWorldError
from storyjob.api.kind import CATEGORY, KINDS, SCENE, STORYJOB, Kind
from storyjob.api.resource import GROUP
from support.controlplane import Cluster
from support.manifests import a_provider, a_scene_object, a_story

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
MANIFESTS = {"StoryJob": a_story, "Scene": a_scene_object, "MediaProvider": a_provider}


def full_name(kind: Kind) -> str:
    return f"{kind.plural}.{GROUP}"


def create(cluster: Cluster, namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """Create an object and return what the server made of it."""
    arguments = ("create", "--namespace", namespace, "-f", "-", "-o", "json")
    made: dict[str, Any] = json.loads(cluster.kubectl(*arguments, stdin=json.dumps(manifest)))
    return made


def patch(cluster: Cluster, namespace: str, target: str, change: dict[str, Any]) -> str:
    """Merge a change of the spec into an object."""
    body = json.dumps({"spec": change})
    return cluster.kubectl("patch", target, "--namespace", namespace, "--type=merge", "--patch", body)


def explain(cluster: Cluster, field: str, expected: str) -> str:
    """Return what kubectl explains, once the server publishes the schema."""
    deadline = time.monotonic() + 30
    while True:
        try:
            explained = " ".join(cluster.kubectl("explain", field).split())
        except LocalWorldError as error:
            explained = str(error)
        if expected in explained or time.monotonic() > deadline:
            return explained
        time.sleep(0.2)


@each_kind
def test_each_kind_is_established_without_a_complaint(crds: Cluster, kind: Kind) -> None:
    found = json.loads(crds.kubectl("get", "crd", full_name(kind), "-o", "json"))
    conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}

    assert conditions.items() >= {("Established", "True"), ("NamesAccepted", "True")}
    # What else there is (NonStructuralSchema, KubernetesAPIApprovalPolicyConformant) is there only to complain.
    assert [kind for kind, status in conditions.items() if status == "True"] == list(conditions)
    assert conditions.keys() == {"Established", "NamesAccepted"}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param("storyjob.spec.scenes.image", "What is to be seen.", id="a scene's picture"),
        pytest.param("sj.spec.scenes", "something to see (an image, a video or a source)", id="scenes"),
        pytest.param("scn.status.steps.image.output", "SHA-256 of the bytes", id="what was made"),
        pytest.param("mp.spec.prices", 'USD for one generation, such as "0.025".', id="prices"),
    ],
)
def test_kubectl_explain_teaches(crds: Cluster, field: str, expected: str) -> None:
    assert expected in explain(crds, field, expected)


@each_kind
def test_a_fresh_object_looks_unobserved(crds: Cluster, namespace: str, kind: Kind) -> None:
    manifest = MANIFESTS[kind.name]() | {"status": {"observedGeneration": 1, "conditions": []}}

    assert create(crds, namespace, manifest)["status"] == {"observedGeneration": -1}


def test_a_story_shows_the_defaults_it_works_with(crds: Cluster, namespace: str) -> None:
    made = create(crds, namespace, a_story(retry={"limit": 5}))

    scenes = made["spec"].pop("scenes")
    assert made["spec"] == {
        "suspend": False,
        "priority": 0,
        "parallelism": {"image": 10, "audio": 1, "video": 2},
        "retry": {"limit": 5, "backoffSeconds": 5, "factor": 2, "maxBackoffSeconds": 300},
        "onSceneFailure": "Fail",
        "cache": "Reuse",
        "film": {"resolution": "1280x720", "fps": 30},
    }
    assert scenes == a_story()["spec"]["scenes"]


@each_kind
def test_short_names_and_the_category_find_it(crds: Cluster, namespace: str, kind: Kind) -> None:
    name = create(crds, namespace, MANIFESTS[kind.name]())["metadata"]["name"]
    singular = kind.name.lower()

    for word in (kind.short, CATEGORY, singular):
        assert crds.kubectl("get", word, "--namespace", namespace, "-o", "name").split() == [
            f"{singular}.{GROUP}/{name}"
        ]
    # A category named like a kind would make kubectl refuse this, and `delete --all` take all three kinds.
    assert crds.kubectl("get", singular, name, "--namespace", namespace, "-o", "name").strip().endswith(name)


@pytest.mark.parametrize(
    ("kind", "wide", "columns"),
    [
        pytest.param(STORYJOB, False, "NAME PHASE PROGRESS SCENES COST AGE", id="a story"),
        pytest.param(STORYJOB, True, "NAME PHASE PROGRESS SCENES COST AGE FILM MESSAGE", id="a story, wide"),
        pytest.param(SCENE, False, "NAME STORY INDEX PHASE IMAGE AUDIO VIDEO AGE", id="a scene"),
    ],
)
def test_kubectl_get_shows(crds: Cluster, namespace: str, kind: Kind, wide: bool, columns: str) -> None:
    create(crds, namespace, MANIFESTS[kind.name]())

    table = crds.kubectl("get", kind.short, "--namespace", namespace, *(["-o", "wide"] if wide else []))

    assert table.splitlines()[0].split() == columns.split()


def test_columns_show_what_the_status_says(crds: Cluster, namespace: str) -> None:
    create(crds, namespace, a_story())
    status = {"phase": "Processing", "progress": 62, "scenes": {"summary": "11/20"}, "cost": {"spent": "1.42"}}
    body = json.dumps({"status": status})
    crds.kubectl("patch", "sj", "fox", "-n", namespace, "--subresource=status", "--type=merge", "--patch", body)

    row = crds.kubectl("get", "sj", "fox", "-n", namespace, "--no-headers").split()

    assert row[:5] == ["fox", "Processing", "62", "11/20", "1.42"]


@pytest.mark.parametrize(
    ("manifest", "target", "change", "message"),
    [
        pytest.param(
            a_provider(), "mp/flux", {"type": "elevenlabs"}, "spec.type cannot be changed", id="a provider's vendor"
        ),
        pytest.param(
            a_scene_object(),
            "scn/fox-forest-0a1b2c3d",
            {"name": "lake"},
            "spec.name cannot be changed",
            id="a scene's name",
        ),
        pytest.param(
            a_scene_object(),
            "scn/fox-forest-0a1b2c3d",
            {"storyRef": {"name": "wolf"}},
            "spec.storyRef cannot be changed",
            id="a scene's story",
        ),
    ],
)
def test_what_must_stay_stays(
    crds: Cluster, namespace: str, manifest: dict[str, Any], target: str, change: dict[str, Any], message: str
) -> None:
    create(crds, namespace, manifest)

    with pytest.raises(LocalWorldError, match=message):
        patch(crds, namespace, target, change)


def test_a_scenes_wishes_may_change(crds: Cluster, namespace: str) -> None:
    create(crds, namespace, a_scene_object())

    change = {"index": 3, "image": None, "video": {"prompt": "pan"}}

    assert "patched" in patch(crds, namespace, "scn/fox-forest-0a1b2c3d", change)


def test_the_order_of_scenes_is_kept_when_one_is_put_between(crds: Cluster, namespace: str) -> None:
    def apply(*names: str) -> list[str]:
        story = a_story(scenes=[{"name": name, "image": {"prompt": name}} for name in names])
        arguments = ("apply", "--server-side", "-n", namespace, "-f", "-", "-o", "json")
        made = json.loads(crds.kubectl(*arguments, stdin=json.dumps(story)))
        return [scene["name"] for scene in made["spec"]["scenes"]]

    assert apply("hill", "lake") == ["hill", "lake"]
    assert apply("hill", "wood", "lake") == ["hill", "wood", "lake"]
    assert apply("lake", "hill") == ["lake", "hill"]
