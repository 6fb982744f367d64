"""What a story leaves behind for those who watch: one trace, events on transitions, lines that are JSON, metrics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from storyjob.local.s3 import Bucket
from support.collector import Collector, Seen, collecting
from support.controlplane import Cluster
from support.place import KEYS, Place
from support.promtool import get_promtool
from support.simulator import eventually
from support.stage import Casting, Stage, on_stage

Json = dict[str, Any]

SLOW = ("--media", "small", "--speed", "10", "--image-seconds", "40", "--speech-seconds", "2")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
MODEL = "black-forest-labs/flux-dev"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def watched(
    crds: Cluster, s3: Bucket, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A stage of our own, which is traced, and whose operator we kill."""
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "STORYJOB_LOG_FORMAT": "json",
    }
    casting = Casting(simulator=SLOW, settings=settings)
    with on_stage(crds, s3, tmp_path_factory.mktemp("watched"), casting=casting) as stage:
        yield stage


@pytest.fixture
def place(watched: Stage) -> Place:
    return Place(watched, watched.namespaces[0])


def whole(collector: Collector, story: str) -> list[Seen]:
    """Return a story's spans once its film's has come."""
    eventually(lambda: any(span.name == "film" for span in collector.spans(story)))
    return collector.spans(story)


def below(spans: list[Seen], parent: Seen) -> list[Seen]:
    return [span for span in spans if span.parent == parent.id]


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_story_is_one_trace(place: Place, collector: Collector) -> None:
    place.providers("pictures", "voice")
    name = place.make(place.scene("hill", "image", "audio"), place.scene("lake"))
    story = place.completed(name)
    spans = whole(collector, name)
    (root,) = [span for span in spans if not span.parent]

    assert root.name == "story"
    assert {span.trace for span in spans} == {root.trace}
    assert all(root.start <= span.start <= span.end <= root.end for span in spans)
    assert root.start == seconds(story["metadata"]["creationTimestamp"])
    assert (root.attributes["storyjob.phase"], root.attributes["storyjob.scenes"]) == ("Completed", 2)
    assert root.attributes["storyjob.cost.usd"] == float(story["status"]["cost"]["spent"])
    steps = [span for span in below(spans, root) if span.name != "film"]
    assert Counter((span.name, span.attributes["storyjob.scene.name"]) for span in steps) == {
        ("image", "hill"): 1,
        ("audio", "hill"): 1,
        ("image", "lake"): 1,
    }
    picture = next(span for span in steps if span.name == "image")
    assert picture.attributes["gen_ai.request.model"] == MODEL
    assert picture.attributes["gen_ai.provider.name"] == "replicate"
    assert picture.events == ("callback",)
    parts = below(spans, picture)
    assert [part.name for part in parts] == ["wait", "submit", "run", "store"]
    assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]
    assert (parts[0].start, parts[-1].end) == (picture.start, picture.end)
    assert place.tag + " hill" not in "".join(str(span.attributes) for span in spans), "a prompt was told"


def test_a_pipeline_that_applies_a_story_has_it_in_its_trace(place: Place, collector: Collector) -> None:
    place.providers("pictures")
    story = place.story()
    story["metadata"]["annotations"] = {"storyjob.dev/traceparent": f"00-{TRACE}-{SPAN}-01"}
    unseen = place.story(name="unseen")
    unseen["metadata"]["annotations"] = {"storyjob.dev/traceparent": f"00-{'1' * 32}-{SPAN}-00"}
    for each in (unseen, story):
        place.completed(place.apply(each)["metadata"]["name"])
    spans = whole(collector, story["metadata"]["name"])

    assert {span.trace for span in spans} == {TRACE}
    assert [span.name for span in spans if span.parent == SPAN] == ["story"]
    assert collector.spans(unseen["metadata"]["name"]) == []


