"""Where the chart is installed: a cluster with nodes, and what is done with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from storyjob.local.kubectl import Kubectl
from storyjob.local.s3 import Bucket
from support.controlplane import PROJECT
from support.helm import CHART, Helm

Json = dict[str, Any]

SYSTEM, STORIES, RELEASE = "storyjob-system", "stories", "film"
KEYS = "bucket-keys"


@dataclass(frozen=True)
class Site:
    """A cluster with nodes, a bucket that its pods reach, and Helm."""

    kubectl: Kubectl
    helm: Helm
    bucket: Bucket
    image: str

    def install(self, command: str, *values: str) -> str:
        """Install or upgrade the release and wait until it is ready."""
        repository, _, tag = self.image.rpartition(":")
        texts = {
            "image.repository": repository,
            "image.tag": tag,
            "s3.bucket": self.bucket.name,
            "s3.endpoint": self.bucket.endpoint,
            "s3.existingSecret.name": KEYS,
        }
        # Pictures that take long enough to be interrupted.
        simulator = ("simulator.enabled=true", "simulator.args={--image-seconds=12}")
        ports = f"networkPolicy.apiServerPorts={{443,{self.api_port()}}}"
        always = (*simulator, "networkPolicy.enabled=true", ports, "replicas=2")
        return self.helm(
            *(command, RELEASE, CHART, "--namespace", SYSTEM, "--wait", "--timeout=4m"),
            *(f"--set-string={key}={value}" for key, value in texts.items()),
            *(f"--set={value}" for value in (*always, *values)),
            seconds=300,
        )

    def api_port(self) -> str:
        """Return the port that packets to the API server have when they leave the Service behind."""
        path = "jsonpath={.ports[0].port}"
        return self.kubectl("get", "endpointslice", "kubernetes", "-n", "default", "-o", path)

    def pods(self, component: str) -> list[Json]:
        """Return the pods of a component that are not going."""
        selector = f"app.kubernetes.io/component={component}"
        found = json.loads(self.kubectl("get", "pods", "-n", SYSTEM, "-l", selector, "-o", "json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def story(self, name: str = "simulated-moon") -> Json:
        """Return a story as it is."""
        found: Json = json.loads(self.kubectl("get", "storyjob", name, "-n", STORIES, "-o", "json"))
        return found

    def until(self, what: str, true: Callable[[], Any], seconds: float = 120) -> None:
        """Wait until something is true."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                state = self.kubectl("get", "pods,storyjobs,scenes", "-A", "-o", "wide")
                raise AssertionError(f"{what}: not within {seconds:.0f} s\n{state}")
            time.sleep(1)

    def prepare(self) -> None:
        """Make the namespaces, in which only restricted pods are let in, and the bucket's keys."""
        for name in (SYSTEM, STORIES):
            self.kubectl("create", "namespace", name)
            self.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        keys = {"access-key-id": self.bucket.access_key_id, "secret-access-key": self.bucket.secret_access_key}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEYS}, "stringData": keys}
        self.kubectl("apply", "-n", SYSTEM, "-f", "-", stdin=json.dumps(secret))

    def stop(self) -> None:
        """End all pods, as long as there is a kubelet that can."""
        self.kubectl("delete", "deployments,jobs,pods", "--all", "-n", SYSTEM, "--timeout=100s")

    def clear(self) -> None:
        """Delete the namespaces and the CRDs, and wait until they are gone."""
        self.kubectl("delete", "namespace", STORIES, SYSTEM, "--ignore-not-found", "--timeout=110s")
        self.kubectl("delete", "-f", PROJECT / "crds", "--ignore-not-found", "--timeout=60s")
