"""The operator dies as it looks for a lost job, cancels one, settles a cost and lets go; no money is lost by it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import pytest

from support.chaos.audit import Accountant
from support.chaos.battlefield import Battlefield, let_die
from support.chaos.cast import Cast
from support.controlplane import run
from support.stage import a_tag

pytestmark = pytest.mark.timeout(600)

MOMENTS = ("before", "after")
ENDING = 120.0  # seconds


@pytest.fixture
def war(battlefield: Battlefield) -> Iterator[Cast]:
    """Stories to die over, with nobody at work; the operator is there again when it is over."""
    run(battlefield.one.kill())
    yield Cast(battlefield, battlefield.stage.namespaces[0], a_tag())
    battlefield.stage.http.delete("/_sim/faults").raise_for_status()
    if not battlefield.one.running:
        run(battlefield.one.start())


def test_a_job_that_is_looked_for_is_found_by_the_next(battlefield: Battlefield, war: Cast) -> None:
    part = war.part(0, (("polled",),))
    battlefield.stage.fault("accept-then-drop", match={"kind": "image", "prompt_contains": war.place.tag})
    begin = partial(war.place.apply, part.manifest)
    for moment in MOMENTS:
        let_die(battlefield.doomed(f"{moment}-find"), begin)
    run(battlefield.one.start())
    accountant = Accountant(war)
    story = accountant.until_over([part], ENDING)[part.name]
    assert story["status"]["phase"] == "Completed"
    assert accountant.bought() == dict.fromkeys(part.steps, 1)
    assert accountant.resolved == 0


def test_the_cost_of_a_scene_that_goes_is_settled_once(battlefield: Battlefield, war: Cast) -> None:
    run(battlefield.one.start())
    part = war.part(0, (("polled",), ("polled",)))
    war.place.apply(part.manifest)
    spent = war.place.completed(part.name)["status"]["cost"]["spent"]
    run(battlefield.one.kill())
    shorter = part.manifest | {"spec": part.manifest["spec"] | {"scenes": part.manifest["spec"]["scenes"][:1]}}
    begin = partial(war.place.apply, shorter)
    for point in ("before-settle", "after-settle", "before-finalizer", "after-finalizer"):
        let_die(battlefield.doomed(point), begin)
    run(battlefield.one.start())
    story = war.place.until(
        part.name, lambda found: found["status"]["scenes"]["total"] == 1 and found["status"]["phase"] == "Completed"
    )[-1]
    charged = sum(Decimal(entry["charged"]) for entry in war.place.bought())
    assert Decimal(story["status"]["cost"]["spent"]) == Decimal(spent) == charged
    assert Decimal(story["status"]["cost"]["retired"]) == charged / 2
    assert Accountant(war).bought() == dict.fromkeys(part.steps, 1)


def test_a_job_is_cancelled_by_the_next_and_its_story_goes(battlefield: Battlefield, war: Cast) -> None:
    run(battlefield.one.start())
    part = war.part(0, (("polled",),))
    battlefield.stage.fault("never-finish", match={"prompt_contains": war.place.tag})
    war.place.apply(part.manifest)
    war.place.step_until(part.name, "s0x0", lambda step: step.get("phase") == "Running")
    run(battlefield.one.kill())
    begin = partial(war.place.stage.api.delete, "storyjobs", war.place.namespace, part.name)
    for moment in MOMENTS:
        let_die(battlefield.doomed(f"{moment}-cancel"), begin)
    run(battlefield.one.start())
    war.place.until(part.name, lambda found: found is None)
    assert [entry["state"] for entry in war.place.bought()] == ["canceled"]
    assert Accountant(war).bought() == dict.fromkeys(part.steps, 1)
