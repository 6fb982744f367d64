"""A small run of the benchmark with many stories: the facts that hold at any size, no times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.many import film_many
from benchmarks.stories import Bill
from storyjob.local.s3 import Bucket
from support.controlplane import Cluster
from support.stage import on_stage

BILL = Bill(stories=3, scenes=4)
WRITES_PER_SCENE = 11  # to a Scene with a picture and a narration, from its creation to its last finalizer


@pytest.mark.timeout(600)
def test_stories_at_once_are_filmed_bought_once_and_go(crds: Cluster, s3: Bucket, tmp_path: Path) -> None:
    with on_stage(crds, s3, tmp_path) as stage:
        run = film_many(stage, crds.control_plane.processes, BILL, seconds=300)
    assert run.bought == 2 * BILL.total
    assert run.scene_writes_per_scene <= WRITES_PER_SCENE, run.whole.writes
