"""The world behind the wire: takes jobs, lets time pass, makes what was wished, charges for it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from storyjob.api.errors import MediaError
from storyjob.simulator.clock import Clock
from storyjob.simulator.courier import Courier
from storyjob.simulator.fault import Fail, NeverFinish, Refuse
from storyjob.simulator.files import Files
from storyjob.simulator.job import Job, JobEvent, JobState, Listener, Media, Wish
from storyjob.simulator.ledger import Entry, Ledger
from storyjob.simulator.script import FaultScript, Subject
from storyjob.simulator.settings import Settings, price

_LOG = logging.getLogger(__name__)
_QUEUED_PART = 0.1  # of a job's time is spent before it starts


class Studio(Protocol):
    """Makes media."""

    async def make(self, wish: Wish, job_id: str, index: int) -> Media:
        """Return file ``index`` of a job. Raises ``MediaError`` when the wish cannot be met."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """An accepted submission, as a vendor hands it to the world."""

    job_id: str
    wish: Wish
    base_url: str
    request: Mapping[str, Any] = field(default_factory=dict)
    deadline_seconds: float | None = None
    """Real seconds after which the job is cancelled, or aborted when it has not begun."""
    deadline_to_start: bool = False
    """Whether the deadline is only for the start: a job that has begun goes on."""
    listener: Listener | None = None


class World:
    """Everything that vendors share."""

    def __init__(self, settings: Settings, studio: Studio, folder: Path) -> None:
        self.settings = settings
        self.clock = Clock(settings.speed)
        self.ledger = Ledger()
        self.faults = FaultScript()
        self.files = Files(folder, self.clock, settings.link_seconds)
        self.courier = Courier(self.clock, settings.webhook_secret)
        self._studio = studio
        self._jobs: dict[tuple[str, str], Job] = {}
        self.open_jobs: Counter[str] = Counter()
        """How many jobs of each vendor have not ended."""

    def submit(self, order: Order, entry: Entry) -> Job:
        """Take a job: from here on it runs, and is charged, whatever becomes of the answer."""
        now = self.clock.now()
        faults = self.faults.job(entry.subject)
        deadline = None if order.deadline_seconds is None else now + order.deadline_seconds
        job = Job(order.job_id, order.wish, now, order.base_url, order.request, faults, deadline, order.listener)
        self._jobs[(order.wish.vendor, job.id)] = job
        self.open_jobs[order.wish.vendor] += 1
        entry.job = job
        job.work = asyncio.create_task(self._run(job))
        job.work.add_done_callback(partial(self._report_crash, job))
        if order.deadline_seconds is not None:
            passes = partial(self._pass_deadline, job, to_start=order.deadline_to_start)
            asyncio.get_running_loop().call_later(order.deadline_seconds, passes)
        return job

    def find(self, vendor: str, job_id: str) -> Job | None:
        """Return a job; its data is gone once its links expired."""
        job = self._jobs.get((vendor, job_id))
        if job is not None:
            self._remove_expired(job)
        return job

    def jobs(self, vendor: str) -> list[Job]:
        """Return a vendor's jobs, newest first."""
        mine = [job for (name, _), job in self._jobs.items() if name == vendor]
        for job in mine:
            self._remove_expired(job)
        return mine[::-1]

    def cancel(self, job: Job) -> None:
        """Stop a job; one that ended stays as it is. What had begun is charged."""
        if not job.state.final:
            begun = job.state is JobState.RUNNING
            self._stop(job, JobState.CANCELED, self._price(job) if begun else Decimal(0))

    async def close(self) -> None:
        """Stop all work and all deliveries."""
        tasks = [job.work for job in self._jobs.values() if job.work and not job.work.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.courier.close()

    async def _run(self, job: Job) -> None:
        seconds = self.settings.job_seconds(job.wish.kind, job.wish.text)
        endless = job.faults.get("never-finish")
        if isinstance(endless, NeverFinish) and endless.stage == "queued":
            return
        await self.clock.work(seconds * _QUEUED_PART)
        job.state = JobState.RUNNING
        job.started_at = self.clock.now()
        self._tell(job, JobEvent.START)
        if endless is not None:
            return
        rest = asyncio.create_task(self.clock.work(seconds * (1 - _QUEUED_PART)))
        try:
            await self._work(job, rest)
        finally:
            rest.cancel()

    async def _work(self, job: Job, rest: asyncio.Task[None]) -> None:
        match job.faults.get("fail") or job.faults.get("refuse"):
            case Fail(message=message, charged=charged):
                await rest
                self._finish(job, JobState.FAILED, self._price(job) if charged else Decimal(0), message)
            case Refuse(message=message):
                await rest
                self._finish(job, JobState.REFUSED, Decimal(0), message)
            case _:
                try:
                    made = [await self._studio.make(job.wish, job.id, index) for index in range(job.wish.count)]
                except MediaError as error:
                    self._finish(job, JobState.FAILED, Decimal(0), str(error))
                    return
                await rest
                self._deliver(job, made)

    def _report_crash(self, job: Job, work: asyncio.Task[None]) -> None:
        if not work.cancelled() and (error := work.exception()) is not None:
            _LOG.error("job %s crashed", job.id, exc_info=error)
            self._finish(job, JobState.FAILED, Decimal(0), f"the simulator crashed: {error!r}")

    def _deliver(self, job: Job, made: list[Media]) -> None:
        subject = subject_of(job)
        job.outputs = [self.files.put(media, subject).key for media in made]
        job.alignment = made[0].alignment
        if "data-removed" in job.faults:
            self._remove(job)
        self._finish(job, JobState.SUCCEEDED, self._price(job))

    def _price(self, job: Job) -> Decimal:
        return price(job.wish.kind, job.wish.text, job.wish.count)

    def _pass_deadline(self, job: Job, *, to_start: bool) -> None:
        if job.state is JobState.QUEUED:
            self._stop(job, JobState.ABORTED, Decimal(0))
        elif not to_start:
            self.cancel(job)

    def _stop(self, job: Job, state: JobState, charged: Decimal) -> None:
        if job.work is not None:
            job.work.cancel()
        self._finish(job, state, charged)

    def _finish(self, job: Job, state: JobState, charged: Decimal, error: str | None = None) -> None:
        self.open_jobs[job.wish.vendor] -= 1
        job.state = state
        job.charged = charged
        job.error = error
        job.completed_at = self.clock.now()
        job.worked = (job.completed_at - job.started_at) * self.settings.speed if job.started_at else 0.0
        job.finished.set()
        self._tell(job, JobEvent.COMPLETED)

    def _tell(self, job: Job, event: JobEvent) -> None:
        if job.listener is not None:
            job.listener(job, event)

    def _remove_expired(self, job: Job) -> None:
        if job.completed_at and self.clock.now() >= job.completed_at + self.settings.link_seconds:
            self._remove(job)

    def _remove(self, job: Job) -> None:
        job.removed = True
        for key in job.outputs:
            self.files.forget(key)


def subject_of(job: Job) -> Subject:
    """Return what faults on a job's later requests are matched against."""
    return Subject(job.wish.vendor, job.wish.kind, job.wish.model, job.wish.text)
