"""What ended is counted and traced once, by whoever wrote it, and again only after a leader died."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.outcome import JobPhase, Observation
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import StoryJob, StoryJobStatus
from storyjob.cluster.cache import Key
from storyjob.reconcile import metrics, telemetry
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.census import Census
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.world import Caches, World
from storyjob.tracing.span import Silent, Span
from support.builders import (
    FLUX,
    NOW,
    a_callback,
    a_scene,
    a_step,
    a_story,
    an_offer,
    an_output,
    at,
    capabilities,
    metadata,
    provider_spec,
)
from support.exposed import an_empty_world

IMAGE = StepKind.IMAGE
PROVIDER = Key("stories", FLUX)


class Recorder:
    """A tracer that keeps what it is given."""

    on = True

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def send(self, spans: Iterable[Span]) -> None:
        self.spans += spans

    async def close(self) -> None: ...

    @property
    def told(self) -> list[tuple[str, Any]]:
        return [(span.name, span.attributes.get("storyjob.phase")) for span in self.spans if span.attributes]


def a_world(step: StepStatus | None = None, story: StoryJob | None = None, **settings: Any) -> World:
    world = SimpleNamespace(caches=Caches(), desk=Desk(NOW), tracer=Recorder())
    world.settings = SimpleNamespace(**({"callback_url": "https://stories.example"} | settings))
    world.vendors = SimpleNamespace(capabilities=lambda provider: capabilities())
    for name in ("story_of", "scenes_of", "calls_back"):
        setattr(world, name, getattr(World, name).__get__(world))
    world.caches.stories.put(story or a_story())
    world.caches.scenes.put(a_scene(steps={IMAGE: step or done()}))
    world.caches.providers.put(MediaProvider(metadata=metadata(FLUX), spec=provider_spec()))
    return cast(World, world)


def done(**fields: Any) -> StepStatus:
    known: dict[str, Any] = {"finished_at": at(20), "model": "flux-dev", "cost": "0.02", "output": an_output()}
    return a_step(StepPhase.SUCCEEDED, **(known | fields))


def spans(world: World) -> Recorder:
    return cast(Recorder, world.tracer)


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def status(phase: Any, **fields: Any) -> StoryJobStatus:
    return StoryJobStatus(**({"phase": phase, "observed_generation": 1, "start_time": NOW} | fields))


def test_an_attempt_that_ended_is_counted_with_its_time_and_its_cost() -> None:
    world, labels = a_world(), {"type": "replicate", "model": "flux-dev"}
    names = ("storyjob_step_seconds_sum", "storyjob_step_seconds_count")
    before = [value(name, step="image", **labels) for name in names]
    spent = value("storyjob_spend_usd_total", **labels)
    telemetry.step_ended(world, a_scene(steps={IMAGE: done()}), IMAGE)

    after = [value(name, step="image", **labels) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [20.0, 1.0]
    assert value("storyjob_spend_usd_total", **labels) - spent == pytest.approx(0.02)
    assert spans(world).told[0] == ("image", "Succeeded")


def test_what_was_there_already_cost_no_time_and_no_money() -> None:
    world = a_world()
    before = value("storyjob_attempts_total", type="replicate", step="image", phase="Succeeded")
    telemetry.step_ended(world, a_scene(steps={IMAGE: done(reused=True, intent_at=None)}), IMAGE)

    assert value("storyjob_attempts_total", type="replicate", step="image", phase="Succeeded") == before
    assert spans(world).told == [("image", "Succeeded")]


def test_nobody_who_is_silent_has_spans_made() -> None:
    world = a_world()
    world.tracer = Silent()
    telemetry.step_ended(world, a_scene(steps={IMAGE: done()}), IMAGE)
    telemetry.tell_again(world, NOW)
    telemetry.story_gone(world, a_story())


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(status("Processing"), status("Processing", progress=9), [], id="it goes on"),
        pytest.param(
            status("Finalizing"),
            status("Completed", completion_time=at(40)),
            [("story", "Completed")],
            id="it is completed",
        ),
        pytest.param(
            status("Processing"), status("Failed", completion_time=at(40)), [("story", "Failed")], id="it failed"
        ),
        pytest.param(
            status("Completed", completion_time=at(40)),
            status("Completed", completion_time=at(40), observed_generation=2),
            [],
            id="an edit that changes nothing",
        ),
        pytest.param(
            status("Processing"),
            status("Processing", observed_generation=2),
            [("story", "Superseded")],
            id="an edit while it was made",
        ),
        pytest.param(
            status("Failed", completion_time=at(40)), status("Processing", retry="again"), [], id="a retry after an end"
        ),
        pytest.param(StoryJobStatus(), status("Pending"), [], id="it begins"),
    ],
)
def test_a_story_is_told_of_when_a_run_of_it_ends(
    before: StoryJobStatus, after: StoryJobStatus, told: list[tuple[str, str]]
) -> None:
    world = a_world(story=a_story(status=after))
    telemetry.story_moved(world, before, a_story(status=after))

    assert spans(world).told == told


def test_a_story_that_is_deleted_unfinished_has_an_end_too() -> None:
    world = a_world()
    telemetry.story_gone(world, a_story(status=status("Processing")))
    telemetry.story_gone(world, a_story(status=status("Completed", completion_time=at(40))))

    assert spans(world).told == [("story", "Deleted")]


def test_after_a_leader_died_what_ended_lately_is_told_again_as_it_was() -> None:
    ended = a_story(status=status("Completed", completion_time=at(40)))
    world = a_world(story=ended)
    telemetry.step_ended(world, a_scene(steps={IMAGE: done()}), IMAGE)
    telemetry.story_moved(world, status("Finalizing"), ended)
    first, spans(world).spans = spans(world).spans, []
    telemetry.tell_again(world, at(10))
    again, spans(world).spans = spans(world).spans, []
    telemetry.tell_again(world, at(30))

    assert again == first
    assert {span.name for span in spans(world).spans} == {"story", "film"}


@pytest.mark.parametrize(
    ("step", "phase", "settings", "missed"),
    [
        pytest.param({}, JobPhase.SUCCEEDED, {}, 1, id="nobody called back"),
        pytest.param({"callback": a_callback(5)}, JobPhase.SUCCEEDED, {}, 0, id="a callback came"),
        pytest.param({"callback": a_callback(5, ended=False)}, JobPhase.FAILED, {}, 1, id="it only said that it runs"),
        pytest.param({}, JobPhase.RUNNING, {}, 0, id="it still runs"),
        pytest.param({}, JobPhase.SUCCEEDED, {"callback_url": None}, 0, id="nobody was asked to call back"),
    ],
)
def test_a_callback_that_a_poll_was_faster_than_is_missed(
    step: dict[str, Any], phase: JobPhase, settings: dict[str, Any], missed: int
) -> None:
    running = a_step(StepPhase.RUNNING, job_id="job-1", **step)
    world, scene = a_world(running, **settings), a_scene(steps={IMAGE: running})
    before = value("storyjob_missed_callbacks_total", type="replicate")
    telemetry.told(world, AttemptRef.of(scene, IMAGE), PROVIDER, Observation(phase))

    assert value("storyjob_missed_callbacks_total", type="replicate") - before == missed


@pytest.mark.parametrize(("asked", "counted"), [(None, 1), (at(3), 1), (at(9), 0)])
def test_the_lag_of_a_callback_is_that_until_the_question_it_leads_to(asked: Any, counted: int) -> None:
    world, step = a_world(), a_step(StepPhase.RUNNING, job_id="job-1", callback=a_callback(5))
    before = value("storyjob_callback_lag_seconds_count", type="replicate")
    with telemetry.asking(world, PROVIDER, step, asked):
        pass

    assert value("storyjob_callback_lag_seconds_count", type="replicate") - before == counted


def test_who_had_to_wait_for_room_is_measured_when_it_is_admitted() -> None:
    world, provider = a_world(), MediaProvider(metadata=metadata(FLUX), spec=provider_spec())
    first, second = an_offer("forest/image"), an_offer("lake/image")
    before = value("storyjob_provider_wait_seconds_count", type="replicate")
    telemetry.waited(world, provider, [first, second], [first])
    assert value("storyjob_provider_wait_seconds_count", type="replicate") == before
    assert set(world.desk.held[PROVIDER]) == {second.step}

    telemetry.waited(world, provider, [second], [second])
    assert value("storyjob_provider_wait_seconds_count", type="replicate") == before + 1
    assert world.desk.held[PROVIDER] == {}


def test_users_cannot_make_labels_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_models", set())
    labels = [metrics.model_label(f"model-{number}") for number in range(metrics.MODELS + 5)]

    assert labels[metrics.MODELS - 1] == f"model-{metrics.MODELS - 1}"
    assert set(labels[metrics.MODELS :]) == {metrics.OTHER}
    assert metrics.model_label("model-0") == "model-0"


def test_the_census_counts_every_phase_also_those_that_nobody_is_in() -> None:
    world = an_empty_world()
    world.caches.stories.put(a_story(status=status("Processing")))
    world.caches.stories.put(a_story(name="new"))
    (stories,) = [family for family in Census(world).collect() if family.name == "storyjob_stories"]

    assert {sample.labels["phase"]: sample.value for sample in stories.samples} == {
        "Pending": 1,
        "Processing": 1,
        "Finalizing": 0,
        "Completed": 0,
        "Failed": 0,
        "Suspended": 0,
    }
