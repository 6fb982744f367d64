"""The fixtures that every kind of test may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storyjob.local.binaries import Binaries, get_binaries
from storyjob.local.report import Report
from storyjob.local.s3 import Bucket
from support import helm as helm_program
from support.controlplane import (
    FIXTURES,
    PROJECT,
    Cluster,
    asks_for,
    prepare,
    running_cluster,
    running_s3,
)
from support.helm import Helm


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the local world, so that ``-m 'not integration'`` leaves it out."""
    for item in items:
        if asks_for(item, FIXTURES):
            item.add_marker(pytest.mark.integration)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Get the control plane's binaries, and Helm, before the clock of the first test runs."""
    prepare(session)
    helm_program.prepare(session)


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """etcd, kube-apiserver and kube-controller-manager, for tests that start a control plane of their own."""
    return get_binaries(Report())


@pytest.fixture(scope="session")
def cluster(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One real control plane for the whole session; use a namespace of your own (``namespace``)."""
    with running_cluster(binaries, tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """One real S3 bucket for the whole session; use a prefix of your own."""
    with running_s3(tmp_path_factory.mktemp("s3")) as bucket:
        yield bucket


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm 3, for tests of the chart."""
    return Helm(helm_program.get_program(), tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def crds(cluster: Cluster) -> Cluster:
    """The same cluster, with our three kinds established."""
    cluster.kubectl("apply", "--server-side", "-f", PROJECT / "crds")
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", PROJECT / "crds")
    return cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace for one test."""
    name = cluster.create_namespace()
    yield name
    cluster.delete_namespace(name)
