"""Watches keep their connections for minutes; however many there are, requests still get through."""

from __future__ import annotations

import asyncio

from storyjob.cluster.client import Cluster
from storyjob.cluster.connection import LIST_AND_WRITE_LIMIT, Connection
from storyjob.cluster.resources import SCENES
from support import controlplane

WATCHES = LIST_AND_WRITE_LIMIT + 16


async def test_watches_do_not_starve_requests(crds: controlplane.Cluster, namespace: str, monkeypatch: object) -> None:
    monkeypatch.setenv("KUBECONFIG", str(crds.kubeconfig))  # type: ignore[attr-defined]
    cluster = Cluster(await Connection.load())
    _, version = await cluster.list(SCENES, namespace)
    watches = [cluster.watch(SCENES, namespace, version) for _ in range(WATCHES)]
    tasks = [asyncio.ensure_future(anext(watch)) for watch in watches]
    try:
        await asyncio.wait(tasks, timeout=3, return_when=asyncio.FIRST_COMPLETED)
        assert not any(task.done() for task in tasks), "a watch of nothing ended"
        items, _ = await cluster.list(SCENES, namespace)
        assert items == []
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await cluster.close()
        await asyncio.sleep(0.1)  # TLS connections close a moment after their session
