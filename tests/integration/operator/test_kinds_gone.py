"""Our kinds are removed from the cluster and come back: the operator lets go of all, and goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storyjob.local.binaries import Binaries
from storyjob.local.s3 import Bucket
from support.controlplane import PROJECT, Cluster, run, running_cluster
from support.place import Place
from support.simulator import eventually
from support.stage import Stage, on_stage

KINDS = PROJECT / "crds"


@pytest.fixture(scope="module")
def fragile(binaries: Binaries, s3: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage over a control plane of our own: its kinds are everybody's."""
    with running_cluster(binaries, tmp_path_factory.mktemp("fragile-plane")) as cluster:
        _bring(cluster)
        with on_stage(cluster, s3, tmp_path_factory.mktemp("fragile")) as stage:
            yield stage


def _bring(cluster: Cluster) -> None:
    cluster.kubectl("apply", "--server-side", "-f", KINDS)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", KINDS)


def test_a_story_is_found_again_after_its_kind_was_gone(fragile: Stage) -> None:
    place = Place(fragile, fragile.namespaces[0])
    place.providers("pictures")
    finished = place.story(name="finished")
    made = place.completed(place.apply(finished)["metadata"]["name"])
    fragile.fault("never-finish", match={"prompt_contains": f"{place.tag} endless"})
    place.phase_until(place.make(place.scene("endless"), name="under-way"), "endless", "Running")

    # Every object of ours goes with them, so this ends only if each of our finalizers is let go.
    fragile.cluster.kubectl("delete", "-f", KINDS, "--wait", "--timeout=60s")
    eventually(lambda: [entry["state"] for entry in place.bought("endless")] == ["canceled"])
    _bring(fragile.cluster)
    if not fragile.operator.running:  # as a Deployment would
        run(fragile.operator.start())
    place.providers("pictures")
    place.apply(finished)

    again = place.completed(finished["metadata"]["name"])
    assert again["metadata"]["uid"] != made["metadata"]["uid"]
    assert again["status"]["outputs"] == made["status"]["outputs"]
    assert len(place.bought("forest")) == 1
