"""Says how a story stands as a whole: still going, waiting for its film, or over, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from storyjob.api.errors import FilmError, OutputLost
from storyjob.api.reasons import Reason
from storyjob.api.storyjob import StoryJob, StoryPhase
from storyjob.planning.desire import Standing
from storyjob.planning.plan import SceneView, StoryPlan
from storyjob.planning.scenestatus import has_source
from storyjob.planning.validate import Problem
from storyjob.planning.view import StepId

SHOWN = 3  # problems named in a message; the rest is counted


@dataclass(frozen=True, slots=True)
class FilmState:
    """How far the film is: ``hash`` names the one that the story wants now, None while it is not known."""

    hash: str | None = None
    done: bool = False
    error: str | None = None
    gave_up: bool = False
    note: str | None = None
    """What makes it, or what that waits for."""

    @property
    def reason(self) -> Reason:
        """Why it failed: the error that is kept names what was lost, see ``film_error``."""
        lost = self.error is not None and self.error.startswith(f"{Reason.OUTPUT_LOST}:")
        return Reason.OUTPUT_LOST if lost else Reason.FILM_FAILED


def film_error(error: FilmError) -> str:
    """Return an error of the film maker's as it is kept, wherever it worked."""
    return f"{Reason.OUTPUT_LOST}: {error}" if isinstance(error, OutputLost) else str(error)


@dataclass(frozen=True, slots=True)
class Standstill:
    """What keeps new media from being bought."""

    suspended: bool = False
    deadline_over: bool = False
    storage: str | None = None

    @property
    def reason(self) -> Reason:
        """What to name first: what the user said, then the clock, then the bucket."""
        if self.suspended:
            return Reason.SUSPENDED
        return Reason.DEADLINE_EXCEEDED if self.deadline_over else Reason.STORAGE


@dataclass(frozen=True, slots=True)
class Verdict:
    """The story in one phase, with the reason and the sentence that go with it."""

    phase: StoryPhase
    reason: Reason
    message: str
    degraded: str | None = None


def judge(story: StoryJob, plan: StoryPlan, graph: Sequence[Problem], film: FilmState, still: Standstill) -> Verdict:
    """Return how the story stands."""
    if graph:
        return Verdict("Failed", graph[0].reason, _named([problem.message for problem in graph]))
    moving = any(view.moving for view in plan.views)
    if still.suspended and not film.done:
        running = " Jobs under way are still collected." if moving else ""
        return Verdict("Suspended", Reason.SUSPENDED, f"spec.suspend is true: nothing new is bought.{running}")
    if all(view.complete for view in plan.views):
        return _finalizing(film, None)
    failed = [view for view in plan.views if view.failed]
    lenient = story.spec.on_scene_failure != "Fail"
    if lenient and all(view.complete or view.given_up for view in plan.views):
        return _with_gaps(plan, failed, film, story.spec.on_scene_failure)
    if failed and not moving and not _can_go_on(plan):
        return _failed(failed)
    if not moving and still.deadline_over:
        return Verdict("Failed", Reason.DEADLINE_EXCEEDED, "activeDeadlineSeconds is over: nothing more is bought.")
    return _processing(plan, still)


def _can_go_on(plan: StoryPlan) -> bool:
    """Whether anything may still happen without a person."""
    return any(_may_move(view, plan) for view in plan.views)


def _may_move(view: SceneView, plan: StoryPlan) -> bool:
    if view.scene is None or view.lost:
        return True
    if view.problems:
        return False
    if not has_source(view.spec, view.scene.status):
        return True
    # Whatever is wanted and has no reason to wait is offered, looked for, or just being bought.
    uid = view.scene.metadata.uid
    wanted = [StepId(uid, kind) for kind, wish in view.desires.items() if wish.standing is Standing.WANTED]
    return any(plan.waiting.get(step) is not Reason.DEPENDENCY for step in wanted)


def _finalizing(film: FilmState, degraded: str | None) -> Verdict:
    if film.done:
        return Verdict("Completed", Reason.COMPLETED, degraded or "The film is in the bucket.", degraded)
    if film.gave_up:
        return Verdict("Failed", film.reason, f"The film failed; what is in the bucket stays: {film.error}", degraded)
    notes = [film.note or "", f"Last try: {film.error}" if film.error else ""]
    message = " ".join(["All media are there; the film is being made.", *filter(None, notes)])
    return Verdict("Finalizing", Reason.FINALIZING, message, degraded)


def _with_gaps(plan: StoryPlan, failed: Sequence[SceneView], film: FilmState, choice: str) -> Verdict:
    if len(failed) == len(plan.views) and choice == "Skip":
        return _failed(failed)
    how = "left out" if choice == "Skip" else "replaced by a title card"
    return _finalizing(film, f"{len(failed)} of {len(plan.views)} scenes failed and are {how}: {_scenes(failed)}")


def _failed(failed: Sequence[SceneView]) -> Verdict:
    problems = [problem for view in failed for problem in view.problems]
    if problems:
        return Verdict("Failed", problems[0].reason, _named([problem.message for problem in problems]))
    return Verdict("Failed", Reason.SCENE_FAILED, f"{counted(len(failed), 'scene')} failed: {_scenes(failed)}")


def counted(number: int, what: str) -> str:
    """Return "1 scene" or "2 scenes"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _scenes(failed: Sequence[SceneView]) -> str:
    return _named([_why(view) for view in failed])


def _why(view: SceneView) -> str:
    if view.problems:
        return view.problems[0].message
    for kind, wish in view.desires.items():
        if wish.standing is Standing.FAILED:
            return f"{view.spec.name} ({kind}: {wish.step.reason}: {(wish.step.message or '')[:200]})"
    return view.spec.name


def _named(messages: Sequence[str]) -> str:
    rest = len(messages) - SHOWN
    return "; ".join(messages[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")


def _processing(plan: StoryPlan, still: Standstill) -> Verdict:
    done = sum(view.complete for view in plan.views)
    begun = done or any(d.step.attempt for view in plan.views for d in view.desires.values())
    parts = [f"{done} of {len(plan.views)} scenes are complete"]
    if still.storage:
        parts.append(f"nothing new is bought: {still.storage}")
    if still.deadline_over:
        parts.append("activeDeadlineSeconds is over: running jobs are collected")
    waits = Counter(plan.waiting.values())
    parts += [f"{count} × {reason}" for reason, count in waits.most_common(2)]
    problems = [problem.message for view in plan.views for problem in view.problems]
    problems += [problem.message for problem in plan.halts.values()]
    if problems:
        parts.append(_named(problems))
    reason = Reason.STORAGE if still.storage else Reason.GENERATING if begun else Reason.PENDING
    return Verdict("Processing" if begun else "Pending", reason, "; ".join(parts))
