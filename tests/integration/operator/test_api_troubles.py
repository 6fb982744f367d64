"""The API server forgets, cuts, is slow or too busy: the operator looks again, buys once, and ends where it should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storyjob.local.s3 import Bucket
from support.controlplane import Cluster
from support.meddler import Meddler
from support.place import Place
from support.simulator import eventually
from support.stage import Casting, Stage, on_stage

Json = dict[str, Any]


@pytest.fixture(scope="module")
def meddler(crds: Cluster) -> Iterator[Meddler]:
    with Meddler(crds).at_work() as meddler:
        yield meddler


@pytest.fixture(scope="module")
def meddled(crds: Cluster, s3: Bucket, meddler: Meddler, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose operator reaches the API server through the meddler."""
    folder = tmp_path_factory.mktemp("meddled")
    casting = Casting(kubeconfigs={"operator": meddler.kubeconfig(folder / "kubeconfig")})
    with on_stage(crds, s3, folder, casting=casting) as stage:
        yield stage


@pytest.fixture
def place(meddled: Stage) -> Place:
    return Place(meddled, meddled.namespaces[0])


SCENES = 4
TROUBLES: dict[str, Json] = {
    "410": {"forgets": True},
    "cut": {"cuts": True},
    "429": {"every": 3},
    "slow": {"seconds": 0.5},
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_story_is_made_and_bought_once_all_the_same(place: Place, meddler: Meddler, trouble: str) -> None:
    place.providers("pictures")
    name = place.make(*(place.scene(f"s{nth}") for nth in range(SCENES)))
    before = meddler.did[trouble]
    for what, value in TROUBLES[trouble].items():
        setattr(meddler, what, value)
    try:
        eventually(lambda: meddler.did[trouble] > before)
    finally:
        if trouble != "429":
            for what, value in TROUBLES[trouble].items():
                setattr(meddler, what, type(value)())
    place.completed(name)
    meddler.every = 0
    assert len(place.bought()) == SCENES


def test_what_happened_while_it_was_blind_is_seen_once_it_sees(place: Place, meddler: Meddler) -> None:
    place.providers("pictures")
    name = place.make()
    story = place.completed(name)
    meddler.blind = True
    place.stage.api.merge("storyjobs", place.namespace, name, {"spec": {"title": "Another"}})
    other = place.make(place.scene("other"), name="other")
    meddler.forgets = True
    eventually(lambda: meddler.did["410"])
    meddler.blind = meddler.forgets = False
    place.completed(other)
    again = place.completed(name)
    assert again["metadata"]["generation"] == story["metadata"]["generation"] + 1
    assert len(place.bought()) == 2
