"""Everything that may die while stories are made: two operators, sidecar, control plane, S3, and what joins them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from storyjob.killpoint import VARIABLE
from storyjob.local.binaries import Binaries
from storyjob.local.controlplane import Options
from storyjob.local.kubeconfig import write_kubeconfig
from storyjob.local.port import LOOPBACK
from storyjob.local.process import Process
from storyjob.local.s3 import S3Server
from support.chaos.lines import HOUSES, Lines, NamespaceLines, ProxyLines
from support.chaos.network import Network, a_network
from support.chaos.wire import Wires
from support.controlplane import PROJECT, Cluster, run, running_cluster
from support.house import House
from support.stage import Casting, Stage

_DEATH_SECONDS = 180.0
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
    """A stage with two operators, each with a line of its own to the API server, on a cluster that can be broken."""

    stage: Stage
    cluster: Cluster
    s3: S3Server
    lines: Lines
    two: Process
    vendors_url: str
    """Where the operators find the vendors."""
    network: Network | None = None
    """The namespaces that they live in, where there can be any."""

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
        return Process(replace(program, environment={**program.environment, VARIABLE: order}))


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process and all that it started."""
    assert process.pid is not None
    os.killpg(process.pid, number)


def stopped(process: Process) -> bool:
    """Tell whether the kernel has stopped a process."""
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"


def let_die(doomed: Process, begin: Callable[[], object]) -> None:
    """Let a doomed operator begin something and end itself over it."""
    doomed.spawn()
    try:
        begin()
        end = time.monotonic() + _DEATH_SECONDS
        while doomed.running and time.monotonic() < end:
            time.sleep(0.05)
        order = doomed.program.environment[VARIABLE]
        assert doomed.exit_code == -signal.SIGKILL, f"{order}: {doomed.exit_code}; {doomed.tail()}"
    finally:
        run(doomed.kill())


@contextmanager
def namespaced(binaries: Binaries, folder: Path) -> Iterator[Battlefield]:
    """Start everything but the second operator, each in a network namespace of its own."""
    with a_network(*HOUSES) as network, ExitStack() as stack:
        house = {name: network.house(name) for name in HOUSES}
        cluster, s3 = _ground(stack, binaries, folder, house["plane"], house["bucket"])
        names = {"operator": "one", "operator-two": "two", "webhook": "sidecar", "simulator": "vendors"}
        houses = {name: house[own] for name, own in names.items()} | {"plane": house["plane"], "s3": house["bucket"]}
        stage = _stage(cluster, s3, folder, Casting(PACE, SETTINGS, houses=houses))
        two, lines = stage.another_operator("two"), NamespaceLines(network)
        yield from _manned(Battlefield(stage, cluster, s3, lines, two, stage.simulator_url, network))


@contextmanager
def proxied(binaries: Binaries, folder: Path) -> Iterator[Battlefield]:
    """Start everything but the second operator, on this machine's loopback, with proxies between them."""
    with Wires().strung() as strings, ExitStack() as stack:
        cluster, s3 = _ground(stack, binaries, folder)
        api = _port(cluster.url)
        ports = {"one - apiserver": api, "two - apiserver": api, "operators - bucket": _port(s3.bucket.endpoint)}
        lines = ProxyLines(strings, ports)
        wire, configs = lines.wires, {}
        for process, name in (("operator", "one"), ("operator-two", "two")):
            configs[process] = folder / f"kubeconfig-{name}"
            url = f"https://{LOOPBACK}:{wire[f'{name} - apiserver'].port}"
            write_kubeconfig(configs[process], url=url, authority=cluster.authority, token=cluster.token)
        bucket, vendors = wire["operators - bucket"].url, wire["operators - vendors"]
        hosts = ",".join(url.removeprefix("http://") for url in (bucket, vendors.url))
        settings = SETTINGS | {"STORYJOB_S3_ENDPOINT": bucket, "STORYJOB_ALLOWED_HOSTS": hosts}
        stage = _stage(cluster, s3, folder, Casting(PACE, settings, configs))
        # The simulator's port is known only when the stage is there.
        vendors.target = _port(stage.simulator_url)
        yield from _manned(Battlefield(stage, cluster, s3, lines, stage.another_operator("two"), vendors.url))


def _ground(
    stack: ExitStack, binaries: Binaries, folder: Path, plane: House | None = None, bucket: House | None = None
) -> tuple[Cluster, S3Server]:
    """Start S3 and a control plane whose etcd waits for the disk on every write."""
    s3 = S3Server(folder / "s3", host=(bucket or House()).address)
    s3.process.program = (bucket or House()).home_of(s3.process.program)
    cluster = stack.enter_context(running_cluster(binaries, folder / "plane", Options(fsync=True), plane))
    stack.callback(lambda: run(s3.stop()))
    run(s3.start())
    cluster.kubectl("apply", "--server-side", "-f", PROJECT / "crds")
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", PROJECT / "crds")
    return cluster, s3


def _stage(cluster: Cluster, s3: S3Server, folder: Path, casting: Casting) -> Stage:
    namespaces = [cluster.create_namespace(prefix) for prefix in ("war", "peace")]
    return Stage(cluster, s3.bucket, namespaces, folder / "stage", casting)


def _manned(field: Battlefield) -> Iterator[Battlefield]:
    try:
        field.stage.open()
        yield field
    finally:
        run(field.two.kill())
        field.stage.close()


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
