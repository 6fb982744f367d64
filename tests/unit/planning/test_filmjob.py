"""What follows from the state of a film's Job."""

from __future__ import annotations

from typing import Any

import pytest

from storyjob.planning.filmjob import Turn, job_name, label_of, next_turn, read_job, superfluous, why_failed

Json = dict[str, Any]
HELD = {"status": "True"}
COMPLETE = [{"type": "SuccessCriteriaMet"} | HELD, {"type": "Complete"} | HELD]
FAILED = [{"type": "FailureTarget"} | HELD, {"type": "Failed", "reason": "BackoffLimitExceeded", "message": "m"} | HELD]


def a_job(
    name: str = "film-fox", *, suspend: bool = False, terminating: bool = False, conditions: Any = (), **status: Any
) -> Json:
    labels = {"storyjob.dev/story-uid": "u", "storyjob.dev/story": "fox", "storyjob.dev/story-namespace": "tales"}
    meta: Json = {"name": name, "uid": f"uid-{name}", "resourceVersion": "7", "labels": labels}
    if terminating:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": meta, "spec": {"suspend": suspend}, "status": status | {"conditions": list(conditions)}}


@pytest.mark.parametrize(
    ("body", "turn", "standing"),
    [
        pytest.param(None, Turn.MAKE, None, id="there is none"),
        pytest.param(a_job(), Turn.WAIT, "is pending", id="it has no pod yet"),
        pytest.param(a_job(active=1), Turn.WAIT, "is pending", id="its pod waits for a node"),
        pytest.param(a_job(active=1, ready=1), Turn.WAIT, "is running", id="its pod runs"),
        pytest.param(
            a_job(suspend=True), Turn.WAIT, "is suspended and waits for its turn", id="Kueue has not admitted it"
        ),
        pytest.param(a_job(active=1, terminating=True), Turn.WAIT, "is being deleted", id="somebody deletes it"),
        pytest.param(a_job(conditions=COMPLETE[:1]), Turn.WAIT, "is pending", id="its pod is about to end well"),
        pytest.param(a_job(conditions=FAILED[:1]), Turn.WAIT, "is pending", id="its pods are still being ended"),
        pytest.param(a_job(conditions=COMPLETE), Turn.COLLECT, None, id="it is complete"),
        pytest.param(a_job(conditions=FAILED), Turn.EXPLAIN, None, id="it failed for good"),
        pytest.param(
            a_job(conditions=FAILED, terminating=True), Turn.WAIT, "is being deleted", id="failed and on its way out"
        ),
        pytest.param(
            a_job(conditions=[{"type": "Failed", "status": "False"}]), Turn.WAIT, "is pending", id="it did not fail"
        ),
    ],
)
def test_the_next_turn(body: Json | None, turn: Turn, standing: str | None) -> None:
    job = read_job(body) if body else None

    assert next_turn(job) is turn
    if job is not None and standing is not None:
        assert job.standing == standing


def test_a_job_says_whose_it_is_and_why_it_failed() -> None:
    job = read_job(a_job(conditions=FAILED))

    assert (job.story_uid, job.story, job.version) == ("u", ("tales", "fox"), 7)
    assert job.failure == ("BackoffLimitExceeded", "m")


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        pytest.param("film-new", ["film-old"], id="what works at an old film ends"),
        pytest.param(None, ["film-old", "film-new"], id="when nothing is wanted all work ends"),
    ],
)
def test_ended_jobs_stay_to_be_looked_at(wanted: str | None, left: list[str]) -> None:
    jobs = [
        a_job("film-old", active=1),
        a_job("film-new"),
        a_job("film-done", conditions=COMPLETE),
        a_job("film-failed", conditions=FAILED),
        a_job("film-leaving", terminating=True),
    ]

    assert [job.name for job in superfluous(map(read_job, jobs), wanted)] == left


def test_a_name_is_that_of_one_try_at_one_film_of_one_story() -> None:
    of = ("uid", "hash", None, 0)
    others = {job_name("fox", *other) for other in (("x", *of[1:]), ("uid", "x", None, 0), (*of[:3], 1))}

    assert job_name("fox", *of) == job_name("fox", *of)
    assert len(others | {job_name("fox", *of), job_name("fox", "uid", "hash", "please", 0)}) == 5


def test_names_and_labels_stay_within_what_kubernetes_takes() -> None:
    name = job_name("a" * 39 + "-" + "b" * 23, "uid", 0)

    assert len(name) <= 63
    assert "--" not in name
    assert label_of("x" * 62 + ".y") == "x" * 62


def a_pod(at: str = "2026-01-01T00:00:00Z", **status: Any) -> Json:
    return {"metadata": {"creationTimestamp": at}, "status": status}


def ended(code: int, message: str = "", reason: str = "Error") -> Json:
    state = {"terminated": {"exitCode": code, "message": message, "reason": reason}}
    return {"containerStatuses": [{"state": state}]}


LIMIT, POLICY = ("BackoffLimitExceeded", "Job has reached the specified backoff limit"), ("PodFailurePolicy", "exit 3")


@pytest.mark.parametrize(
    ("failure", "pods", "words"),
    [
        pytest.param(POLICY, [a_pod(**ended(3, "no codec\n"))], "no codec", id="the film's own words"),
        pytest.param(
            LIMIT,
            [a_pod("2026-01-01T00:00:09Z", **ended(1, "new")), a_pod("2026-01-01T00:00:01Z", **ended(1, "old"))],
            "new",
            id="those of the last pod",
        ),
        pytest.param(
            LIMIT,
            [a_pod(**ended(137, reason="OOMKilled"))],
            "the film Job ran out of memory (OOMKilled): raise film.job.resources.limits.memory",
            id="no memory",
        ),
        pytest.param(
            LIMIT,
            [a_pod(reason="Evicted", message="usage exceeds its limit")],
            "the pod of the film Job failed (Evicted): usage exceeds its limit",
            id="no room",
        ),
        pytest.param(
            ("DeadlineExceeded", "x"),
            [a_pod(**ended(143, "went"))],
            "film Job s/film took longer than 60 s (DeadlineExceeded): raise film.job.deadlineSeconds",
            id="no time, whatever its pod said when it was ended",
        ),
        pytest.param(LIMIT, [], f"film Job s/film failed (BackoffLimitExceeded): {LIMIT[1]}", id="its pods are gone"),
        pytest.param(
            ("Evicted", ""), [a_pod()], "film Job s/film failed (Evicted): its pods left no word", id="nobody says why"
        ),
    ],
)
def test_why_it_failed(failure: tuple[str, str], pods: list[Json], words: str) -> None:
    assert why_failed("s/film", failure, pods, 60) == words
