"""Chaos has a world of its own. The long run runs only when it is asked for: `-m chaos`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storyjob.local.binaries import Binaries
from support.chaos.battlefield import Battlefield, a_battlefield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long run out of a plain `pytest`."""
    if "chaos" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("chaos")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def battlefield(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Battlefield]:
    """Operators, sidecar, simulator, S3 and a control plane that nobody else uses."""
    yield from a_battlefield(binaries, tmp_path_factory.mktemp("battlefield"))
