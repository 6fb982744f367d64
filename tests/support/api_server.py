"""A blocking client of the API server for tests: plain JSON in, plain JSON out, and its own metrics."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from support.controlplane import Cluster

Json = dict[str, Any]

GROUP = "/apis/storyjob.dev/v1alpha1"
OTHERS = {
    "secrets": "/api/v1",
    "events": "/apis/events.k8s.io/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "jobs": "/apis/batch/v1",
    "pods": "/api/v1",
}
WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE"})
_SAMPLE = re.compile(r"^apiserver_request_total\{(?P<labels>.*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_WATCH_SECONDS = 5.0  # of one watch request; the caller's own deadline is looked at in between


def path_of(kind: str, namespace: str, name: str = "") -> str:
    """Return the URL path of our kinds by plural, and of those in ``OTHERS``."""
    base = OTHERS.get(kind, GROUP)
    return "/".join(part for part in (base, "namespaces", namespace, kind, name) if part)


@dataclass(frozen=True)
class ApiServer:
    """The API server, with the rights of an administrator."""

    http: httpx.Client = field(repr=False)

    @classmethod
    def of(cls, cluster: Cluster) -> ApiServer:
        """Return a client of a running cluster."""
        context = ssl.create_default_context(cafile=str(cluster.authority))
        headers = {"Authorization": f"Bearer {cluster.token}"}
        timeout = httpx.Timeout(30.0, read=_WATCH_SECONDS + 30)
        return cls(
            httpx.Client(base_url=cluster.url, headers=headers, verify=context, trust_env=False, timeout=timeout)
        )

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        """Return one object, None when there is none."""
        answer = self.http.get(path_of(kind, namespace, name))
        return None if answer.status_code == 404 else _checked(answer)

    def list(self, kind: str, namespace: str) -> list[Json]:
        """Return all objects of a kind in a namespace."""
        items: list[Json] = _checked(self.http.get(path_of(kind, namespace)))["items"]
        return items

    def apply(self, kind: str, namespace: str, body: Json) -> Json:
        """Do what ``kubectl apply --server-side`` does."""
        path = path_of(kind, namespace, body["metadata"]["name"])
        headers = {"Content-Type": "application/apply-patch+yaml"}
        query = {"fieldManager": "test", "force": "true"}
        return _checked(self.http.patch(path, params=query, headers=headers, content=json.dumps(body)))

    def merge(self, kind: str, namespace: str, name: str, body: Json, *, subresource: str = "") -> Json:
        """Patch by RFC 7386."""
        path = path_of(kind, namespace, name) + (f"/{subresource}" if subresource else "")
        headers = {"Content-Type": "application/merge-patch+json"}
        return _checked(self.http.patch(path, headers=headers, content=json.dumps(body)))

    def delete(self, kind: str, namespace: str, name: str, *, missing_ok: bool = False) -> None:
        """Ask for the deletion of one object."""
        answer = self.http.delete(path_of(kind, namespace, name))
        if not (missing_ok and answer.status_code == 404):
            _checked(answer)

    def watch(self, kind: str, namespace: str, name: str, *, seconds: float) -> Iterator[Json | None]:
        """Yield every state of one object from now on, None while there is none, until the time is over."""
        end = time.monotonic() + seconds
        selector = {"fieldSelector": f"metadata.name={name}"}
        found = _checked(self.http.get(path_of(kind, namespace), params=selector))
        version = found["metadata"]["resourceVersion"]
        yield found["items"][0] if found["items"] else None
        while (left := end - time.monotonic()) > 0:
            query = selector | {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(_pause(left))}
            with self.http.stream("GET", path_of(kind, namespace), params=query) as answer:
                for line in answer.iter_lines():
                    event = json.loads(line)
                    version = event["object"]["metadata"]["resourceVersion"]
                    yield None if event["type"] == "DELETED" else event["object"]

    def writes(self, *, refused: bool = False) -> Counter[tuple[str, str, str]]:
        """Return how many writes to one object it has done since its start, by (resource, subresource, verb).

        With ``refused`` those count too that it answered with an error. A namespace on its way out is swept of whole
        collections, a few times over and at any time; those deletions are the cluster's own and are not counted.
        """
        text = self.http.get("/metrics").text
        count: Counter[tuple[str, str, str]] = Counter()
        for sample in _SAMPLE.finditer(text):
            labels = dict(_LABEL.findall(sample["labels"]))
            done = labels["code"].startswith("2") or refused
            one = labels["scope"] == "resource"
            if labels["verb"] in WRITES and one and done and labels["dry_run"] == "":
                count[labels["resource"], labels["subresource"], labels["verb"]] += int(float(sample["value"]))
        return count


def _pause(left: float) -> int:
    return max(1, round(min(left, _WATCH_SECONDS)))


def _checked(answer: httpx.Response) -> Json:
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
    body: Json = answer.json()
    return body
