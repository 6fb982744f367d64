"""Chaos has a world of its own. The long run runs only when it is asked for: `-m chaos`.

Where no network namespaces can be made, what needs them is left out, and the end of the run says so. With
STORYJOB_TEST_NAMESPACES=1, as in continuous integration, that is an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from storyjob.local.binaries import Binaries
from support.chaos import network
from support.chaos.battlefield import Battlefield, namespaced, proxied
from support.controlplane import run

_WHY_NOT = pytest.StashKey[str | None]()
_LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_WHY_NOT], config.stash[_LEFT_OUT] = network.why_not(), []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long run out of a plain `pytest`, and what needs namespaces where there can be none."""
    if "chaos" not in config.option.markexpr:
        _deselect(config, items, [item for item in items if item.get_closest_marker("chaos")])
    if config.stash[_WHY_NOT] is None:
        return
    if os.environ.get("STORYJOB_TEST_NAMESPACES") == "1":
        raise pytest.UsageError(f"no network namespaces can be made: {config.stash[_WHY_NOT]}")
    left_out = [item for item in items if item.get_closest_marker("namespaces")]
    config.stash[_LEFT_OUT] += [item.nodeid for item in left_out]
    _deselect(config, items, left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, and how lines were cut instead."""
    if left_out := config.stash[_LEFT_OUT]:
        terminalreporter.section("left out")
        terminalreporter.write_line(f"No network namespaces: {config.stash[_WHY_NOT]}. Lines were cut by TCP proxies.")
        for name in left_out:
            terminalreporter.write_line(f"- {name}")


def _deselect(config: pytest.Config, items: list[pytest.Item], out: list[pytest.Item]) -> None:
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


@pytest.fixture(scope="session")
def battlefield(
    binaries: Binaries, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Battlefield]:
    """Operators, sidecar, simulator, S3 and a control plane that nobody else uses."""
    ground = namespaced if pytestconfig.stash[_WHY_NOT] is None else proxied
    with ground(binaries, tmp_path_factory.mktemp("battlefield")) as field:
        yield field


@pytest.fixture
def pair(battlefield: Battlefield) -> Iterator[Battlefield]:
    """A battlefield whose second operator may be started; afterwards only the first one runs."""
    yield battlefield
    battlefield.lines.heal()
    run(battlefield.two.stop())
    if not battlefield.one.running:
        run(battlefield.one.start())
