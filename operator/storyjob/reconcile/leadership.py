"""Leads: the one replica that holds the lease works the queue; all others keep their caches warm and wait."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from storyjob.ambient import now
from storyjob.cluster.lease import Lease
from storyjob.reconcile import metrics
from storyjob.reconcile.operator import Operator
from storyjob.reconcile.telemetry import tell_again

UNSENT = timedelta(seconds=60)
"""What ended so long before the last word of a leader that died may not have been sent: clocks differ, batches wait."""

_log = logging.getLogger(__name__)


async def lead(operator: Operator, lease: Lease) -> None:
    """Wait for the lease, then work until it is lost. Whoever it is lost to works on; this process is to end."""
    operator.world.gate.leads = lambda: lease.valid
    await lease.take()
    metrics.LEADER.set(1)
    operator.take_over(now())
    if lease.left_at is not None:
        tell_again(operator.world, lease.left_at - UNSENT)
    working = asyncio.create_task(operator.work())
    keeping = asyncio.create_task(lease.keep())
    try:
        ended, _ = await asyncio.wait([working, keeping], return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in (working, keeping):
            task.cancel()
        await asyncio.gather(working, keeping, return_exceptions=True)
        metrics.LEADER.set(0)
