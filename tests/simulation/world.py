"""One run: builds the world of a seed, lets it go on until all stories have ended, and says what came of it."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from simulation.apiserver import ApiServer
from simulation.bucket import Bucket
from simulation.market import Job, Line, Market
from simulation.network import Fuse, Network
from simulation.operating import BUCKET, RESYNC_SECONDS, Models, OperatorProcess, ambient
from simulation.person import KEYS, NAMESPACE, Person
from simulation.rules import Rules
from simulation.schedule import Death, Schedule, draw
from simulation.sidecar import Courier, Sidecar
from simulation.studio import installed
from simulation.trace import Trace
from simulation.vendors import VENDORS
from simulation.vendors.google import ACCESS_TOKEN, robot
from simulation.vendors.studio import SIGNING_KEY as STUDIO_SIGNING_KEY
from simulation.virtual import EPOCH, VirtualLoop
from simulation.weather import Channel, Weather
from storyjob.api.resource import CREDENTIALS_LABEL
from storyjob.api.settings import Settings
from storyjob.cluster.resources import PROVIDERS, SCENES, SECRETS, STORYJOBS

# Results pass through small files; in memory, where there is such a file system, that costs next to nothing.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
CALLBACK_URL = "https://hooks.example"
PATIENCE = 3600.0  # seconds from the end of the faults until every story must have ended
QUIET = 5.0  # seconds that all stays as it is before it counts as ended
LIVE = ("Submitting", "Running", "Storing", "OutcomeUnknown")


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one run."""

    schedule: Schedule
    broken: str | None
    trace: Trace
    seconds: float
    """How long it took in its own time."""
    faults: dict[str, int]
    doubts: dict[str, int]
    phases: tuple[str, ...]
    deaths: int
    bought: int
    checks: int
    most_reconciles: int


