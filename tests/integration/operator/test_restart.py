"""Operator and bucket end at the worst moments: nothing is bought twice, nothing that was paid for is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from storyjob.local.s3 import S3Server
from support.controlplane import Cluster, run
from support.kstatus import condition, is_true
from support.place import Place
from support.simulator import eventually
from support.stage import Casting, Stage, on_stage

Json = dict[str, Any]

SLOW = ("--media", "small", "--speed", "10", "--image-seconds", "25", "--video-seconds", "30", "--speech-seconds", "2")
LONG_AGO = "2026-01-01T00:00:00Z"
NEVER = {"initialSeconds": 3600, "maxSeconds": 3600}  # polls: whatever ends, ends by its callback


@pytest.fixture(scope="module")
def own_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A bucket of our own, which we stop."""
    server = S3Server(tmp_path_factory.mktemp("own-s3"))
    run(server.start())
    yield server
    run(server.stop())


@pytest.fixture(scope="module")
def fragile(crds: Cluster, own_s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage of our own, whose operator we kill."""
    casting = Casting(simulator=SLOW, settings={"STORYJOB_ORPHAN_SECONDS": "0"})
    with on_stage(crds, own_s3.bucket, tmp_path_factory.mktemp("fragile"), places=2, casting=casting) as stage:
        yield stage


@pytest.fixture
def place(fragile: Stage) -> Place:
    return Place(fragile, fragile.namespaces[0])


def mixed_story(place: Place) -> Json:
    """Return a story with called-back pictures, polled clips and narrations."""
    place.providers("pictures", "voice", polling=NEVER)
    place.provider("clips", completion="Poll")
    lake = place.scene("lake", "audio", "video")
    return place.story(place.scene("hill", "image", "audio"), lake, place.scene("home"), title="One and the same")


def running(place: Place, name: str, scene: str, step: str) -> bool:
    return place.step_of(name, scene, step).get("phase") == "Running"


def taken_back(entry: Json) -> bool:
    """Tell whether the sidecar took the word that the job has ended."""
    return any(each["event"] == "completed" and each["status"] == 200 for each in entry["deliveries"])


def test_a_killed_operator_makes_the_same_film_for_the_same_money(place: Place) -> None:
    calm = Place(place.stage, place.stage.namespaces[1], tag=place.tag)
    undisturbed = calm.completed(calm.apply(mixed_story(calm))["metadata"]["name"])
    before = Counter((entry["kind"], entry["text"]) for entry in place.bought())

    name = place.apply(mixed_story(place))["metadata"]["name"]
    # The narrations answer at once; a picture and a clip are still being made.
    place.phase_until(name, "lake", "Succeeded", "audio")
    assert running(place, name, "hill", "image")
    assert running(place, name, "lake", "video")
    place.stage.kill_operator()
    # Pictures end, and call back, while nobody is there but the sidecar.
    jobs = [entry for entry in place.bought("hill", "image") if entry["state"] != "succeeded"]
    assert jobs, "the picture was done before the operator was killed"
    eventually(lambda: all(taken_back(entry) for entry in place.bought("hill", "image")))
    assert running(place, name, "hill", "image")
    place.stage.start_operator()

    story = place.completed(name)
    assert story["status"]["outputs"]["film"]["sha256"] == undisturbed["status"]["outputs"]["film"]["sha256"]
    assert story["status"]["cost"]["spent"] == undisturbed["status"]["cost"]["spent"]
    after = Counter((entry["kind"], entry["text"]) for entry in place.bought())
    assert after == before + before
    assert set(before.values()) == {1}


def test_a_purchase_whose_answer_nobody_heard_is_adopted_by_its_callback(place: Place) -> None:
    place.providers("pictures", polling=NEVER)
    place.stage.fault("latency", seconds=20, match={"prompt_contains": f"{place.tag} hill", "route": "submit"})
    name = place.make(place.scene("hill"), place.scene("lake"))
    place.phase_until(name, "lake", "Running")
    eventually(lambda: place.bought("hill"))
    place.stage.kill_operator()
    assert place.step_of(name, "hill")["phase"] == "Submitting"
    place.stage.start_operator()
    story = place.completed(name)
    assert len(place.bought("hill")) == len(place.bought("lake")) == 1
    assert place.step_of(name, "hill")["jobId"] == place.bought("hill")[0]["job_id"]
    assert story["status"]["cost"]["spent"] == "0.05"


@pytest.fixture
def lost_narration(place: Place) -> str:
    """A story whose operator died while a vendor was speaking, and stayed away for long."""
    place.providers("pictures", "voice")
    place.stage.fault("latency", seconds=20, match={"vendor": "elevenlabs", "prompt_contains": f"{place.tag} hill"})
    hill = place.scene("hill", "image", "audio")
    hill["audio"]["input"] = {"enable_logging": False}  # else the vendor's history would tell
    name = place.make(hill, place.scene("lake"))
    eventually(lambda: place.bought("hill", "audio"))
    place.phase_until(name, "hill", "Succeeded")
    place.stage.kill_operator()
    scene = place.scene_of(name, "hill")
    assert scene["status"]["steps"]["audio"]["phase"] == "Submitting"
    # As if the operator had been away for months: the vendor's two minutes to answer are over.
    patch = {"status": {"steps": {"audio": {"intentAt": LONG_AGO}}}}
    api, scene_name = place.stage.api, scene["metadata"]["name"]
    api.merge("scenes", place.namespace, scene_name, patch, subresource="status")
    place.stage.start_operator()
    return name


def test_a_narration_nobody_answered_for_is_not_bought_again(place: Place, lost_narration: str) -> None:
    story = place.until(lost_narration, lambda found: is_true(found, "OutcomeUnknown"))[-1]
    assert "hill/audio" in condition(story, "OutcomeUnknown")["message"]
    assert not is_true(story, "Failed")
    scene = place.scene_of(lost_narration, "hill")
    assert condition(scene, "OutcomeUnknown")["status"] == "True"
    assert scene["status"]["steps"]["audio"]["phase"] == "OutcomeUnknown"
    # What it may have cost counts as spent.
    assert float(story["status"]["cost"]["spent"]) > 0.025

    place.phase_until(lost_narration, "lake", "Succeeded")
    assert len(place.bought("hill", "audio")) == 1

    # A person who looked at the account asks for it anew: that, and nothing else, is bought.
    place.stage.api.delete("scenes", place.namespace, scene["metadata"]["name"])
    ended = place.completed(lost_narration)
    assert len(place.bought("hill", "audio")) == 2
    assert len(place.bought(kind="image")) == 2
    narration = float(scene["status"]["steps"]["audio"]["estimatedCost"])
    assert float(ended["status"]["cost"]["spent"]) == pytest.approx(2 * 0.025 + 2 * narration)


def test_an_operator_that_is_asked_to_stop_hears_a_narration_out(place: Place) -> None:
    place.providers("pictures", "voice")
    place.stage.fault("latency", seconds=2, match={"vendor": "elevenlabs", "prompt_contains": f"{place.tag} hill"})
    name = place.make(place.scene("hill", "image", "audio"), place.scene("lake", "image", "audio"))
    eventually(lambda: place.bought("hill", "audio"))
    place.stage.stop_operator()
    assert place.stage.operator.exit_code == 0, place.stage.operator.tail()
    assert place.step_of(name, "hill", "audio")["phase"] == "Succeeded"
    assert place.bought("lake", "audio") == [], "nothing is begun any more"
    place.stage.start_operator()
    place.completed(name)
    assert Counter((entry["kind"], entry["text"].split()[1]) for entry in place.bought()) == {
        (kind, scene): 1 for kind in ("image", "audio") for scene in ("hill", "lake")
    }


def test_what_was_paid_for_is_held_until_the_bucket_is_back(place: Place, own_s3: S3Server) -> None:
    place.providers("pictures", "voice")
    place.stage.fault("latency", seconds=2, match={"vendor": "elevenlabs", "prompt_contains": f"{place.tag} hill"})
    name = place.make(place.scene("hill", "image", "audio"))
    place.phase_until(name, "hill", "Running")
    eventually(lambda: place.bought("hill", "audio"))
    run(own_s3.process.kill())
    for step in ("audio", "image"):
        held = place.phase_until(name, "hill", "Storing", step)
        assert held["reason"] == "StorageUnavailable"
    other = place.make(place.scene("other"), name="other")
    waiting = place.until(other, lambda found: "nothing new is bought" in found["status"].get("message", ""))[-1]
    assert waiting["status"]["phase"] in ("Pending", "Processing")
    assert place.bought("other") == []

    run(own_s3.process.start())
    place.completed(name)
    place.completed(other)
    assert sorted((entry["kind"], entry["text"].split()[1]) for entry in place.bought()) == [
        ("audio", "hill"),
        ("image", "hill"),
        ("image", "other"),
    ]


def test_a_deleted_story_goes_once_what_was_paid_for_is_stored(place: Place, own_s3: S3Server) -> None:
    place.providers("pictures")
    story = place.story(place.scene("hill"))
    name = place.apply(story)["metadata"]["name"]
    scene = place.scene_of(name, "hill")["metadata"]["name"] if place.phase_until(name, "hill", "Running") else ""
    run(own_s3.process.kill())
    place.phase_until(name, "hill", "Storing")
    place.stage.api.delete("storyjobs", place.namespace, name)
    place.until(scene, lambda found: found["metadata"].get("deletionTimestamp"), kind="scenes")
    run(own_s3.process.start())
    stored = place.until(scene, lambda found: found is None, kind="scenes")[-1]
    assert stored["status"]["steps"]["image"]["phase"] == "Succeeded"
    place.until(name, lambda found: found is None)

    again = place.completed(place.apply(story)["metadata"]["name"])
    assert again["status"]["scenes"]["reused"] == 1
    assert len(place.bought()) == 1


def test_what_was_deleted_while_the_operator_was_away_is_gone_for_it_too(place: Place) -> None:
    place.providers("pictures")
    name = place.make(place.scene("hill"), place.scene("lake"))
    place.completed(name)
    lake = place.scene_of(name, "lake")["metadata"]
    place.stage.kill_operator()
    place.stage.api.delete("scenes", place.namespace, lake["name"])
    place.stage.api.merge("scenes", place.namespace, lake["name"], {"metadata": {"finalizers": None}})
    place.stage.start_operator()
    place.until(lake["name"], lambda found: found and found["metadata"]["uid"] != lake["uid"], kind="scenes")
    place.step_until(name, "lake", lambda step: step.get("reused"))
    assert len(place.bought()) == 2
