"""One stage for all tests of the operator that do not break it, with a namespace for each file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storyjob.local.s3 import Bucket
from support.controlplane import Cluster
from support.place import Place
from support.stage import Stage, on_stage

FILES = 20  # at most, that take part of the shared stage


@pytest.fixture(scope="session")
def stage(crds: Cluster, s3: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Operator, sidecar and simulator, shared; faults must name the tag of their test."""
    with on_stage(crds, s3, tmp_path_factory.mktemp("stage"), places=FILES) as shared:
        yield shared


@pytest.fixture(scope="session")
def places(stage: Stage) -> Iterator[str]:
    """The namespaces of the shared stage, one after the other."""
    return iter(stage.namespaces)


@pytest.fixture(scope="module")
def own_namespace(places: Iterator[str]) -> str:
    """A namespace for one file."""
    return next(places)


@pytest.fixture
def place(stage: Stage, own_namespace: str) -> Place:
    """A corner of the file's namespace for one test."""
    return Place(stage, own_namespace)
