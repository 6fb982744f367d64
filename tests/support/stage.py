"""StoryJob as its users run it: operator, sidecar and simulated vendors as processes over a real cluster and bucket."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from storyjob.local.port import LOOPBACK, free_ports
from storyjob.local.probe import answers_ok
from storyjob.local.process import Process, Program
from storyjob.local.s3 import Bucket
from support.api_server import ApiServer
from support.controlplane import Cluster, run

Json = dict[str, Any]

FAST = ("--media", "small", "--speed", "10", "--image-seconds", "3", "--video-seconds", "4", "--speech-seconds", "2")
"""Jobs that take just long enough to be seen running; a webhook that was not taken comes again soon."""
_STOP_GRACE = 5.0  # seconds
_POD_GRACE = 60.0  # seconds


@dataclass(frozen=True)
class Casting:
    """How a stage differs from the usual one."""

    simulator: tuple[str, ...] = FAST
    settings: Mapping[str, str] = field(default_factory=dict)
    """Variables of operator and sidecar."""
    kubeconfigs: Mapping[str, Path] = field(default_factory=dict)
    """By process, `operator` or `webhook`, where it is to have less than all rights."""
    webhook: bool = True
    """Whether there is a sidecar; without one the operator has no callback URL."""


class Stage:
    """The processes, and the namespaces that the operator serves."""

    def __init__(self, cluster: Cluster, bucket: Bucket, namespaces: list[str], folder: Path, casting: Casting) -> None:
        self.cluster, self.bucket, self.namespaces = cluster, bucket, namespaces
        self.api = ApiServer.of(cluster)
        simulator, callbacks, internal, metrics = free_ports(4)
        self.simulator_url = f"http://{LOOPBACK}:{simulator}"
        self.metrics_urls = [f"http://{LOOPBACK}:{port}/metrics" for port in (metrics, internal)]
        self.http = httpx.Client(base_url=self.simulator_url, trust_env=False, timeout=60.0)
        environment = self._environment(simulator, callbacks, internal, metrics) | dict(casting.settings)
        if not casting.webhook:
            del environment["STORYJOB_CALLBACK_URL"]

        def process(name: str, arguments: tuple[str, ...], ready: str) -> Process:
            command = (sys.executable, "-m", "storyjob.cli.main", name, *arguments)
            own = {"KUBECONFIG": str(casting.kubeconfigs[name])} if name in casting.kubeconfigs else {}
            return Process(Program(name, command, folder / f"{name}.log", answers_ok(ready), environment | own))

        arguments = ("--host", LOOPBACK, "--port", str(simulator), *casting.simulator)
        self.simulator = process("simulator", arguments, f"{self.simulator_url}/_sim/health")
        self.operator = process("operator", (), f"http://{LOOPBACK}:{metrics}/readyz")
        self.webhook = process("webhook", (), f"http://{LOOPBACK}:{internal}/readyz") if casting.webhook else None

    @property
    def processes(self) -> list[Process]:
        return [each for each in (self.simulator, self.operator, self.webhook) if each is not None]

    def open(self) -> None:
        """Start everything and wait until it is ready."""
        run(_all(*(process.start() for process in self.processes)))

    def close(self) -> None:
        """Stop everything."""
        run(_all(*(process.stop(_STOP_GRACE) for process in self.processes)))
        self.http.close()
        self.api.http.close()

    def kill_operator(self) -> None:
        """End the operator as an OOM killer or a lost node does: without a word."""
        run(self.operator.kill())

    def stop_operator(self) -> None:
        """Ask the operator to stop, as a rolling update does, and wait until it has."""
        run(self.operator.stop(_POD_GRACE))

    def start_operator(self) -> None:
        """Start the operator again and wait until it is ready."""
        run(self.operator.start())

    def another_operator(self, instance: str) -> Process:
        """Return one more replica of the operator, not yet started."""
        (port,) = free_ports(1)
        program = self.operator.program
        variables = {"STORYJOB_INSTANCE": instance, "STORYJOB_METRICS_PORT": str(port)}
        return Process(
            replace(
                program,
                name=f"operator {instance}",
                log=program.log.with_name(f"operator-{instance}.log"),
                ready=answers_ok(f"http://{LOOPBACK}:{port}/readyz"),
                environment={**program.environment, **variables},
            )
        )

    def leader(self) -> str:
        """Return the instance that holds the lease."""
        lease = self.api.get("leases", self.namespaces[0], "storyjob-operator")
        return str(lease["spec"]["holderIdentity"]).rpartition("_")[0] if lease else ""

    def fault(self, fault: str, **more: Any) -> None:
        """Let something go wrong at a vendor; see ``storyjob/simulator/fault.py``."""
        answer = self.http.post("/_sim/faults", json=[{"fault": fault, **more}])
        assert answer.status_code == 201, answer.text

    def metrics(self) -> list[str]:
        """Return what operator and sidecar expose."""
        return [httpx.get(url, trust_env=False).raise_for_status().text for url in self.metrics_urls]

    def ledger(self, text: str = "") -> list[Json]:
        """Return the submissions that reached the vendors whose text holds ``text``, oldest first."""
        entries: list[Json] = self.http.get("/_sim/ledger").json()
        return [entry for entry in entries if text in entry["text"]]

    def predictions(self, text: str) -> list[Json]:
        """Return Replicate's own account of the jobs whose prompt holds ``text``, oldest first."""
        headers, path = {"Authorization": "Bearer r8_simulator"}, "/replicate/v1/predictions"
        found: list[Json] = []
        while path:
            page = self.http.get(path, headers=headers).json()
            found += [each for each in page["results"] if text in str(each["input"])]
            path = page["next"]
        return found[::-1]

    def _environment(self, simulator: int, callbacks: int, internal: int, metrics: int) -> dict[str, str]:
        s3 = self.bucket.endpoint.removeprefix("http://")
        return self.bucket.environment() | {
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "STORYJOB_NAMESPACE": self.namespaces[0],
            "STORYJOB_WATCH_NAMESPACES": ",".join(self.namespaces),
            "STORYJOB_CALLBACK_URL": f"http://{LOOPBACK}:{callbacks}",
            "STORYJOB_ALLOWED_HOSTS": f"{LOOPBACK}:{simulator},{s3}",
            "STORYJOB_WEBHOOK_HOST": LOOPBACK,
            "STORYJOB_WEBHOOK_PORT": str(callbacks),
            "STORYJOB_INTERNAL_HOST": LOOPBACK,
            "STORYJOB_INTERNAL_PORT": str(internal),
            "STORYJOB_METRICS_HOST": LOOPBACK,
            "STORYJOB_METRICS_PORT": str(metrics),
            "NO_PROXY": LOOPBACK,
            "no_proxy": LOOPBACK,
            "PYTHONUNBUFFERED": "1",
        }


@contextmanager
def on_stage(
    cluster: Cluster, bucket: Bucket, folder: Path, *, places: int = 1, casting: Casting | None = None
) -> Iterator[Stage]:
    """Run a stage over ``places`` namespaces of its own, which stay: nobody is left to let go what is in them."""
    namespaces = [cluster.create_namespace("stage") for _ in range(places)]
    stage = Stage(cluster, bucket, namespaces, folder, casting or Casting())
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


async def _all(*work: Any) -> None:
    await asyncio.gather(*work)


def a_tag() -> str:
    """Return a word that stands in no other test's texts."""
    return f"tag{secrets.token_hex(4)}"
