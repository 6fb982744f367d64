"""The chart's roles allow what operator and sidecar ask for at their start, and nothing else."""

from __future__ import annotations

import pytest

from storyjob.reconcile.rights import needed as operators
from storyjob_webhook.access import needed as webhooks
from support.grants import Grant, asked, granted
from support.helm import Helm

OWN = "story"
MODES = pytest.mark.parametrize(
    "served", [pytest.param((), id="cluster"), pytest.param(("story", "trailers"), id="namespaced")]
)


def beyond(served: tuple[str, ...]) -> set[Grant]:
    """Return what the operator has although it does not ask: OpenShift demands it of whoever makes Scenes."""
    return {("update", "storyjob.dev", "storyjobs/finalizers", "", where) for where in served or ("",)}


def flags(served: tuple[str, ...]) -> list[str]:
    return [f"--set=watchNamespaces={{{','.join(served)}}}"] if served else []


@MODES
def test_the_operator_may_do_what_it_asks_for_and_no_more(helm: Helm, served: tuple[str, ...]) -> None:
    found = granted(helm.template(*flags(served)), "film-storyjob")

    assert found - beyond(served) == asked(operators(OWN, served or (None,), "film-storyjob"))


def test_film_jobs_take_more_rights_in_the_operators_own_namespace_and_none_elsewhere(helm: Helm) -> None:
    manifests = helm.template("--set=film.runner=Job")
    found, before = granted(manifests, "film-storyjob"), granted(helm.template(), "film-storyjob")

    assert found - beyond(()) == asked(operators(OWN, (None,), "film-storyjob", film_jobs=True))
    assert {grant[-1] for grant in found - before} == {OWN}
    assert granted(manifests, "film-storyjob-film") == set()


@MODES
@pytest.mark.parametrize("placement", ["Sidecar", "Deployment"])
def test_the_webhook_may_do_what_it_asks_for_and_no_more(helm: Helm, served: tuple[str, ...], placement: str) -> None:
    manifests = helm.template(*flags(served), f"--set=webhook.placement={placement}")

    assert granted(manifests, "film-storyjob-webhook") == asked(webhooks(OWN, served or (None,)))


def test_without_cluster_roles_there_is_none(helm: Helm) -> None:
    manifests = helm.template(*flags(("story",)), "--set=rbac.aggregate=false")

    assert [item["metadata"]["name"] for item in manifests if item["kind"].startswith("ClusterRole")] == []


def test_nobody_may_list_secrets_or_use_wildcards(helm: Helm) -> None:
    for item in helm.template("--set=simulator.enabled=true"):
        for rule in item.get("rules", ()) if "Role" in item["kind"] else ():
            assert "*" not in (*rule["verbs"], *rule["apiGroups"], *rule["resources"])
            if "secrets" in rule["resources"]:
                assert not {"list", "watch", "update", "deletecollection"} & set(rule["verbs"])
