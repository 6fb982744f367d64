"""StoryJob as its users run it: operator, sidecar and simulated vendors as processes over a real cluster and bucket."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from storyjob.local.port import free_ports
from storyjob.local.probe import answers_ok
from storyjob.local.process import Process, Program
from storyjob.local.s3 import Bucket
from support.api_server import ApiServer
from support.controlplane import Cluster, run
from support.house import House

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
    houses: Mapping[str, House] = field(default_factory=dict)
    """Where each lives that is not on this machine's loopback: by process, or by instance of the operator."""

    def house(self, name: str) -> House:
        """Return where a process lives."""
        return self.houses.get(name, House())


class Stage:
    """The processes, and the namespaces that the operator serves."""

    def __init__(self, cluster: Cluster, bucket: Bucket, namespaces: list[str], folder: Path, casting: Casting) -> None:
        self.cluster, self.bucket, self.namespaces = cluster, bucket, namespaces
        self.api = ApiServer.of(cluster)
        self._folder, self._casting = folder, casting
        self.operators: dict[str, str] = {}
        """Where each answers for probes and metrics, by instance."""
        simulator, callbacks, internal = free_ports(3)
        self.simulator_url = f"http://{casting.house('simulator').address}:{simulator}"
        self.http = httpx.Client(base_url=self.simulator_url, trust_env=False, timeout=60.0)
        self._variables = self._environment(callbacks, internal) | dict(casting.settings)
        if not casting.webhook:
            del self._variables["STORYJOB_CALLBACK_URL"]
        arguments = ("--host", casting.house("simulator").address, "--port", str(simulator), *casting.simulator)
        self.simulator = self._process("simulator", f"{self.simulator_url}/_sim/health", arguments)
        self.operator = self._operator("operator", casting.settings.get("STORYJOB_INSTANCE", "one"))
        self._sidecar = f"http://{casting.house('webhook').address}:{internal}"
        self.webhook = self._process("webhook", f"{self._sidecar}/readyz") if casting.webhook else None

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
        return self._operator(f"operator-{instance}", instance)

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
        places = (next(iter(self.operators.values())), self._sidecar)
        return [httpx.get(f"{place}/metrics", trust_env=False).raise_for_status().text for place in places]

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

    def _operator(self, name: str, instance: str) -> Process:
        (port,), address = free_ports(1), self._casting.house(name).address
        own = {
            "STORYJOB_INSTANCE": instance,
            "STORYJOB_METRICS_HOST": address,
            "STORYJOB_METRICS_PORT": str(port),
        }
        self.operators[instance] = f"http://{address}:{port}"
        return self._process(name, f"{self.operators[instance]}/readyz", more=own)

    def _process(
        self, name: str, ready: str, arguments: tuple[str, ...] = (), more: Mapping[str, str] | None = None
    ) -> Process:
        casting, what = self._casting, name.partition("-")[0]
        command = (sys.executable, "-m", "storyjob.cli.main", what, *arguments)
        config = casting.kubeconfigs.get(name) or casting.kubeconfigs.get(what)
        own = ({"KUBECONFIG": str(config)} if config else {}) | dict(more or {})
        program = Program(name, command, self._folder / f"{name}.log", answers_ok(ready), self._variables | own)
        return Process(casting.house(name).home_of(program, (house.address for house in casting.houses.values())))

    def _environment(self, callbacks: int, internal: int) -> dict[str, str]:
        hosts, sidecar = (self.simulator_url, self.bucket.endpoint), self._casting.house("webhook").address
        return self.bucket.environment() | {
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "STORYJOB_NAMESPACE": self.namespaces[0],
            "STORYJOB_WATCH_NAMESPACES": ",".join(self.namespaces),
            "STORYJOB_CALLBACK_URL": f"http://{sidecar}:{callbacks}",
            "STORYJOB_ALLOWED_HOSTS": ",".join(url.removeprefix("http://") for url in hosts),
            "STORYJOB_WEBHOOK_HOST": sidecar,
            "STORYJOB_WEBHOOK_PORT": str(callbacks),
            "STORYJOB_INTERNAL_HOST": sidecar,
            "STORYJOB_INTERNAL_PORT": str(internal),
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
