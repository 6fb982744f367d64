"""Makes each film in a Job of the operator's own namespace. Level-triggered: a Job is found again by its name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from storyjob.ambient import monotonic
from storyjob.api.errors import StorageError
from storyjob.api.reasons import Reason
from storyjob.api.resource import FILMS_LABEL, STORY_UID_LABEL
from storyjob.api.settings import Settings
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import Key, key_of
from storyjob.cluster.client import Cluster, Json
from storyjob.cluster.errors import ClusterError, Conflict, NotFound
from storyjob.cluster.informer import Informer
from storyjob.cluster.resources import JOBS, PODS
from storyjob.media.film import find_film
from storyjob.media.request import FilmRequest, write_request
from storyjob.media.segment import segment_of
from storyjob.media.shot import Cut, film_hash
from storyjob.planning.filmjob import FilmJob, Turn, job_name, label_of, next_turn, read_job, superfluous, why_failed
from storyjob.reconcile.desk import FilmDesk
from storyjob.reconcile.facts import facts_of, heard
from storyjob.reconcile.filmpod import film_job
from storyjob.reconcile.filmrunner import FilmOrder
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.shots import title_of
from storyjob.reconcile.tasks import Pool
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

HELD_SECONDS = 10.0  # until the API server is asked again for a Job that it refused
LOOK_AGAIN_SECONDS = 1.0  # after Jobs were deleted
_JOB_NAME_LABEL = "batch.kubernetes.io/job-name"


class FilmJobs:
    """The film Jobs of this operator, as last seen, and what is done about them. No ffmpeg runs here."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._namespace = settings.namespace
        self._jobs: dict[Key, dict[str, FilmJob]] = {}
        """By story, then by name; also those of an earlier story of the same name."""

    def go_on(self, world: World, order: FilmOrder) -> str | None:
        """Make, await, or take the result of the Job that this try at this film has; end all others."""
        meta, story = order.story.metadata, key_of(order.story)
        desk, known = world.desk.films[meta.uid], self._jobs.get(story, {})
        wanted = None
        if order.name is not None:
            wanted = job_name(meta.name, meta.uid, order.name, meta.retry_asked, order.failures)
        self._end(world, story, superfluous(known.values(), wanted))
        if wanted is None:
            return None
        job = known.get(wanted)
        turn = next_turn(job)
        if job is not None and turn is Turn.WAIT:
            return f"Film Job {self._place(wanted)} {job.standing}."
        if desk.rests_until > monotonic():
            return desk.held
        work = partial(self._work, world, order, wanted, job, turn)
        world.tasks.start(("film", meta.uid), Pool.FILM, work, then=lambda: world.enqueue(Kind.STORY, story))
        return desk.held

    def rest(self, world: World, story: Key) -> None:
        """End every Job of the story that still works."""
        self._end(world, story, superfluous(self._jobs.get(story, {}).values(), None))

    async def let_go(self, world: World, story: StoryJob) -> None:
        """Delete all Jobs of the story, also those that were not seen yet."""
        selector = f"{STORY_UID_LABEL}={story.metadata.uid}"
        found, _ = await world.cluster.list(JOBS, self._namespace, selector=selector)
        await self._delete(world.cluster, [read_job(body) for body in found])

    async def follow(self, world: World) -> None:
        """Watch the Jobs of this operator, and look at a story again whenever one of its own changed."""

        def seen(body: Json) -> None:
            job = self._take(body)
            world.enqueue(Kind.STORY, Key(*job.story))

        def lost(key: Key, uid: str) -> None:
            for jobs in self._jobs.values():
                job = jobs.get(key.name)
                if job is not None and job.uid == uid:
                    self._forget(job)
                    world.enqueue(Kind.STORY, Key(*job.story))
                    return

        selector = f"{FILMS_LABEL}={label_of(self._settings.lease_name)}"
        await Informer(world.cluster, JOBS, self._namespace, seen, lost, selector=selector).run()

    async def _work(self, world: World, order: FilmOrder, name: str, job: FilmJob | None, turn: Turn) -> None:
        desk = world.desk.films[order.story.metadata.uid]
        try:
            if job is not None and turn is Turn.EXPLAIN and job.failure is not None:
                desk.error = await self._why(world, order.story, name, job.failure)
            else:
                await self._bring(world, desk, order, name, complete=turn is Turn.COLLECT)
            desk.held = None
        except StorageError as error:
            desk.error = str(error)
        except ClusterError as error:
            # Rights, quotas and policies are the installation's: the story waits for them and does not fail.
            _log.warning("film Job %s: %s", self._place(name), error)
            desk.held = f"Film Job {self._place(name)} cannot be had: {error}."
            desk.rests_until = monotonic() + HELD_SECONDS
            world.enqueue(Kind.STORY, key_of(order.story), HELD_SECONDS)

    async def _bring(self, world: World, desk: FilmDesk, order: FilmOrder, name: str, *, complete: bool) -> None:
        """Take the film if it is in the bucket, whoever made it and when; else have it made."""
        story, look = order.story, order.look
        layout = world.layout(story.metadata.namespace)
        cut = Cut(title_of(story), order.shots, [segment_of(layout, shot, look) for shot in order.shots], look)
        film = film_hash(cut)
        found = await find_film(world.store, layout, film)
        if found is not None:
            desk.outputs = found.model_copy(update={"hash": order.name})
        elif complete:
            desk.error = f"film Job {self._place(name)} is complete, but its film is not in the bucket"
        else:
            facts, narrations = facts_of(story, order.plan), heard(order.plan)
            request = FilmRequest(story.metadata.namespace, cut, facts, narrations)
            sha256 = await write_request(world.store, layout, request)
            await self._create(world.cluster, film_job(self._settings, story.metadata, name, film, sha256))

    async def _create(self, cluster: Cluster, body: Json) -> None:
        name = body["metadata"]["name"]
        try:
            made = await cluster.create(JOBS, self._namespace, body)
            _log.info("film Job %s is made", self._place(name), extra={"action": "film"})
        except Conflict:
            # Its name says what it makes and for whom, so it is the one that we made before we were restarted.
            made = await cluster.get(JOBS, self._namespace, name)
            uid = body["metadata"]["labels"][STORY_UID_LABEL]
            if read_job(made).story_uid != uid:
                raise Conflict(f"Job {self._place(name)} belongs to somebody else; delete it") from None
        self._take(made)

    async def _why(self, world: World, story: StoryJob, name: str, failure: tuple[str, str]) -> str:
        pods, _ = await world.cluster.list(PODS, self._namespace, selector=f"{_JOB_NAME_LABEL}={name}")
        why = why_failed(self._place(name), failure, pods, self._settings.film_deadline_seconds)
        await world.events.tell("StoryJob", story.metadata, Reason.FILM_FAILED, why, level="Warning")
        return why

    def _end(self, world: World, story: Key, jobs: Sequence[FilmJob]) -> None:
        if not jobs:
            return

        async def work() -> None:
            try:
                await self._delete(world.cluster, jobs)
            except ClusterError as error:
                _log.warning("film Jobs of story %s cannot be deleted yet: %s", "/".join(story), error)

        again = partial(world.enqueue, Kind.STORY, story, LOOK_AGAIN_SECONDS)
        world.tasks.start(("film-end", *story), Pool.FILM, work, then=again)

    async def _delete(self, cluster: Cluster, jobs: Sequence[FilmJob]) -> None:
        for job in jobs:
            try:
                # A Job's own default would leave its pods at work.
                await cluster.delete(JOBS, self._namespace, job.name, uid=job.uid, propagation="Background")
                _log.info("film Job %s is deleted", self._place(job.name), extra={"action": "film"})
            except (NotFound, Conflict):
                _log.debug("film Job %s is gone already", self._place(job.name))
            self._forget(job)

    def _take(self, body: Json) -> FilmJob:
        job = read_job(body)
        jobs = self._jobs.setdefault(Key(*job.story), {})
        if job.name not in jobs or jobs[job.name].version < job.version:
            jobs[job.name] = job
        return job

    def _forget(self, job: FilmJob) -> None:
        jobs = self._jobs.get(Key(*job.story), {})
        if job.name in jobs and jobs[job.name].uid == job.uid:
            del jobs[job.name]
        if not jobs:
            self._jobs.pop(Key(*job.story), None)

    def _place(self, name: str) -> str:
        return f"{self._namespace}/{name}"
