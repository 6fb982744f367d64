"""A real API server takes everything that the chart makes, and its roles suffice for a whole film."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from storyjob.local.process import Process, Program
from storyjob.local.s3 import Bucket
from support.controlplane import Cluster, run
from support.helm import PLACES, Helm
from support.kubelet import Kubelet
from support.place import Place
from support.release import NAME, RIGHTS, Release, as_list
from support.stage import Casting, Stage

Json = dict[str, Any]

OTHERS = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
"""Kinds that are not installed here."""


@pytest.fixture
def tenants(crds: Cluster) -> Iterator[None]:
    """The namespaces that the places' values name."""
    for name in ("story", "trailers"):
        crds.kubectl("create", "namespace", name)
    # A dry run makes no account, and without its account a pod is refused.
    crds.kubectl("create", "serviceaccount", f"{NAME}-test", "-n", "story")
    yield
    for name in ("story", "trailers"):
        crds.delete_namespace(name)


@pytest.mark.usefixtures("tenants")
def test_the_api_server_takes_all_of_it(crds: Cluster, helm: Helm) -> None:
    for values in sorted(PLACES.glob("*.yaml")):
        taken = [item for item in helm.template(values=values) if item["kind"] not in OTHERS]
        said = crds.kubectl(
            "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", stdin=as_list(taken)
        )
        assert len(said.splitlines()) == len(taken)


@pytest.mark.parametrize("placement", ["Sidecar", "Deployment"])
def test_no_pod_offends_the_restricted_standard(crds: Cluster, helm: Helm, namespace: str, placement: str) -> None:
    labels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    crds.kubectl("label", "namespace", namespace, *labels)
    release = Release.render(
        helm, crds, namespace, "--set=simulator.enabled=true", f"--set=webhook.placement={placement}"
    )
    pods = [a_pod(item) for item in release.manifests if item["kind"] in ("Deployment", "Job", "Pod")]
    release.apply({"ServiceAccount"})

    assert len(pods) >= 4
    for pod in pods:
        # Refused with 403 where it offends.
        crds.kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", stdin=json.dumps(pod))


def a_pod(item: Json) -> Json:
    """Return the pod that a manifest makes."""
    if item["kind"] == "Pod":
        return item
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": item["metadata"]["name"]}} | {
        "spec": item["spec"]["template"]["spec"]
    }


def test_its_roles_suffice_for_a_film(crds: Cluster, s3: Bucket, helm: Helm, namespace: str, tmp_path: Path) -> None:
    release = Release.render(helm, crds, namespace, f"--set=watchNamespaces={{{namespace}}},rbac.aggregate=false")
    release.apply(RIGHTS)
    casting = Casting(
        settings={"STORYJOB_LEASE_NAME": NAME},
        kubeconfigs={
            "operator": release.kubeconfig(NAME, tmp_path),
            "webhook": release.kubeconfig(f"{NAME}-webhook", tmp_path),
        },
    )
    stage = Stage(crds, s3, [namespace], tmp_path, casting)
    try:
        stage.open()
        place = Place(stage, namespace)
        place.providers("pictures", "voice", completion="Webhook")
        name = place.make(place.scene("forest", "image", "audio"))
        story = place.completed(name)
        counted = metrics(stage)
        place.delete(name)
    finally:
        stage.close()

    assert story["status"]["outputs"]["film"]["uri"].endswith(".mp4")
    assert 'storyjob_submissions_total{outcome="accepted",step="image",type="replicate"} 1.0' in counted
    assert 'storyjob_observations_total{phase="Succeeded",step="image",type="replicate"} 1.0' in counted
    assert "storyjob_store_seconds_count 2.0" in counted
    assert 'storyjob_stored_bytes_total{step="audio"}' in counted
    assert "403" not in stage.operator.tail(1000)
    assert stage.webhook is not None
    assert "403" not in stage.webhook.tail(1000)