def test_after_a_kill_it_is_still_one_trace_with_each_step_once(place: Place, collector: Collector) -> None:
    place.providers("pictures", "voice")
    # No narration is being bought at the moment of the kill: nobody could tell what became of it.
    name = place.make(place.scene("hill", "image", "audio"), place.scene("lake"))
    place.phase_until(name, "hill", "Succeeded", "audio")
    assert place.step_of(name, "hill")["phase"] == "Running"
    place.stage.kill_operator()
    told = Counter(event["metadata"]["name"] for event in place.events(name))
    place.stage.start_operator()
    place.completed(name)
    spans = whole(collector, name)

    assert len({span.trace for span in spans}) == 1
    steps = Counter((s.name, s.attributes["storyjob.scene.name"]) for s in spans if "storyjob.attempt" in s.attributes)
    assert steps == {("image", "hill"): 1, ("audio", "hill"): 1, ("image", "lake"): 1}
    assert Counter(span.name for span in spans if span.name in ("story", "film")) == {"story": 1, "film": 1}
    known = {span.id for span in spans}
    assert all(span.parent in known for span in spans if span.parent)
    # The restart told nobody again what had been told.
    events = place.events(name)
    assert told.keys() <= {event["metadata"]["name"] for event in events}
    said = Counter((event["reason"], event["note"]) for event in events)
    assert set(said.values()) == {1}, said


def test_a_restart_repeats_no_event(place: Place) -> None:
    bad = place.provider("pictures", name=f"locked-{place.tag}", credentials={"secretRef": {"name": "no", "key": "k"}})
    place.providers("pictures")
    lost = place.story(name="lost")
    lost["spec"]["scenes"] = [{"name": "own", "source": {"uri": f"s3://{place.stage.bucket.name}/nowhere.mp4"}}]
    name = place.apply(lost)["metadata"]["name"]
    ended = place.make(name="ended")
    place.completed(ended)

    def everything() -> Counter[tuple[str, str, str]]:
        found = place.stage.api.list("events", place.namespace)
        ours = [event for event in found if place.tag in event["regarding"]["name"]]
        return Counter((event["regarding"]["name"], event["reason"], event["note"]) for event in ours)

    eventually(lambda: {bad, name, ended} <= {about for about, _, _ in everything()} | {name})
    before = everything()
    place.stage.stop_operator()
    place.stage.start_operator()
    after = place.make(name="after")  # by its end, everything was looked at again
    place.completed(after)

    assert before
    assert set(before.values()) == {1}, before
    assert {key: count for key, count in everything().items() if key[0] != after} == before


def test_every_line_is_json_that_names_its_object_and_holds_no_secret(place: Place) -> None:
    place.providers("pictures", "voice")
    place.stage.fault("accept-then-drop", match={"vendor": "elevenlabs", "prompt_contains": f"{place.tag} hill"})
    hill = place.scene("hill", "image", "audio")
    hill["audio"]["input"] = {"enable_logging": False}  # else the vendor's history would tell
    name = place.make(hill, place.scene("lake"))
    place.phase_until(name, "lake", "Succeeded")
    place.phase_until(name, "hill", "OutcomeUnknown", "audio")
    assert place.stage.webhook is not None
    texts = [process.program.log.read_text() for process in (place.stage.operator, place.stage.webhook)]
    lines: list[Json] = [json.loads(line) for text in texts for line in text.splitlines()]

    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    bought = [line for line in lines if line.get("action") == "submit" and line.get("story") == name]
    assert Counter((line["kind"], line["step"], line["attempt"]) for line in bought) == {
        ("Scene", "image", 1): 2,
        ("Scene", "audio", 1): 1,
    }
    scene = place.scene_of(name, "hill")["metadata"]
    about = {(line["namespace"], line["name"], line["uid"]) for line in bought}
    assert (scene["namespace"], scene["name"], scene["uid"]) in about
    assert [key for key in KEYS.values() if any(key in text for text in texts)] == []
    assert not any("token=" in text.replace("token=…", "") for text in texts)


def test_the_metrics_are_as_prometheus_wants_them_and_tell_of_the_story(place: Place) -> None:
    place.providers("pictures")
    place.completed(place.make())
    operator, webhook = place.stage.metrics()
    promtool = get_promtool()

    for text in (operator, webhook):
        assert promtool("check", "metrics", text=text) == ""
    assert f'storyjob_step_seconds_count{{model="{MODEL}",step="image",type="replicate"}}' in operator
    assert f'storyjob_spend_usd_total{{model="{MODEL}",type="replicate"}}' in operator
    assert 'storyjob_stories{phase="Completed"}' in operator
    assert "storyjob_leader 1.0" in operator
    assert 'storyjob_callback_lag_seconds_count{type="replicate"}' in operator
