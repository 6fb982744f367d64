"""What the chart renders is valid, strictly restricted, and what the values say, for six kinds of places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from storyjob.api.settings import Settings
from storyjob.local.release import KUBERNETES
from storyjob.reconcile.filmpod import film_job
from support.builders import a_hash, metadata
from support.controlplane import PROJECT
from support.helm import CHART, PLACES, Helm, HelmError

Json = dict[str, Any]

VALUES = sorted(PLACES.glob("*.yaml"))
NOT_KUBERNETES = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
"""Kinds that others bring; there is no schema of them here."""

places = pytest.mark.parametrize("values", VALUES, ids=[path.stem.removesuffix("-values") for path in VALUES])


def pods(manifests: list[Json]) -> Iterator[Json]:
    """Yield the spec of every pod that manifests make."""
    for item in manifests:
        if item["kind"] == "Pod":
            yield item["spec"]
        elif "template" in item.get("spec", {}):
            yield item["spec"]["template"]["spec"]


def find(manifests: list[Json], kind: str, name: str = "film-storyjob") -> Json:
    """Return one manifest."""
    return next(item for item in manifests if (item["kind"], item["metadata"]["name"]) == (kind, name))


def environment(
    manifests: list[Json], container: str = "operator", deployment: str = "film-storyjob"
) -> dict[str, Any]:
    """Return a container's variables."""
    found = find(manifests, "Deployment", deployment)["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value") for one in found if one["name"] == container for each in one["env"]}


def test_there_are_six_places() -> None:
    assert len(VALUES) >= 6


@places
def test_everything_is_valid_kubernetes(helm: Helm, values: Path) -> None:
    for item in helm.template(values=values):
        if item["kind"] not in NOT_KUBERNETES:
            kubernetes_validate.validate(item, KUBERNETES.rpartition(".")[0], strict=True)


@places
def test_lint_finds_nothing(helm: Helm, values: Path) -> None:
    assert "0 chart(s) failed" in helm("lint", CHART, "--strict", "--values", values)


@places
def test_names_are_unique_and_labels_are_there(helm: Helm, values: Path) -> None:
    manifests = helm.template(values=values)
    names = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in manifests]

    assert len(names) == len(set(names))
    for item in manifests:
        assert {"app.kubernetes.io/name", "app.kubernetes.io/instance", "helm.sh/chart"} <= item["metadata"][
            "labels"
        ].keys()


