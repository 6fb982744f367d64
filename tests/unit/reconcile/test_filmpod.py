"""The Job of a film: what is promised of its pod holds whatever the template says."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
from pydantic import ValidationError

from storyjob.api.settings import Settings
from storyjob.local.release import KUBERNETES
from storyjob.reconcile.filmpod import film_job
from support.builders import a_hash, metadata

Json = dict[str, Any]
FILM, REQUEST = a_hash("film"), a_hash("request")


def made(template: Json | None = None, **settings: Any) -> Json:
    pod = template or {"spec": {"containers": [{"name": "film", "image": "films"}]}}
    given = Settings(s3_bucket="films", namespace="system", film_runner="Job", film_pod=pod, **settings)
    return film_job(given, metadata("fox"), "film-fox-1", FILM, REQUEST)


def test_it_is_valid_and_says_what_to_make_and_for_whom() -> None:
    job = made(film_deadline_seconds=60, film_backoff_limit=1, film_ttl_seconds=5, lease_name="mine")
    pod = job["spec"]["template"]

    kubernetes_validate.validate(job, KUBERNETES.rpartition(".")[0], strict=True)
    assert (job["metadata"]["namespace"], job["metadata"]["name"]) == ("system", "film-fox-1")
    assert job["metadata"]["labels"] == {
        "storyjob.dev/films-of": "mine",
        "storyjob.dev/story": "fox",
        "storyjob.dev/story-namespace": "stories",
        "storyjob.dev/story-uid": "uid-fox",
    }
    assert pod["metadata"]["labels"] == job["metadata"]["labels"]
    assert pod["spec"]["containers"][0]["args"] == [
        "film",
        "--namespace=stories",
        f"--film={FILM}",
        f"--request={REQUEST}",
        "--message=/dev/termination-log",
    ]
    numbers = ("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "suspend")
    assert [job["spec"][name] for name in numbers] == [60, 1, 5, False]


def test_no_template_loosens_its_security() -> None:
    container = {"name": "film", "image": "films", "securityContext": {"privileged": True}, "args": ["other"]}
    template = {"spec": {"automountServiceAccountToken": True, "restartPolicy": "Always", "containers": [container]}}
    pod = made(template)["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_rest_of_the_template_is_kept_and_not_changed() -> None:
    template = {
        "metadata": {"labels": {"team": "film"}, "annotations": {"a": "b"}},
        "spec": {"nodeSelector": {"disk": "fast"}, "containers": [{"name": "film", "image": "f"}, {"name": "proxy"}]},
    }
    pod = made(template)["spec"]["template"]

    assert pod["metadata"]["labels"]["team"] == "film"
    assert pod["metadata"]["annotations"] == {"a": "b"}
    assert pod["spec"]["nodeSelector"] == {"disk": "fast"}
    assert [each["name"] for each in pod["spec"]["containers"]] == ["film", "proxy"]
    assert "args" not in template["spec"]["containers"][0]  # type: ignore[index]


def test_kueue_is_asked_before_it_runs() -> None:
    job = made(film_queue="films")

    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "films"
    assert job["spec"]["suspend"] is True
    assert "kueue.x-k8s.io/queue-name" not in job["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize("pod", [None, {}, {"spec": {}}, {"spec": {"containers": []}}, {"spec": {"containers": ["x"]}}])
def test_jobs_without_a_template_stop_the_operator_at_its_start(pod: Json | None) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(s3_bucket="films", film_runner="Job", film_pod=pod)

    assert [error["loc"] for error in refused.value.errors()] == [("film_pod",)]
    assert Settings(s3_bucket="films", film_pod=pod).film_runner == "InProcess"


def test_the_template_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYJOB_S3_BUCKET", "films")
    monkeypatch.setenv("STORYJOB_FILM_RUNNER", "Job")
    monkeypatch.setenv("STORYJOB_FILM_POD", '{"spec": {"containers": [{"name": "film"}]}}')

    assert Settings.model_validate({}).film_pod == {"spec": {"containers": [{"name": "film"}]}}
