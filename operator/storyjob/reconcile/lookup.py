"""Looks into the bucket before anything is bought: what is there already is taken over for nothing."""

from __future__ import annotations

import logging

from storyjob.ambient import now
from storyjob.api.errors import StorageError
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind
from storyjob.cluster.cache import key_of
from storyjob.cluster.errors import NotFound, TestFailed
from storyjob.cluster.ledger import Exact
from storyjob.media.record import read_record
from storyjob.planning import step as turns
from storyjob.planning.plan import Search
from storyjob.planning.view import LookUp
from storyjob.reconcile import metrics
from storyjob.reconcile.keeping import step_output
from storyjob.reconcile.remember import write_step
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)


async def look_up(world: World, scene: Scene, search: Search) -> None:
    """Find out whether bytes of this input are in the bucket; if so, the step has succeeded."""
    if search.step.kind is not StepKind.AUDIO:  # a story's first narration may be what all of it waits for
        await world.traffic.give_way()
    layout = world.layout(scene.metadata.namespace)
    try:
        record = await read_record(world.store, layout.record(search.input_hash))
        # A record without its bytes is no use: somebody emptied the bucket.
        there = record is not None and await world.store.exists(record.key)
    except StorageError as error:
        world.gate.storage = str(error)
        _log.warning("%s %s: %s", scene.metadata.name, search.step.kind, error)
        return
    if record is None or not there:
        world.desk.look_ups[search.step] = LookUp(search.input_hash, found=False)
        return
    output, model = step_output(world, record), record.model

    def turn(step: StepStatus) -> StepStatus:
        return turns.reuse(step, input_hash=search.input_hash, output=output, model=model, now=now())

    try:
        await write_step(world, key_of(scene), scene.metadata.uid, search.step.kind, Exact(), turn)
        metrics.REUSED.labels(search.step.kind).inc()
    except (TestFailed, NotFound, turns.IllegalTransition) as error:
        _log.info("%s %s was not taken over: %s", scene.metadata.name, search.step.kind, error)
