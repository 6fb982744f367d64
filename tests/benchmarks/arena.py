"""Where benchmarks run: a control plane and a bucket of their own, so that peaks and counts are theirs alone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.results import FOLDER
from storyjob.local.binaries import Binaries
from storyjob.local.process import Process
from storyjob.local.s3 import Bucket, S3Server
from support.controlplane import PROJECT, Cluster, run, running_cluster
from support.stage import Casting, Stage, on_stage

PROFILE = "STORYJOB_BENCH_PROFILE"
"""Set it to anything, and the operator runs under cProfile; its times are then of no other use."""


@dataclass(frozen=True)
class Arena:
    """A fresh cluster with our kinds, and a fresh bucket."""

    cluster: Cluster
    bucket: Bucket
    processes: tuple[Process, ...]
    """Of cluster and bucket."""
    folder: Path


@contextmanager
def open_arena(binaries: Binaries, folder: Path) -> Iterator[Arena]:
    """Start cluster and bucket, and stop them at the end."""
    server = S3Server(folder / "s3")
    with running_cluster(binaries, folder / "kubernetes") as cluster:
        run(server.start())
        try:
            install_kinds(cluster)
            yield Arena(cluster, server.bucket, (*cluster.control_plane.processes, server.process), folder)
        finally:
            run(server.stop())


def install_kinds(cluster: Cluster) -> None:
    """Apply the CRDs and wait until they are served."""
    cluster.kubectl("apply", "--server-side", "-f", PROJECT / "crds")
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", PROJECT / "crds")


@contextmanager
def playing(arena: Arena, casting: Casting, name: str) -> Iterator[Stage]:
    """Run operator, sidecar and simulator in the arena, the operator under cProfile where that is asked for."""
    folder = arena.folder / name
    profile = folder / "operator.prof" if os.environ.get(PROFILE) else None
    with on_stage(arena.cluster, arena.bucket, folder, casting=casting) as stage:
        if profile is not None:
            run(stage.operator.stop())
            program = stage.operator.program
            command = (sys.executable, "-m", "cProfile", "-o", profile, *program.command[1:])
            stage.operator = Process(replace(program, command=command))
            run(stage.operator.start())
        yield stage
    if profile is not None:
        FOLDER.mkdir(exist_ok=True)
        shutil.copy(profile, FOLDER / f"{name}-operator.prof")
