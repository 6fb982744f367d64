"""Films are made by Jobs: the same films, whoever dies, whatever changes, and nothing is left at work unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from storyjob.local.s3 import Bucket
from support.controlplane import Cluster
from support.kstatus import condition
from support.kubelet import Kubelet
from support.place import Place
from support.simulator import eventually
from support.stage import Casting, Stage, on_stage

Json = dict[str, Any]


def film_pod(bucket: Bucket) -> Json:
    """Return a pod template as an administrator gives it."""
    variables = bucket.environment() | {"STORYJOB_WORK_DIR": "/work", "STORYJOB_RENDERS": "2"}
    container = {
        "name": "film",
        "image": "storyjob",
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "resources": {"limits": {"memory": "1Gi"}},
        "volumeMounts": [{"name": "work", "mountPath": "/work"}],
    }
    return {"spec": {"containers": [container], "volumes": [{"name": "work", "emptyDir": {"sizeLimit": "1Gi"}}]}}


@pytest.fixture(scope="module")
def films(crds: Cluster, s3: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose operator has no ffmpeg, and whose own namespace lets in only restricted pods."""
    settings = {
        "STORYJOB_FILM_RUNNER": "Job",
        "STORYJOB_FILM_POD": json.dumps(film_pod(s3)),
        "FFMPEG": "/bin/false",
    }
    with on_stage(crds, s3, tmp_path_factory.mktemp("films"), places=2, casting=Casting(settings=settings)) as stage:
        crds.kubectl("label", "namespace", stage.namespaces[0], "pod-security.kubernetes.io/enforce=restricted")
        yield stage


@pytest.fixture
def kubelet(films: Stage) -> Kubelet:
    return Kubelet(films.api, films.namespaces[0])


@pytest.fixture
def elsewhere(films: Stage) -> Place:
    """Stories of another namespace than the operator's."""
    found = Place(films, films.namespaces[1])
    found.providers("pictures", "voice", completion="Poll")
    return found


def make(place: Place, **spec: Any) -> str:
    return place.make(place.scene("hill", "image", "audio"), place.scene("lake"), title="The lake", **spec)


def message_until(place: Place, name: str, words: str) -> Json:
    """Return a story once its message holds some words."""
    return place.until(name, lambda found: words in found["status"].get("message", ""))[-1]


def test_a_job_makes_the_very_same_film(elsewhere: Place, place: Place, kubelet: Kubelet) -> None:
    here = Place(place.stage, place.namespace, tag=elsewhere.tag)
    here.providers("pictures", "voice", completion="Poll")
    expected = here.completed(make(here))["status"]["outputs"]

    with kubelet.at_work():
        made = elsewhere.completed(make(elsewhere))["status"]["outputs"]

    for file in ("film", "poster", "captions", "subtitles"):
        assert made[file]["sha256"] == expected[file]["sha256"], file
    assert made["film"]["durationSeconds"] == expected["film"]["durationSeconds"]
    manifest = json.loads(elsewhere.read(made["manifest"]["uri"]))
    assert manifest["scenes"][0]["facts"]["image"]["prompt"] == f"{elsewhere.tag} hill"