def test_its_roles_suffice_for_a_film_by_a_job(
    crds: Cluster, s3: Bucket, helm: Helm, namespace: str, tmp_path: Path
) -> None:
    crds.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    flags = f"--set=watchNamespaces={{{namespace}}},rbac.aggregate=false,film.runner=Job,s3.existingSecret.name=bucket"
    release = Release.render(
        helm, crds, namespace, flags, f"--set=s3.endpoint={s3.endpoint},s3.region={s3.region},s3.bucket={s3.name}"
    )
    release.apply(RIGHTS)
    variables = operators_variables(release)
    settings = {name: value for name, value in variables.items() if name.startswith("STORYJOB_FILM_")}
    casting = Casting(
        settings=settings | {"STORYJOB_LEASE_NAME": NAME, "FFMPEG": "/bin/false"},
        kubeconfigs={"operator": release.kubeconfig(NAME, tmp_path)},
        webhook=False,
    )
    stage = Stage(crds, s3, [namespace], tmp_path, casting)
    kubelet = Kubelet(stage.api, namespace)
    try:
        stage.open()
        place = Place(stage, namespace)
        keys = {"access-key-id": s3.access_key_id, "secret-access-key": s3.secret_access_key}
        place.secret("bucket", keys)
        place.providers("pictures", completion="Poll")
        name = place.make(place.scene("forest"))
        kubelet.end(kubelet.pending(name), 3, "the first try is told of")
        with kubelet.at_work():
            place.completed(name)
        assert len(kubelet.jobs(name)) == 2
        place.delete(name)
        assert kubelet.jobs(name) == []
        assert "the first try is told of" in [event["note"] for event in place.events(name)]
        assert "403" not in stage.operator.tail(1000)
    finally:
        stage.close()


def operators_variables(release: Release) -> dict[str, str]:
    """Return the plain variables of the operator's container."""
    deployment = next(item for item in release.manifests if item["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def metrics(stage: Stage) -> str:
    """Return what Prometheus would see of the operator."""
    port = stage.operator.program.environment["STORYJOB_METRICS_PORT"]
    return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text


def without(verb: str, resource: str) -> Any:
    """Return a change of roles that takes one right away."""

    def change(item: Json) -> None:
        for rule in item.get("rules", ()):
            if resource in rule["resources"]:
                rule["verbs"] = [each for each in rule["verbs"] if each != verb] or ["get"]

    return change


@pytest.mark.parametrize(
    ("account", "verb", "resource"),
    [
        pytest.param("operator", "patch", "scenes/status", id="the operator may not write down what it bought"),
        pytest.param("operator", "create", "events", id="the operator may not tell"),
        pytest.param("webhook", "watch", "scenes", id="the webhook may not see"),
    ],
)
def test_a_right_that_is_missing_is_named(
    crds: Cluster, s3: Bucket, helm: Helm, namespace: str, tmp_path: Path, account: str, verb: str, resource: str
) -> None:
    release = Release.render(helm, crds, namespace, f"--set=watchNamespaces={{{namespace}}},rbac.aggregate=false")
    release.apply(RIGHTS, without(verb, resource))
    user = NAME if account == "operator" else f"{NAME}-webhook"
    stage = Stage(crds, s3, [namespace], tmp_path, Casting(kubeconfigs={account: release.kubeconfig(user, tmp_path)}))
    process = stage.operator if account == "operator" else stage.webhook
    assert process is not None

    said = words(process, "Apply the chart's roles")

    assert f"RBAC does not allow the {'operator' if account == 'operator' else 'sidecar'}'s service account" in said
    assert f"{verb} {resource}" in said


def words(process: Process, wanted: str) -> str:
    """Start a process and return its log once it says ``wanted``."""

    async def says() -> bool:
        return wanted in process.tail(100)

    watched = Process(
        Program(process.name, process.program.command, process.program.log, says, process.program.environment)
    )
    run(watched.start())
    try:
        return watched.tail(100)
    finally:
        run(watched.stop(5.0))
