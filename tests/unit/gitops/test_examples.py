"""examples/gitops fits together: fields that the tools know, and names and folders that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from support.controlplane import PROJECT
from support.gitops import FOLDER, Json, chart_values, documents, find, manifests

FIELDS = {
    "v1/Namespace": set[str](),
    "storyjob.dev/v1alpha1/StoryJob": {"title", "defaults", "scenes"},
    "storyjob.dev/v1alpha1/MediaProvider": {"type", "credentials", "limits", "prices"},
    "source.toolkit.fluxcd.io/v1/GitRepository": {"interval", "url", "ref"},
    "source.toolkit.fluxcd.io/v1/OCIRepository": {"interval", "url", "layerSelector", "ref"},
    "kustomize.toolkit.fluxcd.io/v1/Kustomization": {
        *("dependsOn", "interval", "timeout", "wait", "prune", "path", "sourceRef", "healthChecks")
    },
    "helm.toolkit.fluxcd.io/v2/HelmRelease": {
        *("interval", "timeout", "releaseName", "chartRef", "install", "upgrade", "values")
    },
    "argoproj.io/v1alpha1/Application": {"project", "source", "destination", "syncPolicy"},
}
"""The fields that are used, of each kind as its tool's own CRD has it: Flux 2.7, Argo CD 3."""
CLUSTER = [each for each in manifests() if not each["apiVersion"].startswith("kustomize.config.k8s.io/")]
BUILDS = [file for file in sorted(FOLDER.rglob("kustomization.yaml")) if "resources" in file.read_text("utf-8")]


def of_kind(kind: str) -> list[Json]:
    """Return the manifests of a kind; kustomize's own files are none."""
    return [each for each in CLUSTER if each["kind"] == kind]


@pytest.mark.parametrize("item", CLUSTER, ids=lambda item: f"{item['kind']} {item['metadata']['name']}")
def test_kinds_and_fields_are_the_tools_own(item: Json) -> None:
    known = FIELDS[f"{item['apiVersion']}/{item['kind']}"]

    assert item.get("spec", {}).keys() <= known
    assert item["metadata"].keys() <= {"name", "namespace", "labels"}


def test_both_tools_are_shown_whole() -> None:
    kinds = {part: {each["kind"] for each in manifests(part)} for part in ("flux", "argocd", "stories")}

    assert {"GitRepository", "OCIRepository", "HelmRelease", "Kustomization"} <= kinds["flux"]
    assert kinds["argocd"] == {"Application"}
    assert {"StoryJob", "MediaProvider"} <= kinds["stories"]
    assert "Secret" not in set.union(*kinds.values()), "keys stay out of git"


def test_what_flux_refers_to_is_there() -> None:
    for each in of_kind("Kustomization"):
        spec, names = each["spec"], {other["metadata"]["name"] for other in of_kind("Kustomization")}
        assert (FOLDER / spec["path"] / "kustomization.yaml").is_file()
        assert find(spec["sourceRef"]["kind"], spec["sourceRef"]["name"])["metadata"]["namespace"] == "flux-system"
        assert {one["name"] for one in spec.get("dependsOn", ())} <= names
        for check in spec.get("healthChecks", ()):
            found = find(check["kind"], check["name"])
            assert (found["apiVersion"], found["metadata"]["namespace"]) == (check["apiVersion"], check["namespace"])
    release = find("HelmRelease", "storyjob")
    chart = find(release["spec"]["chartRef"]["kind"], release["spec"]["chartRef"]["name"])
    assert chart["metadata"]["namespace"] == release["metadata"]["namespace"]


def test_flux_waits_for_the_operator_and_then_for_films() -> None:
    operator, stories = find("Kustomization", "storyjob")["spec"], find("Kustomization", "stories")["spec"]

    assert [check["kind"] for check in operator["healthChecks"]] == ["HelmRelease"]
    assert stories["dependsOn"] == [{"name": "storyjob"}]
    assert (stories["wait"], stories["timeout"]) == (True, "2h")


@pytest.mark.parametrize("application", ["storyjob", "stories"])
def test_argo_cd_applies_server_side(application: str) -> None:
    spec = find("Application", application)["spec"]

    assert "ServerSideApply=true" in spec["syncPolicy"]["syncOptions"]
    assert "chart" in spec["source"] or (FOLDER / spec["source"]["path"]).is_dir()


@pytest.mark.parametrize("file", BUILDS, ids=lambda file: file.parent.name)
def test_a_kustomization_takes_every_file_beside_it(file: Path) -> None:
    (wanted,) = documents(file)

    assert set(wanted["resources"]) == {each.name for each in file.parent.glob("*.yaml")} - {file.name}


def test_both_install_the_same_release_of_this_chart() -> None:
    chart = yaml.safe_load((PROJECT / "charts/storyjob/Chart.yaml").read_text(encoding="utf-8"))
    flux, argo = find("OCIRepository", "storyjob")["spec"], find("Application", "storyjob")["spec"]["source"]

    assert flux["url"] == f"oci://{argo['repoURL']}/{chart['name']}"
    assert argo["chart"] == chart["name"]
    for versions in (flux["ref"]["semver"], argo["targetRevision"]):
        assert re.fullmatch(re.escape(versions).replace("x", r"\d+").replace(r"\*", r"\d+"), chart["version"])
    assert chart_values()["flux"] == chart_values()["argocd"]


def test_the_secrets_that_somebody_must_make_are_named() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    provider = find("MediaProvider", "pictures")["spec"]["credentials"]["secretRef"]["name"]

    assert f"`{chart_values()['flux']['s3']['existingSecret']['name']}`" in page
    assert f"`{provider}`" in page


def test_no_story_in_git_deletes_itself() -> None:
    assert all("ttlSecondsAfterFinished" not in story["spec"] for story in of_kind("StoryJob"))
