"""Decides what follows from the state of a film's Job. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from storyjob.api.resource import STORY_LABEL, STORY_NAMESPACE_LABEL, STORY_UID_LABEL
from storyjob.planning.hashing import canonical, sha256

_NAME_CHARACTERS = 40  # of the story's name; with the rest a Job's name stays below the 63 that a label may have

_LABEL_CHARACTERS = 63


class Turn(StrEnum):
    """What is to be done about the Job of the film that is wanted."""

    MAKE = "Make"
    WAIT = "Wait"
    COLLECT = "Collect"
    EXPLAIN = "Explain"


@dataclass(frozen=True, slots=True)
class FilmJob:
    """A Job as far as it matters."""

    name: str
    uid: str
    story_uid: str
    story: tuple[str, str]
    """Its namespace and name."""
    version: int
    complete: bool = False
    failure: tuple[str, str] | None = None
    """Reason and message of the condition that says that it failed for good."""
    suspended: bool = False
    active: int = 0
    ready: int = 0
    terminating: bool = False

    @property
    def ended(self) -> bool:
        """Whether no pod of it runs any more, for better or worse."""
        return self.complete or self.failure is not None

    @property
    def standing(self) -> str:
        """How it stands, for the story's message."""
        if self.terminating:
            return "is being deleted"
        if self.suspended:
            return "is suspended and waits for its turn"
        if self.active and self.ready >= self.active:
            return "is running"
        return "is pending"


def read_job(body: Mapping[str, Any]) -> FilmJob:
    """Return what a Job says of itself."""
    meta, status = body["metadata"], body.get("status") or {}
    labels = meta.get("labels") or {}
    holds = {each["type"]: each for each in status.get("conditions") or () if each["status"] == "True"}
    failed = holds.get("Failed")
    return FilmJob(
        name=meta["name"],
        uid=meta["uid"],
        story_uid=labels.get(STORY_UID_LABEL, ""),
        story=(labels.get(STORY_NAMESPACE_LABEL, ""), labels.get(STORY_LABEL, "")),
        version=int(meta["resourceVersion"]),
        complete="Complete" in holds,
        failure=(failed.get("reason", "Failed"), failed.get("message", "")) if failed else None,
        suspended=bool(body.get("spec", {}).get("suspend")),
        active=status.get("active") or 0,
        ready=status.get("ready") or 0,
        terminating="deletionTimestamp" in meta,
    )


def job_name(story: str, *identity: object) -> str:
    """Return the name of a film's Job: the same for the same try at the same film of the same story."""
    readable = story[:_NAME_CHARACTERS].strip("-.")
    return f"film-{readable}-{sha256(canonical(identity))[:12]}"


def label_of(lease: str) -> str:
    """Return the label that tells the film Jobs of an operator, by its Lease's name, from those of another one."""
    return lease[:_LABEL_CHARACTERS].strip("-.")


def next_turn(job: FilmJob | None) -> Turn:
    """Return what is to be done about the Job that is wanted; None stands for no Job."""
    if job is None:
        return Turn.MAKE
    if job.terminating:
        return Turn.WAIT
    if job.complete:
        return Turn.COLLECT
    return Turn.WAIT if job.failure is None else Turn.EXPLAIN


def superfluous(jobs: Iterable[FilmJob], wanted: str | None) -> list[FilmJob]:
    """Return the Jobs of a story that still work at what nobody wants. Ended ones stay to be looked at."""
    return [job for job in jobs if job.name != wanted and not job.ended and not job.terminating]


def why_failed(place: str, failure: tuple[str, str], pods: Sequence[Mapping[str, Any]], seconds: int) -> str:
    """Return why a Job failed, in the film's own words where its last pod left some. ``place`` names the Job."""
    reason, message = failure
    if reason == "DeadlineExceeded":
        return f"film Job {place} took longer than {seconds} s (DeadlineExceeded): raise film.job.deadlineSeconds"
    said = _last_words(pods)
    if said:
        return said
    return f"film Job {place} failed ({reason}): {message or 'its pods left no word'}"


def _last_words(pods: Sequence[Mapping[str, Any]]) -> str | None:
    for pod in sorted(pods, key=lambda each: str(each["metadata"].get("creationTimestamp", "")), reverse=True):
        status = pod.get("status") or {}
        for container in status.get("containerStatuses") or ():
            ended = (container.get("state") or {}).get("terminated") or {}
            if ended.get("reason") == "OOMKilled":
                return "the film Job ran out of memory (OOMKilled): raise film.job.resources.limits.memory"
            if ended.get("exitCode") and ended.get("message"):
                return str(ended["message"]).strip()
        if status.get("reason"):  # such as Evicted, of a pod as a whole
            return f"the pod of the film Job failed ({status['reason']}): {status.get('message', '')}"
    return None
