"""End-to-end tests run only when they are asked for: `make e2e`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from e2e.programs import missing
from e2e.site import Site, open_site


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out of a plain `pytest`, and give them time: an image is built, and a node started."""
    mine = [item for item in items if item.get_closest_marker("e2e")]
    if "e2e" not in config.option.markexpr and mine:
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if item not in mine]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cluster with nodes. Fails with what is missing on this machine."""
    if "E2E_KUBECONFIG" not in os.environ and (reasons := missing()):
        pytest.fail(f"no node can run here: {'; '.join(reasons)}. Or name a cluster of yours in E2E_KUBECONFIG")
    with open_site(tmp_path_factory.mktemp("e2e")) as opened:
        yield opened
