"""What is made and paid for is held while its host hands nothing out, and fails only when it came and is spoiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from storyjob.ambient import AMBIENT, MACHINE, Ambient
from storyjob.api.errors import MediaError, OutputExpired, OutputUnreachable
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.outcome import Result, UrlOutput
from storyjob.api.reasons import Reason
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import Retry
from storyjob.cluster.cache import Key
from storyjob.cluster.events import Events
from storyjob.cluster.ledger import Ledger
from storyjob.cluster.resources import EVENTS
from storyjob.planning import step as turns
from storyjob.planning.view import StepId
from storyjob.reconcile import keeping
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.pace import Pace
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.traffic import HAND_OVER, Traffic
from storyjob.reconcile.world import Caches, World
from storyjob.tracing.span import Silent
from support.builders import FLUX, NOW, a_scene, a_step, an_offer, capabilities, metadata, provider_spec
from support.scene_cluster import SceneCluster
from support.virtual_time import clock, run

RESULT = Result(UrlOutput("https://files.example/a.png"))
TIMEOUT = 600  # seconds
Fetch = Callable[..., Any]


class Noted(Traffic):
    """Notes who goes first."""

    def __init__(self) -> None:
        super().__init__()
        self.first: list[StepId] = []

    def go_first(self, step: StepId, seconds: float = HAND_OVER) -> None:
        self.first.append(step)


class Stand:
    """As much of the world as keeping needs, around one attempt in memory."""

    def __init__(self, work_dir: Path, step: StepStatus) -> None:
        self.cluster, self.caches, self.work_dir = (
            SceneCluster(a_scene(steps={StepKind.IMAGE: step})),
            Caches(),
            work_dir,
        )
        self.caches.scenes.put(self.cluster.now())
        spec = provider_spec(timeoutSeconds=TIMEOUT)
        self.caches.providers.put(MediaProvider(metadata=metadata(FLUX), spec=spec))
        self.ledger, self.desk = Ledger(self.cluster, self.caches.scenes), Desk(NOW)
        self.events, self.tracer = Events(self.cluster, "test"), Silent()
        self.keeping, self.traffic = Pace(1, 1.0), Noted()
        self.vendors = SimpleNamespace(capabilities=lambda provider: capabilities())

        self.woken: list[tuple[object, object, float]] = []

    def enqueue(self, kind: object, key: object, after: float = 0.0) -> None:
        self.woken.append((kind, key, after))

    def retry_policy(self, *_: object) -> Retry:
        return Retry()

    @property
    def step(self) -> StepStatus:
        return self.cluster.now().step(StepKind.IMAGE)

    @property
    def told(self) -> list[str]:
        return [event["reason"] for event in self.cluster.objects[EVENTS.plural].values()]


@pytest.fixture(autouse=True)
def virtual_clock() -> Iterator[None]:
    token = AMBIENT.set(Ambient(lambda: NOW + timedelta(seconds=clock()), clock, MACHINE.random_hex))
    yield
    AMBIENT.reset(token)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path, a_step(StepPhase.RUNNING, job_id="job-1", submitted_at=NOW))


def keep(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, fetch: Fetch, *, job_id: str | None = "job-1", times: int = 1
) -> None:
    async def fetch_result(*_: object) -> None:
        raise fetch()

    async def main() -> None:
        for _ in range(times):
            world = cast(World, stand)
            attempt = AttemptRef.of(stand.cluster.now(), StepKind.IMAGE)
            await keeping.keep_result(world, attempt, stand.step, RESULT, job_id)

    monkeypatch.setattr(keeping, "fetch_result", fetch_result)
    run(main())


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(None, [(Kind.STORY, 0.0)], id="nobody is next in line: the story decides at once"),
        pytest.param(
            StepKind.IMAGE, [(Kind.PROVIDER, 0.0), (Kind.STORY, keeping.FOLLOWED_AFTER)], id="the next in line first"
        ),
        pytest.param(StepKind.AUDIO, [(Kind.STORY, 0.0)], id="somebody is next in line for another step"),
    ],
)
def test_a_result_wakes_who_waits_for_it(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, after: StepKind | None, expected: list[tuple[Kind, float]]
) -> None:
    waited_for = frozenset({StepId(stand.cluster.now().metadata.uid, after)}) if after else frozenset()
    stand.desk.offers = {Key("stories", "flux"): {"uid-fox": [replace(an_offer("next/image"), after=waited_for)]}}
    keep(stand, monkeypatch, lambda: OutputUnreachable("503"))
    assert [(kind, later) for kind, _, later in stand.woken[: len(expected)]] == expected
    assert stand.traffic.first == ([StepId("uid-next", StepKind.IMAGE)] if after is StepKind.IMAGE else [])


def test_a_host_that_is_down_leaves_the_result_held_and_nothing_counted(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(stand, monkeypatch, lambda: OutputUnreachable("files.example answers 503"), times=3)
    step = stand.step
    assert (step.phase, step.reason, step.failures) == (StepPhase.STORING, Reason.OUTPUT_UNREACHABLE, 0)
    assert "answers 503" in (step.message or "")
    assert step.made_at == NOW
    assert stand.told == ["OutputUnreachable"], "once, not with each try"
    assert len(stand.cluster.patches) == 1


def test_a_result_that_came_with_the_answer_to_a_purchase_keeps_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = Stand(tmp_path, a_step(StepPhase.SUBMITTING))
    keep(stand, monkeypatch, lambda: OutputUnreachable("503"), job_id="job-2")
    assert (stand.step.phase, stand.step.job_id) == (StepPhase.STORING, "job-2")


def test_a_link_that_is_told_only_once_is_fetched_until_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand, tries = Stand(tmp_path, a_step(StepPhase.SUBMITTING)), []

    def fetch() -> OutputUnreachable:
        tries.append(clock())
        return OutputUnreachable("503")

    with pytest.raises(OutputExpired, match="told only once"):
        keep(stand, monkeypatch, fetch, job_id=None)
    assert stand.step.phase is StepPhase.STORING
    assert tries[-1] >= TIMEOUT > tries[-2]
    assert len(tries) > 10


def test_media_that_came_and_are_spoiled_are_a_failed_attempt(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(stand, monkeypatch, lambda: MediaError("it is a web page"))
    assert (stand.step.phase, stand.step.reason, stand.step.failures) == (StepPhase.WAITING, Reason.BAD_MEDIA, 1)


def test_a_result_that_was_given_up_is_not_held_again_each_time_it_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = a_step(StepPhase.RUNNING, job_id="job-1", submitted_at=NOW)
    lost = turns.lose(running, Reason.OUTPUT_UNREACHABLE, "503", NOW)
    stand = Stand(tmp_path, lost)
    keep(stand, monkeypatch, lambda: OutputUnreachable("503"), times=2)
    assert stand.step == lost, "its grace period goes on"
    assert stand.cluster.patches == []


def test_an_unknown_outcome_that_was_found_but_is_out_of_reach_stays_to_be_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = turns.lose(a_step(StepPhase.SUBMITTING), Reason.OUTCOME_UNKNOWN, "no answer", NOW)
    stand = Stand(tmp_path, lost)
    keep(stand, monkeypatch, lambda: OutputUnreachable("503"), job_id=None)
    assert stand.step == lost