def test_the_story_says_where_its_film_is(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    pod = kubelet.pending(name)
    (job,) = kubelet.jobs(name)
    place = f"{job['metadata']['namespace']}/{job['metadata']['name']}"
    story = message_until(elsewhere, name, f"Film Job {place} is pending.")
    assert story["status"]["phase"] == "Finalizing"

    kubelet.begin(pod)
    message_until(elsewhere, name, f"Film Job {place} is running.")

    kubelet.run(pod)
    elsewhere.completed(name)
    spec = pod["spec"]
    assert "serviceAccount" not in json.dumps(spec["volumes"]), "it must not reach the API server"
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_killed_operator_finds_its_job_again(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    pod = kubelet.pending(name)
    elsewhere.stage.kill_operator()
    kubelet.run(pod)
    elsewhere.stage.start_operator()

    elsewhere.completed(name)
    assert len(kubelet.jobs(name)) == len(kubelet.pods(name)) == 1


def test_a_restart_while_a_job_waits_makes_no_other(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    pod = kubelet.pending(name)
    before = [job["metadata"]["uid"] for job in kubelet.jobs(name)]
    elsewhere.stage.stop_operator()
    elsewhere.stage.start_operator()
    kubelet.begin(pod)
    message_until(elsewhere, name, "is running.")

    assert [job["metadata"]["uid"] for job in kubelet.jobs(name)] == before
    kubelet.run(pod)
    elsewhere.completed(name)


def test_a_film_that_cannot_be_made_fails_as_it_does_in_process(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    for tries in (1, 2):
        kubelet.end(kubelet.pending(name), 3, 'scene "hill": it has no picture in it')
        eventually(lambda wanted=tries: len(kubelet.jobs(name)) >= wanted)
    story = elsewhere.ended(name)

    assert condition(story, "Failed")["reason"] == "FilmFailed"
    assert 'scene "hill": it has no picture in it' in story["status"]["message"]
    told = [each for each in elsewhere.events(name) if each["reason"] == "FilmFailed"]
    assert 'scene "hill": it has no picture in it' in {each["note"] for each in told}
    assert len(kubelet.jobs(name)) == 2, "retry.limit of the story is 1"

    elsewhere.retry(name)
    kubelet.run(kubelet.pending(name))
    elsewhere.completed(name)


def test_a_job_that_takes_too_long_says_so(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    kubelet.pending(name)
    (job,) = kubelet.jobs(name)
    impatient = {"spec": {"activeDeadlineSeconds": 1}}
    elsewhere.stage.api.merge("jobs", kubelet.namespace, job["metadata"]["name"], impatient)

    message_until(elsewhere, name, "(DeadlineExceeded): raise film.job.deadlineSeconds")
    kubelet.run(eventually(lambda: next((p for p in kubelet.pods(name) if of_another(p, job)), None)))
    elsewhere.completed(name)


def of_another(pod: Json, job: Json) -> bool:
    """Tell whether a pod belongs to another Job."""
    return bool(pod["metadata"]["ownerReferences"][0]["uid"] != job["metadata"]["uid"])


def test_a_pod_that_breaks_is_made_again_by_its_job(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    broken = kubelet.pending(name)
    kubelet.end(broken, 137, reason="OOMKilled")
    kubelet.run(kubelet.pending(name))

    story = elsewhere.completed(name)
    assert len(kubelet.jobs(name)) == 1
    assert story["status"].get("filmFailures", 0) == 0


def test_a_job_deleted_by_hand_is_made_again(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    kubelet.pending(name)
    (job,) = kubelet.jobs(name)
    elsewhere.stage.cluster.kubectl("delete", "job", job["metadata"]["name"], "-n", kubelet.namespace)
    kubelet.run(eventually(lambda: next((p for p in kubelet.pods(name) if of_another(p, job)), None)))

    elsewhere.completed(name)
    assert [each["metadata"]["name"] for each in kubelet.jobs(name)] == [job["metadata"]["name"]]


def test_a_suspended_story_lets_nothing_work(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    kubelet.begin(kubelet.pending(name))
    api = elsewhere.stage.api
    api.merge("storyjobs", elsewhere.namespace, name, {"spec": {"suspend": True}})

    eventually(lambda: not kubelet.jobs(name) and not kubelet.pods(name))
    elsewhere.until(name, lambda found: found["status"]["phase"] == "Suspended")

    api.merge("storyjobs", elsewhere.namespace, name, {"spec": {"suspend": False}})
    kubelet.run(kubelet.pending(name))
    elsewhere.completed(name)


def test_a_deleted_story_takes_its_jobs_along(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    kubelet.begin(kubelet.pending(name))

    elsewhere.delete(name)

    assert kubelet.jobs(name) == []
    eventually(lambda: not kubelet.pods(name))


def test_a_job_whose_story_went_while_nobody_looked_ends(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    kubelet.begin(kubelet.pending(name))
    elsewhere.stage.kill_operator()
    api = elsewhere.stage.api
    api.merge("storyjobs", elsewhere.namespace, name, {"metadata": {"finalizers": []}})
    api.delete("storyjobs", elsewhere.namespace, name)
    elsewhere.stage.start_operator()

    eventually(lambda: not kubelet.jobs(name) and not kubelet.pods(name))


def test_an_edit_ends_the_job_of_the_old_film(elsewhere: Place, kubelet: Kubelet) -> None:
    name = make(elsewhere)
    kubelet.begin(kubelet.pending(name))
    (old,) = kubelet.jobs(name)
    elsewhere.stage.api.merge("storyjobs", elsewhere.namespace, name, {"spec": {"title": "The sea"}})
    kubelet.run(eventually(lambda: next((p for p in kubelet.pods(name) if of_another(p, old)), None)))

    story = elsewhere.completed(name)
    assert old["metadata"]["name"] not in [job["metadata"]["name"] for job in kubelet.jobs(name)]
    assert json.loads(elsewhere.read(story["status"]["outputs"]["manifest"]["uri"]))["title"] == "The sea"


def test_a_film_that_is_there_needs_no_job(elsewhere: Place, kubelet: Kubelet) -> None:
    with kubelet.at_work():
        before = elsewhere.completed(make(elsewhere))
    elsewhere.delete(before["metadata"]["name"])
    again = elsewhere.completed(make(elsewhere))

    assert again["status"]["outputs"]["film"] == before["status"]["outputs"]["film"]
    assert kubelet.jobs(before["metadata"]["name"]) == []


def test_a_job_that_the_cluster_refuses_fails_no_story(elsewhere: Place, kubelet: Kubelet, films: Stage) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}
    quota["spec"] = {"hard": {"count/jobs.batch": "0"}}
    films.cluster.kubectl("apply", "-n", kubelet.namespace, "-f", "-", stdin=json.dumps(quota))
    try:
        name = make(elsewhere)
        story = message_until(elsewhere, name, "cannot be had")
        assert "exceeded quota" in story["status"]["message"]
        assert story["status"]["phase"] == "Finalizing"
    finally:
        films.cluster.kubectl("delete", "resourcequota", "none", "-n", kubelet.namespace)
    with kubelet.at_work():
        elsewhere.completed(name)
