"""The sidecar as a process of its own under attack: the Scenes it serves, and what the attack cost and changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import Usage
from storyjob.local.port import LOOPBACK, free_ports
from storyjob.local.probe import answers_ok
from storyjob.local.process import Process, Program
from support.api_server import ApiServer
from support.callbacks import Job, a_provider, a_signing_secret, keys_secret
from support.controlplane import Cluster, run

Json = dict[str, Any]
RSS_LIMIT = 150.0  # MiB


@dataclass
class Besieged:
    """One sidecar, its namespace, and an administrator who plays the operator."""

    api: ApiServer
    process: Process
    namespace: str
    port: int
    internal: int
    secret: str = field(repr=False)
    """What genuine callbacks of MediaProvider ``flux`` are signed with."""
    made: int = 0

    def job(self, **fields: Any) -> Job:
        """Let a provider work on a new Scene."""
        self.made += 1
        job = Job(namespace=self.namespace, scene=f"fox-{self.made:04}-0a1b2c3d", **fields)
        body = job.item() | {"metadata": {"name": job.scene}}
        status = body.pop("status")
        job.uid = self.api.apply("scenes", self.namespace, body)["metadata"]["uid"]
        self.api.merge("scenes", self.namespace, job.scene, {"status": status}, subresource="status")
        return job

    def deleted(self) -> Job:
        """Return the job of a Scene that is gone."""
        job = self.job()
        self.api.delete("scenes", self.namespace, job.scene)
        return job

    def version(self, job: Job) -> str:
        """Return the Scene's resourceVersion: while it is the same, nothing at all was written."""
        scene = self.api.get("scenes", self.namespace, job.scene)
        assert scene is not None
        return str(scene["metadata"]["resourceVersion"])

    def callback_of(self, job: Job) -> Json | None:
        """Return what is recorded in the Scene."""
        scene = self.api.get("scenes", self.namespace, job.scene)
        found: Json | None = scene["status"]["steps"][job.step].get("callback") if scene else None
        return found

    def patches(self) -> int:
        """Return how often anybody patched a Scene's status since the API server's start, successfully or not."""
        return self.api.writes(refused=True)["scenes", "status", "PATCH"]

    def usage(self) -> Usage:
        """Return the sidecar's CPU time, and its peak of resident memory since its start."""
        self.process.check()
        return Usage.of(self.process.pid or 0)


@contextmanager
def besieged(cluster: Cluster, namespace: str, folder: Path, kubeconfig: Path | None = None) -> Iterator[Besieged]:
    """Run a sidecar that serves a namespace, with the rights of ``kubeconfig``, else with all."""
    api, (port, internal) = ApiServer.of(cluster), free_ports(2)
    provider = a_provider(namespace)
    provider["metadata"] = {"name": provider["metadata"]["name"]}
    uid = api.apply("mediaproviders", namespace, provider)["metadata"]["uid"]
    secret = a_signing_secret()
    api.apply("secrets", namespace, keys_secret(namespace, {uid: [secret]}))
    environment = {
        "KUBECONFIG": str(kubeconfig or cluster.kubeconfig),
        "STORYJOB_NAMESPACE": namespace,
        "STORYJOB_WATCH_NAMESPACES": namespace,
        "STORYJOB_S3_BUCKET": "stories",
        "STORYJOB_WEBHOOK_HOST": LOOPBACK,
        "STORYJOB_INTERNAL_HOST": LOOPBACK,
        "STORYJOB_WEBHOOK_PORT": str(port),
        "STORYJOB_INTERNAL_PORT": str(internal),
    }
    command = (sys.executable, "-m", "storyjob.cli.main", "webhook")
    ready = answers_ok(f"http://{LOOPBACK}:{internal}/readyz")
    process = Process(Program("webhook", command, folder / "webhook.log", ready, environment))
    run(process.start())
    try:
        yield Besieged(api, process, namespace, port, internal, secret)
    finally:
        run(process.stop())
        api.http.close()
