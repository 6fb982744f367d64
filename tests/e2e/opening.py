"""Opens the place where the chart is installed, and leaves nothing of it behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.choice import Place
from e2e.image import IMAGE, images
from e2e.kind import running_kind
from e2e.node import running_node
from e2e.settings import HOST
from e2e.site import Site
from storyjob.local.kubectl import Kubectl
from storyjob.local.s3 import S3Server
from support.helm import Helm, get_program

LOADED = f"docker.io/library/{IMAGE}"


@contextmanager
def open_site(place: Place, folder: Path) -> Iterator[Site]:
    """Open the site at this place."""
    opened = {Place.CLUSTER: _on_a_cluster, Place.KIND: _on_kind, Place.NODE: _on_a_node}[place]
    with opened(folder) as site:
        yield site


@contextmanager
def _on_a_cluster(folder: Path) -> Iterator[Site]:
    kubeconfig = Path(os.environ["E2E_KUBECONFIG"]).expanduser()
    with _site(folder, kubeconfig, os.environ["E2E_HOST"], os.environ.get("E2E_IMAGE", IMAGE)) as site:
        try:
            yield site
        finally:
            site.clear()


@contextmanager
def _on_kind(folder: Path) -> Iterator[Site]:
    with running_kind(folder / "kind") as kind, _site(folder, kind.kubeconfig, kind.host, LOADED) as site:
        yield site


@contextmanager
def _on_a_node(folder: Path) -> Iterator[Site]:
    archive = images(folder)
    with running_node(folder / "node") as node:
        node.ctr("images", "import", archive)
        archive.unlink()
        with _site(folder, node.plane.kubeconfig, HOST, LOADED) as site:
            try:
                yield site
            finally:
                site.stop()
    left = node.remains()
    assert left == [], left


@contextmanager
def _site(folder: Path, kubeconfig: Path, host: str, image: str) -> Iterator[Site]:
    server = S3Server(folder / "s3", host=host)
    asyncio.run(server.start())
    helm = Helm(get_program(), folder / "helm", {"KUBECONFIG": str(kubeconfig)})
    site = Site(Kubectl(kubeconfig), helm, server.bucket, image)
    try:
        site.prepare()
        yield site
    finally:
        asyncio.run(server.stop())
