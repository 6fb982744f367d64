"""The one control plane and the one S3 server that a whole test session shares."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from storyjob.local.binaries import Binaries, get_binaries
from storyjob.local.controlplane import ControlPlane, Options
from storyjob.local.kubectl import Kubectl
from storyjob.local.report import Report
from storyjob.local.s3 import Bucket, S3Server
from support.house import House

PROJECT = Path(__file__).resolve().parents[2]
NEED_BINARIES = frozenset({"cluster", "binaries"})
FIXTURES = NEED_BINARIES | {"s3"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running API server, with the rights of system:masters."""

    url: str
    kubeconfig: Path
    authority: Path
    """The PEM file that verifies its certificate."""
    token: str = field(repr=False)
    kubectl: Kubectl
    """``kubectl(*arguments, stdin=None) -> str``; blocking."""
    control_plane: ControlPlane
    """For tests that break parts of it; leave all parts running and ready."""

    def create_namespace(self, prefix: str = "test") -> str:
        """Create a namespace with a name of its own and return the name."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.kubectl("create", "namespace", name)
        return name

    def delete_namespace(self, name: str) -> None:
        """Ask for the deletion of a namespace without waiting for its end."""
        self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def run(work: Coroutine[object, object, None]) -> None:
    """Run ``work`` in a loop of its own, leaving the loops of pytest-asyncio alone."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


@contextmanager
def running_cluster(
    binaries: Binaries, folder: Path, options: Options | None = None, house: House | None = None
) -> Iterator[Cluster]:
    """Start a control plane in ``folder``, in a house of its own if there is one, and stop it at the end."""
    options = options or Options()
    plane = ControlPlane(binaries, folder, replace(options, host=house.address) if house else options)
    if house is not None:
        for process in plane.processes:
            process.program = house.home_of(process.program)
    run(plane.start())
    try:
        yield Cluster(
            url=plane.url,
            kubeconfig=plane.kubeconfig,
            authority=plane.authority,
            token=plane.token,
            kubectl=Kubectl(plane.kubeconfig),
            control_plane=plane,
        )
    finally:
        run(plane.stop())


@contextmanager
def running_s3(folder: Path) -> Iterator[Bucket]:
    """Start an S3 server in ``folder`` and stop it at the end."""
    server = S3Server(folder)
    run(server.start())
    try:
        yield server.bucket
    finally:
        run(server.stop())


def prepare(session: pytest.Session) -> None:
    """Get the binaries before the first test that needs them, outside its time limit and in plain sight.

    Where they must be built, that takes minutes, and a fixture's time counts as the test's.
    """
    if session.config.option.collectonly or not any(asks_for(item, NEED_BINARIES) for item in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        get_binaries(Report())
        return
    with capture.global_and_fixture_disabled():
        get_binaries(Report())


def asks_for(item: pytest.Item, fixtures: frozenset[str]) -> bool:
    """Return whether a test asks for one of the fixtures, directly or through another one."""
    return not fixtures.isdisjoint(getattr(item, "fixturenames", ()))
