"""What users get wrong is refused at apply, by the field's name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storyjob.api.errors import LocalWorldError
from support.controlplane import Cluster
from support.manifests import a_provider, a_scene, a_story


def apply(cluster: Cluster, namespace: str, manifest: dict[str, Any]) -> str:
    """Try a manifest out as `kubectl apply --server-side` would, and return what kubectl says."""
    arguments = ("apply", "--server-side", "--dry-run=server", "--namespace", namespace, "-f", "-")
    return cluster.kubectl(*arguments, stdin=json.dumps(manifest))


CASES = [
    pytest.param(
        a_story(scenes=[a_scene("lake"), a_scene("lake")]),
        r'duplicate entries for key \[name="lake"\]',
        id="two scenes of one name",
    ),
    pytest.param(a_story(scenes=[]), "spec.scenes in body should have at least 1 items", id="no scenes"),
    pytest.param(
        a_story(scenes=[a_scene(f"s{place}") for place in range(1001)]),
        "spec.scenes: Too many: 1001: must have at most 1000 items",
        id="1,001 scenes",
    ),
    pytest.param(
        a_story(scenes=[a_scene(image={"prompt": "x" * 100_000})]),
        r"spec.scenes\[0\].image.prompt: Too long: may not be more than 4000",
        id="a prompt of 100,000 characters",
    ),
    pytest.param(
        a_story(scenes=[a_scene(image={"prompt": "x" * 4001})]),
        r"spec.scenes\[0\].image.prompt: Too long: may not be more than 4000",
        id="a prompt of 4,001 characters",
    ),
    pytest.param(
        a_story(scenes=[a_scene(image={"prompt": "x" * 3990})], defaults={"style": "water " * 2}),
        "spec: .*an image prompt and spec.defaults.style may have 4000 characters together",
        id="a prompt that its style makes too long",
    ),
    pytest.param(
        a_story(scenes=[a_scene(audio={"text": ""})]),
        r"spec.scenes\[0\].audio.text: .*must hold words",
        id="an empty narration",
    ),
    pytest.param(
        a_story(scenes=[a_scene(audio={"text": " \n\u00a0"})]),
        r"spec.scenes\[0\].audio.text: .*must hold words",
        id="a narration of white space",
    ),
    pytest.param(
        a_story(scenes=[a_scene(image={"prompt": "\t"})]),
        r"spec.scenes\[0\].image.prompt: .*must hold words",
        id="a prompt of white space",
    ),
    pytest.param(
        a_story(scenes=[a_scene(image=None, audio={"text": "Once."})]),
        r"spec.scenes\[0\]: .*a scene needs something to see: set image, video or source",
        id="a scene with nothing to see",
    ),
    pytest.param(
        a_story(scenes=[a_scene("lake", dependsOn=["lake"])]),
        r"spec.scenes\[0\].dependsOn: .*remove its own name",
        id="a scene that waits for itself",
    ),
    pytest.param(
        a_story(scenes=[a_scene(dependsOn=["a", "a"])]),
        r'dependsOn: duplicate entries for key \[="a"\]',
        id="a dependency named twice",
    ),
    pytest.param(
        a_story(scenes=[a_scene(dependsOn=[f"s{place}" for place in range(17)])]),
        r"spec.scenes\[0\].dependsOn: Too many: 17: must have at most 16 items",
        id="17 dependencies",
    ),
    pytest.param(
        a_story(scenes=[a_scene(source={"uri": "s3://stories/shared/a.png"})]),
        r"spec.scenes\[0\].source: .*remove image and video, or remove source",
        id="a source beside a picture",
    ),
    pytest.param(
        a_story(scenes=[a_scene(image=None, source={"uri": "https://example.com/a.png"})]),
        r"spec.scenes\[0\].source.uri",
        id="a source that is not in a bucket",
    ),
    pytest.param(
        a_story(scenes=[a_scene(image=None, video={"prompt": "pan", "from": "image"})]),
        r"spec.scenes\[0\].video.from: .*set image, or remove video.from",
        id="a clip from a picture that is not there",
    ),
    pytest.param(
        a_story(film={"resolution": "1281x720"}),
        "spec.film.resolution: .*both even",
        id="an odd width",
    ),
    pytest.param(a_story(film={"resolution": "0x0"}), "spec.film.resolution: .*from 16 to 7680", id="no pixels"),
    pytest.param(
        a_story(scenes=[a_scene(seconds=-1)]),
        r"spec.scenes\[0\].seconds in body should be greater than 0",
        id="negative seconds",
    ),
    pytest.param(
        a_story(scenes=[a_scene("Lake One")]), r"spec.scenes\[0\].name in body should match", id="a scene's bad name"
    ),
    pytest.param(
        a_story(retry={"backoffSeconds": 600}),
        "spec.retry.backoffSeconds: .*raise maxBackoffSeconds",
        id="a backoff above its maximum",
    ),
    pytest.param(a_story(onSceneFailure="Ignore"), 'spec.onSceneFailure: Unsupported value: "Ignore"', id="a word"),
    pytest.param(
        a_story(scenes=[{"name": "lake", "image": {"prompt": "x"}, "audio": None}]),
        r"spec.scenes\[0\].audio in body must be of type object",
        id="an explicit null",
    ),
    pytest.param(a_story("a" * 64), "metadata.name must be at most 63 characters", id="a name too long"),
    pytest.param(a_story("fox.moon"), "metadata.name must be at most 63 characters", id="a name with a dot"),
    pytest.param(
        a_story(scenes=[a_scene(imgae={"prompt": "x"})]),
        r"\.spec\.scenes\[name=\"forest\"\]\.imgae: field not declared in schema",
        id="a misspelt field",
    ),
    pytest.param(
        a_provider(type="dalle"), 'spec.type: Unsupported value: "dalle": supported values:', id="an unknown vendor"
    ),
    pytest.param(
        a_provider(prices=[{"model": "flux"}]),
        r"spec.prices\[0\]: .*a price needs perGeneration, perCharacter, perSecond or perComputeSecond",
        id="a price without an amount",
    ),
    pytest.param(
        a_provider(prices=[{"model": "flux", "perComputeSecond": "0.000225"}]),
        r"spec.prices\[0\].typicalComputeSeconds: .*set both or neither",
        id="a price by compute time of which nothing can be estimated",
    ),
    pytest.param(
        a_provider(prices=[{"model": "flux", "perGeneration": "0.025", "typicalComputeSeconds": 3}]),
        r"spec.prices\[0\].typicalComputeSeconds: .*set both or neither",
        id="a compute time that has no price",
    ),
    pytest.param(
        a_provider(prices=[{"model": "flux", "perGeneration": "0.025 USD"}]),
        r"spec.prices\[0\].perGeneration",
        id="a price with a unit",
    ),
    pytest.param(
        a_provider(polling={"initialSeconds": 100}),
        "spec.polling.initialSeconds: .*raise maxSeconds",
        id="a first pause above the longest",
    ),
    pytest.param(
        a_provider(endpoint="https://user:secret@example.com"), "spec.endpoint", id="credentials in an endpoint"
    ),
    pytest.param(
        a_provider(output={"gcsPrefix": "gs://films/clips"}),
        "spec.output.*: .*only for type vertex-veo",
        id="a bucket for a vendor that cannot write to it",
    ),
    pytest.param(
        a_provider(type="vertex-veo", output={"gcsPrefix": "films/clips"}),
        "spec.output.gcsPrefix",
        id="a bucket without gs://",
    ),
    pytest.param(a_provider("flux.dev"), "metadata.name must be at most 63 characters", id="a provider with a dot"),
]


@pytest.mark.parametrize(("manifest", "message"), CASES)
def test_bad_input_is_refused(crds: Cluster, namespace: str, manifest: dict[str, Any], message: str) -> None:
    with pytest.raises(LocalWorldError, match=message):
        apply(crds, namespace, manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(a_story(scenes=[a_scene(image={"prompt": "ä" * 4000})]), id="4,000 characters, not bytes"),
        pytest.param(
            a_story(scenes=[a_scene(image={"prompt": "ä" * 3992})], defaults={"style": "öl öl "}),
            id="a prompt and a style of 4,000 characters together",
        ),
        pytest.param(a_story(scenes=[a_scene(image={"prompt": "x", "input": {"a": {"b": [1, "c"]}}})]), id="any input"),
        pytest.param(
            a_story(scenes=[a_scene(image=None, source={"uri": "s3://stories/a.mp4"}, audio={"text": "Once."})]),
            id="a narration over a file of one's own",
        ),
        pytest.param(a_story(scenes=[a_scene(image=None, video={"prompt": "pan"})]), id="a clip alone"),
        pytest.param(
            a_provider(type="vertex-veo", output={"gcsPrefix": "gs://films/clips/of=us"}), id="a bucket for clips"
        ),
        pytest.param(a_provider(polling={"initialSeconds": 60}), id="the first pause is the longest"),
        pytest.param(
            a_provider(prices=[{"model": "a", "perGeneration": "1"}, {"model": "*", "perSecond": "0.5"}]), id="prices"
        ),
        pytest.param(
            a_provider(prices=[{"model": "a", "perComputeSecond": "0.000225", "typicalComputeSeconds": 3.5}]),
            id="a price by compute time",
        ),
        pytest.param(a_story("a" * 63), id="a name as long as it may be"),
    ],
)
def test_what_looks_odd_but_works_is_taken(crds: Cluster, namespace: str, manifest: dict[str, Any]) -> None:
    assert "serverside-applied" in apply(crds, namespace, manifest)
