"""Everything that may die while stories are made: two operators, sidecar, control plane, S3, and the wires between."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from storyjob.local.binaries import Binaries
from storyjob.local.controlplane import Options
from storyjob.local.kubeconfig import write_kubeconfig
from storyjob.local.port import LOOPBACK
from storyjob.local.process import Process
from storyjob.local.s3 import S3Server
from support.chaos.wire import Wire, Wires
from support.controlplane import PROJECT, Cluster, run, running_cluster
from support.stage import Casting, Stage

PACE = (
    *("--media", "small", "--speed", "10", "--image-seconds", "20", "--video-seconds", "25"),
    *("--speech-seconds", "8", "--speech-concurrency", "50"),
)
"""Jobs of about two seconds: long enough to be killed in, short enough for hundreds of them."""
SETTINGS = {
    "STORYJOB_INSTANCE": "one",
    "STORYJOB_LEASE_SECONDS": "3",
    "STORYJOB_ORPHAN_SECONDS": "1",
    "STORYJOB_RESYNC_SECONDS": "20",
}


@dataclass
class Battlefield:
    """A stage with two operators, each with a wire of its own to the API server, on a cluster that can be broken."""

    stage: Stage
    cluster: Cluster
    s3: S3Server
    lines: Wires
    wires: Mapping[str, Wire]
    two: Process

    @property
    def one(self) -> Process:
        return self.stage.operator

    @property
    def mortals(self) -> dict[str, Process]:
        """What may be killed, by name. The simulator is not among them: it is the witness."""
        plane, sidecar = self.cluster.control_plane, self.stage.webhook
        assert sidecar is not None
        return {
            "one": self.one,
            "two": self.two,
            "sidecar": sidecar,
            "apiserver": plane.apiserver,
            "etcd": plane.etcd,
            "s3": self.s3.process,
        }

    def doomed(self, order: str) -> Process:
        """Return the first operator as one that kills or stops itself at a point of ``storyjob/killpoint.py``."""
        program = self.one.program
        return Process(replace(program, environment={**program.environment, "STORYJOB_TEST_DIE_AT": order}))


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process and all that it started."""
    assert process.pid is not None
    os.killpg(process.pid, number)


def a_battlefield(binaries: Binaries, folder: Path) -> Iterator[Battlefield]:
    """Start everything but the second operator; etcd waits for the disk on every write."""
    s3 = S3Server(folder / "s3")
    with running_cluster(binaries, folder / "plane", Options(fsync=True)) as cluster, Wires().strung() as lines:
        run(s3.start())
        try:
            yield from _with_stage(cluster, s3, lines, folder)
        finally:
            run(s3.stop())


def _with_stage(cluster: Cluster, s3: S3Server, lines: Wires, folder: Path) -> Iterator[Battlefield]:
    cluster.kubectl("apply", "--server-side", "-f", PROJECT / "crds")
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", PROJECT / "crds")
    api, bucket = _port(cluster.url), _port(s3.bucket.endpoint)
    # The simulator's port is known only when the stage is there.
    wires = {"one": lines.to(api), "two": lines.to(api), "bucket": lines.to(bucket), "vendors": lines.to(0)}
    for name in ("one", "two"):
        url = f"https://{LOOPBACK}:{wires[name].port}"
        write_kubeconfig(folder / f"kubeconfig-{name}", url=url, authority=cluster.authority, token=cluster.token)
    hosts = ",".join(f"{LOOPBACK}:{wires[name].port}" for name in ("vendors", "bucket"))
    settings = SETTINGS | {"STORYJOB_S3_ENDPOINT": wires["bucket"].url, "STORYJOB_ALLOWED_HOSTS": hosts}
    namespaces = [cluster.create_namespace(prefix) for prefix in ("war", "peace")]
    casting = Casting(PACE, settings, {"operator": folder / "kubeconfig-one"})
    stage = Stage(cluster, s3.bucket, namespaces, folder / "stage", casting)
    wires["vendors"].target = _port(stage.simulator_url)
    two = stage.another_operator("two")
    environment = {**two.program.environment, "KUBECONFIG": str(folder / "kubeconfig-two")}
    two = Process(replace(two.program, environment=environment))
    try:
        stage.open()
        yield Battlefield(stage, cluster, s3, lines, wires, two)
    finally:
        run(two.kill())
        stage.close()


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
