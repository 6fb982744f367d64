"""End-to-end tests run only when they are asked for: `make e2e`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from e2e.choice import Place, choose
from e2e.opening import open_site
from e2e.programs import missing
from e2e.site import Site

PLACES = {Place.CLUSTER: "a cluster of yours", Place.KIND: "kind", Place.NODE: "a node of our own"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out of a plain `pytest`, and give them time: an image is built, and a node started."""
    mine = [item for item in items if item.get_closest_marker("e2e")]
    if "e2e" not in config.option.markexpr and mine:
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if item not in mine]
    elif mine and not enforces():
        needing = [item for item in mine if "enforced_policies" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


def enforces() -> bool:
    """Tell whether NetworkPolicies do anything: on kind and on our node they do, of a user's cluster we are told."""
    return "E2E_KUBECONFIG" not in os.environ or os.environ.get("E2E_POLICIES") == "enforced"


@pytest.fixture
def enforced_policies() -> None:
    """Named by tests that need a network which enforces NetworkPolicies."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cluster with nodes. Fails with what is missing on this machine."""
    place, because = choose()
    print(f"\nOn {PLACES[place]}: {because}.", flush=True)
    if place is Place.NODE and (reasons := missing()):
        pytest.fail(f"no node can run here: {'; '.join(reasons)}. Or name a cluster of yours in E2E_KUBECONFIG")
    with open_site(place, tmp_path_factory.mktemp("e2e")) as opened:
        yield opened