@places
def test_every_pod_obeys_the_restricted_standard(helm: Helm, values: Path) -> None:
    for pod in pods(helm.template(values=values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= container["resources"].keys()


@places
def test_no_container_that_faces_the_internet_has_the_operators_token(helm: Helm, values: Path) -> None:
    for item in helm.template(values=values):
        if item["kind"] != "Deployment":
            continue
        pod = item["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
            assert ("operator-token" in mounted) == (container["name"] == "operator")


@places
def test_only_the_callbacks_are_published(helm: Helm, values: Path) -> None:
    for item in helm.template(values=values):
        if item["kind"] == "Ingress":
            paths = [path for rule in item["spec"]["rules"] for path in rule["http"]["paths"]]
            assert [path["path"] for path in paths] == ["/api/webhooks/job/"]
            assert paths[0]["backend"]["service"]["name"].endswith("-callbacks")
        if item["kind"] == "HTTPRoute":
            assert [match["path"]["value"] for match in item["spec"]["rules"][0]["matches"]] == ["/api/webhooks/job/"]
        if item["kind"] == "Service" and item["spec"].get("type", "ClusterIP") != "ClusterIP":
            assert item["metadata"]["name"].endswith("-callbacks")


def test_the_crds_are_those_of_the_repository_with_our_labels(helm: Helm) -> None:
    kept = {item["metadata"]["name"]: item for item in helm.template() if item["kind"] == "CustomResourceDefinition"}
    originals = [yaml.safe_load(path.read_text("utf-8")) for path in sorted((PROJECT / "crds").glob("*.yaml"))]

    assert len(originals) == len(kept) == 3
    for original in originals:
        item = kept[original["metadata"]["name"]]
        assert item["spec"] == original["spec"]
        assert item["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize(("flag", "annotations"), [("crds.keep=false", None), ("crds.install=false", "none")])
def test_crds_can_go_with_the_release_or_be_left_out(helm: Helm, flag: str, annotations: str | None) -> None:
    found = [item for item in helm.template(f"--set={flag}") if item["kind"] == "CustomResourceDefinition"]

    assert [item["metadata"].get("annotations") for item in found] == ([] if annotations else [None] * 3)


def test_settings_become_variables_without_exponents(helm: Helm) -> None:
    found = environment(helm.template(values=PLACES / "everything-values.yaml"))

    assert found["STORYJOB_MAX_VIDEO_BYTES"] == "3000000000"
    assert found["STORYJOB_SHUTDOWN_GRACE_SECONDS"] == "60"
    assert found["STORYJOB_ALLOWED_HOSTS"] == "comfy.media.svc:8188,film-storyjob-simulator.story.svc:8600"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param((), None, id="without a way in vendors are polled"),
        pytest.param(("--set=callbackUrl=https://a.example/",), "https://a.example", id="given"),
        pytest.param(("--set=ingress.enabled=true,ingress.host=b.example",), "https://b.example", id="of the Ingress"),
        pytest.param(
            ("--set=simulator.enabled=true",), "http://film-storyjob-callbacks.story.svc:8080", id="of the simulator"
        ),
        pytest.param(
            ("--set=webhook.enabled=false,callbackUrl=https://a.example",), None, id="nobody would take callbacks"
        ),
    ],
)
def test_the_callback_url(helm: Helm, arguments: tuple[str, ...], expected: str | None) -> None:
    assert environment(helm.template(*arguments)).get("STORYJOB_CALLBACK_URL") == expected


def test_the_webhook_never_gets_keys_of_the_bucket(helm: Helm) -> None:
    for placement, deployment in (("Sidecar", "film-storyjob"), ("Deployment", "film-storyjob-webhook")):
        flags = f"--set=webhook.placement={placement},s3.existingSecret.name=keys"
        found = environment(helm.template(flags), "webhook", deployment)
        assert "STORYJOB_S3_BUCKET" in found
        assert not {name for name in found if "KEY" in name or "CALLBACK" in name}


def film_job_of(manifests: list[Json]) -> Json:
    """Return the Job that the operator makes of what the chart tells it, as far as plain values go."""
    told = {name: value for name, value in environment(manifests).items() if name.startswith("STORYJOB_FILM_")}
    # What Kubernetes makes of it, which knows no variable PROXY.
    told["STORYJOB_FILM_POD"] = told["STORYJOB_FILM_POD"].replace("$$(", "$(")
    values = {name.removeprefix("STORYJOB_").lower(): value for name, value in told.items()}
    values["film_pod"] = json.loads(values["film_pod"])
    settings = Settings(s3_bucket="films", namespace="story", lease_name="film-storyjob", **values)
    return film_job(settings, metadata("fox"), "film-fox-0", a_hash("film"), a_hash("request"))


def test_film_jobs_are_as_the_values_say(helm: Helm) -> None:
    job = film_job_of(helm.template(values=PLACES / "everything-values.yaml"))
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    variables = {each["name"]: each for each in container["env"]}

    kubernetes_validate.validate(job, KUBERNETES.rpartition(".")[0], strict=True)
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "films"
    assert (pod["priorityClassName"], pod["nodeSelector"]) == ("batch", {"pool": "batch"})
    assert pod["tolerations"] == [{"key": "media", "operator": "Exists"}], "like the operator's"
    assert pod["serviceAccountName"] == "film-storyjob-film"
    assert pod["volumes"][0]["ephemeral"]["volumeClaimTemplate"]["spec"]["storageClassName"] == "fast"
    assert container["image"].startswith("ghcr.io/storyjob/storyjob-operator@sha256:")
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    assert variables["HTTPS_PROXY"]["value"] == "http://$(PROXY):3128"
    assert variables["STORYJOB_RENDERS"]["value"] == "2"
    assert variables["STORYJOB_S3_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"]["name"] == "minio"


def test_a_film_pod_knows_the_bucket_and_nothing_else(helm: Helm) -> None:
    job = film_job_of(helm.template("--set=film.runner=Job,callbackUrl=https://a.example,allowedHosts={a:1}"))
    pod = job["spec"]["template"]["spec"]

    assert pod["volumes"] == [{"name": "work", "emptyDir": {"sizeLimit": "10Gi"}}]
    named = {each["name"] for each in pod["containers"][0]["env"]}
    assert not named & {"STORYJOB_CALLBACK_URL", "STORYJOB_ALLOWED_HOSTS", "STORYJOB_FILM_POD"}
    assert {"app.kubernetes.io/instance", "app.kubernetes.io/component"}.isdisjoint(job["metadata"]["labels"])


def test_without_film_jobs_nothing_is_made_for_them(helm: Helm) -> None:
    manifests = helm.template("--set=networkPolicy.enabled=true")

    assert [item["kind"] for item in manifests if item["metadata"]["name"] == "film-storyjob-film"] == []
    assert not [name for name in environment(manifests) if name.startswith("STORYJOB_FILM_")]


def test_the_network_policy_of_films_meets_their_pods(helm: Helm) -> None:
    manifests = helm.template("--set=film.runner=Job,networkPolicy.enabled=true,s3.endpoint=http://minio.svc:9000")
    policy = find(manifests, "NetworkPolicy", "film-storyjob-film")["spec"]
    labels = film_job_of(manifests)["spec"]["template"]["metadata"]["labels"]

    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    ports = [port["port"] for rule in policy["egress"] for port in rule["ports"]]
    assert sorted(set(ports)) == [53, 9000]


def test_the_operator_alone_is_told_of_the_collector(helm: Helm) -> None:
    manifests = helm.template(values=PLACES / "everything-values.yaml")
    operator, webhook = environment(manifests), environment(manifests, "webhook")

    assert operator["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector.observability.svc:4318"
    assert (operator["OTEL_TRACES_SAMPLER"], operator["OTEL_TRACES_SAMPLER_ARG"]) == ("parentbased_traceidratio", "0.1")
    assert "OTEL_EXPORTER_OTLP_HEADERS" in operator
    assert not {name for name in webhook if name.startswith("OTEL_")}
    assert not {name for name in environment(helm.template()) if name.startswith("OTEL_")}


def test_the_collector_and_the_bucket_may_be_reached(helm: Helm) -> None:
    policy = find(helm.template(values=PLACES / "everything-values.yaml"), "NetworkPolicy")
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", ())]

    assert {9000, 4318} <= set(ports)


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("film.runner=Pod", "runner"),
        ("s3.bucket=", "name the bucket"),
        ("settings.shutdownGraceSeconds=150", "purchases under way are cut off"),
        ("ingres.enabled=true", "ingres"),
        ("uninstall.policy=Maybe", "policy"),
        ("settings.renders=none", "renders"),
        ("tracing.endpoint=collector:4318", "endpoint"),
        ("serviceAccount.create=false", "name the operator's account"),
        ("ingress.enabled=true", "ingress.host"),
    ],
)
def test_wrong_values_are_refused_with_their_name(helm: Helm, flag: str, words: str) -> None:
    with pytest.raises(HelmError, match=words):
        helm.template(f"--set={flag}")