class Simulation:
    """The world of one seed."""

    def __init__(self, schedule: Schedule, loop: VirtualLoop, work_dir: Path) -> None:
        seed = schedule.seed
        self._schedule = schedule
        self._loop = loop
        self._dice = random.Random(f"{seed}/lives")
        self.trace = Trace(loop.time)
        self.weather = Weather(
            random.Random(f"{seed}/weather"),
            loop.time,
            schedule.calm_at,
            schedule.rates,
            schedule.outages,
            schedule.droughts,
        )
        self.api = ApiServer(lambda: EPOCH + timedelta(seconds=loop.time()))
        bucket, network = Bucket(), Network(loop, self.weather)
        self.market = Market(
            loop,
            self.weather,
            random.Random(f"{seed}/market"),
            schedule.strict,
            schedule.vendors_off,
            {name: f"key-0-of-{name}" for name in schedule.providers},
        )
        self.rules = Rules(
            self.api,
            self.market,
            bucket,
            self.trace,
            loop.stop,
            one_leader=schedule.leased or schedule.operators == 1,
            untroubled=not any(schedule.deaths) and not schedule.outages and set(schedule.rates) <= {Channel.API},
        )
        self._models = Models(
            loop,
            network,
            self.api,
            bucket,
            self.market,
            self.weather,
            self.trace,
            work_dir,
            settings(callbacks=schedule.callbacks),
            schedule.leased,
            self.rules.sends,
            self.rules.spins,
        )
        self.deaths = 0
        self._judged_at, self._judged_over = -1, False
        self._person = Person(self.api, self.market, self.trace, random.Random(f"{seed}/person"), loop.outside)
        self._sidecar = Sidecar(loop, network, self.api, self.weather, ambient(loop, random.Random(f"{seed}/sidecar")))
        self._courier = Courier(loop, self.weather, self._sidecar, self.trace)

    def begin(self) -> None:
        """Fill the cluster, start the operators, and plan what people do."""
        self._loop.set_exception_handler(self._broke)
        self._furnish()
        for number in range(self._schedule.operators):
            self._start(number, 0)
        for act in self._schedule.acts:
            self._loop.outside(act.at, self._person.act, act)
        self._loop.outside(0.0, self._look)

    def _broke(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Whatever escapes from a step is as bad as a broken promise, whether the operator's or the model's."""
        if "handle" in context:
            self.rules.violated("%s: %r", context["message"], context.get("exception"))

    def _furnish(self) -> None:
        secrets = {**self.market.keys, "studio-signing": STUDIO_SIGNING_KEY.decode()}
        for spec in self._schedule.providers.values():
            if spec["credentials"]["secretRef"]["key"] == "robot":
                secrets["robot"], self.market.keys["vertex-veo"] = robot(), ACCESS_TOKEN
        data = {name: base64.b64encode(value.encode()).decode() for name, value in secrets.items()}
        labels = {CREDENTIALS_LABEL: "true"}
        self.api.create(SECRETS, NAMESPACE, {"metadata": {"name": KEYS, "labels": labels}, "data": data})
        for name, spec in self._schedule.providers.items():
            self._person.apply(PROVIDERS, name, spec)
        for number, story in enumerate(self._schedule.stories):
            self._person.apply(STORYJOBS, f"story-{number}", story)
        self.market.started.append(self._called_back)

    def _called_back(self, line: Line, job: Job) -> None:
        self.trace.add(line.vendor, "takes %s for %s", job.job_id, line.token_hash[:8])
        calling = VENDORS[line.vendor].calls
        if line.callback_url and calling is not None:
            self._courier.watch(job, line.callback_url, calling)

    # Lives and deaths

    def _start(self, number: int, life: int) -> None:
        deaths, name = self._schedule.deaths[number], f"operator-{number}.{life}"
        operator = OperatorProcess(
            self._models, name, random.Random(f"{self._schedule.seed}/{name}"), self._schedule.skews[number]
        )
        process = operator.process

        def died() -> None:
            self.trace.add(name, "is dead")
            self.deaths += 1
            self.rules.died[name] = self._loop.time()
            again = life + 1 if process.doomed else life
            self._loop.outside(self._dice.uniform(2.0, 6.0), self._start, number, again)

        process.on_death = died
        if life < len(deaths) and not self.weather.calm:
            self._doom(operator, deaths[life])
        operator.start()

    def _doom(self, operator: OperatorProcess, death: Death) -> None:
        process = operator.process
        process.doomed = True
        match death.how:
            case "step":
                process.dies_at_step = death.at
            case "request":
                self._models.network.fuses[process] = Fuse(death.at, death.where)
            case "pause":
                self._loop.outside(float(death.at), process.pause)
                self._loop.outside(death.at + death.seconds, process.resume)
            case _:
                self._loop.outside(death.seconds, self._terminate, operator)

    def _terminate(self, operator: OperatorProcess) -> None:
        if operator.process.alive:
            self.trace.add(operator.process.name, "gets SIGTERM")
            operator.terminate(operator.process.on_death)

    # The end

    def _look(self, since: float | None = None) -> None:
        """Look once a second whether all is over."""
        moment = self._loop.time()
        if self.weather.calm and moment >= self._last_act():
            self._person.resume_all()
            self._person.settle(moment)
        over = moment >= self._last_act() and self._is_over() and not self._models.network.under_way
        since = (since if since is not None else moment) if over else None
        if since is not None and moment - since >= QUIET:
            self.rules.check_end()
            self._loop.stop()
        elif moment > self._schedule.calm_at + PATIENCE:
            self.rules.violated("not over %s s after the last fault: %s", PATIENCE, self.standing())
        else:
            self._loop.outside(1.0, self._look, since)

    def _last_act(self) -> float:
        return max((act.at for act in self._schedule.acts), default=0.0)

    def _is_over(self) -> bool:
        """Return whether nothing is left to be done, which only a write can change."""
        if self._judged_at != self.api.writes:
            self._judged_at, self._judged_over = self.api.writes, self._all_ended()
        return self._judged_over

    def _all_ended(self) -> bool:
        for story in self.api.all(STORYJOBS):
            status, meta = story["status"], story["metadata"]
            if "deletionTimestamp" in meta or status.get("observedGeneration") != meta["generation"]:
                return False
            if status.get("phase") not in ("Completed", "Failed"):
                return False
        for scene in self.api.all(SCENES):
            steps = scene["status"].get("steps", {}).values()
            if "deletionTimestamp" in scene["metadata"] or any(step.get("phase") in LIVE for step in steps):
                return False
        return True

    def standing(self) -> str:
        """Return how all stories and steps stand."""
        stories = [
            f"{story['metadata']['name']} {story['status'].get('phase')}: {story['status'].get('message')}"
            for story in self.api.all(STORYJOBS)
        ]
        steps = [
            f"{scene['metadata']['name']}/{kind} {step.get('phase')} {step.get('reason') or ''}"
            for scene in self.api.all(SCENES)
            for kind, step in scene["status"].get("steps", {}).items()
        ]
        return "; ".join([*stories, *steps])


@lru_cache(maxsize=2)
def settings(*, callbacks: bool) -> Settings:
    """Return the operator's settings."""
    chosen = {"s3_bucket": BUCKET, "callback_url": CALLBACK_URL, "resync_seconds": RESYNC_SECONDS}
    return Settings.model_validate(chosen if callbacks else chosen | {"callback_url": None})


def run(seed: int, work_dir: Path) -> Report:
    """Run one seed to its end."""
    return run_schedule(draw(seed), work_dir)


def run_schedule(schedule: Schedule, work_dir: Path) -> Report:
    """Run one schedule to its end, or until a promise is broken."""
    loop = VirtualLoop()
    simulation = Simulation(schedule, loop, work_dir)
    rules = simulation.rules
    try:
        simulation.begin()
        loop.run_forever()
    finally:
        seconds = loop.time()
        loop.abandon()
        loop.close()
    stories = simulation.api.all(STORYJOBS)
    return Report(
        schedule,
        rules.broken,
        simulation.trace,
        seconds,
        simulation.weather.drawn,
        dict(rules.doubts.ends),
        tuple(str(story["status"].get("phase")) for story in stories),
        simulation.deaths,
        sum(line.job is not None for line in simulation.market.lines),
        rules.checks,
        rules.most_reconciles,
    )


@contextmanager
def stage() -> Iterator[Path]:
    """Prepare for runs: nobody looks into media, nobody logs, and memory is tidied up between runs only."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        with tempfile.TemporaryDirectory(prefix="simulation-", dir=MEMORY) as folder, installed():
            yield Path(folder)
    finally:
        gc.enable()
        logging.disable(disabled)
