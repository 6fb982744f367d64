"""The webhook sidecar, its own code, and the vendor's courier that loses, repeats, delays and reorders its calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

from multidict import MultiDict

from simulation.apiserver import ApiServer, Json
from simulation.market import Job
from simulation.network import Network
from simulation.ports import SimCluster
from simulation.trace import Trace
from simulation.virtual import Process, VirtualLoop
from simulation.watching import Watch
from simulation.weather import Channel, Weather
from simulation.wire import Body, Calling
from storyjob.ambient import AMBIENT, Ambient
from storyjob.cluster.cache import Key
from storyjob.cluster.resources import PROVIDERS, SCENES
from storyjob_webhook.accounts import AccountIndex
from storyjob_webhook.callbacks import Callbacks
from storyjob_webhook.keys import SigningKeys
from storyjob_webhook.metrics import Metrics
from storyjob_webhook.recorder import Recorder
from storyjob_webhook.refusal import Refusal
from storyjob_webhook.scenes import SceneIndex

if TYPE_CHECKING:
    from aiohttp import web

METRICS = Metrics()
AGAIN_SECONDS = (5.0, 15.0, 45.0)  # until a vendor calls again that was not answered 2xx
FORGERIES = ("token", "signature", "job")


class Sidecar:
    """The real judge and recorder of callbacks, in a process of their own, behind the simulated watch."""

    def __init__(self, loop: VirtualLoop, network: Network, api: ApiServer, weather: Weather, ambient: Ambient) -> None:
        self.process = Process("sidecar", loop)
        self.process.context.run(AMBIENT.set, ambient)
        cluster = SimCluster(network, api)
        self._scenes, self._accounts = SceneIndex(), AccountIndex()
        self._callbacks = Callbacks(
            self._scenes,
            self._accounts,
            SigningKeys(cluster, "storyjob-system", loop.time),
            Recorder(cluster, self._scenes, METRICS),
            METRICS,
            synced=lambda: True,
        )
        for resource, index in ((SCENES, self._scenes), (PROVIDERS, self._accounts)):
            Watch(loop, api, weather, self.process, resource, _into(index)).begin()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take in one callback and return the status of the answer."""
        parts = urlsplit(url)
        query = MultiDict((name, value) for name, values in parse_qs(parts.query).items() for value in values)
        parts_of_body = iter([body] if body else [])

        async def readany() -> bytes:
            return next(parts_of_body, b"")

        request = SimpleNamespace(
            match_info={"id": parts.path.rpartition("/")[2]},
            query=query,
            headers=headers,
            content_length=len(body),
            content=SimpleNamespace(readany=readany),
        )
        try:
            return (await self._callbacks.post(cast("web.Request", request))).status
        except Refusal as refusal:
            return refusal.status


def _into(index: SceneIndex | AccountIndex):  # type: ignore[no-untyped-def]
    def saw(item: Json, gone: bool) -> None:
        metadata = item["metadata"]
        if gone:
            index.lost(Key(metadata["namespace"], metadata["name"]), metadata["uid"])
        else:
            index.seen(item)

    return saw


class Courier:
    """Carries the vendors' callbacks to the sidecar, badly."""

    def __init__(self, loop: VirtualLoop, weather: Weather, sidecar: Sidecar, trace: Trace) -> None:
        self._loop = loop
        self._weather = weather
        self._sidecar = sidecar
        self._trace = trace

    def watch(self, job: Job, url: str, calling: Calling) -> None:
        """Call when the job has ended, and when it begins if the vendor does that."""
        if calling.at_begin:
            self._loop.outside(max(0.0, job.begins_at - self._loop.time()), self._tell, job, url, calling)
        self._await_end(job, url, calling)

    def _await_end(self, job: Job, url: str, calling: Calling) -> None:
        moment = self._loop.time()
        if job.ended(moment):
            self._tell(job, url, calling)
        else:
            # A job that somebody stops ends sooner than it was to.
            self._loop.outside(min(max(job.ends_at - moment, 0.001), 30.0), self._await_end, job, url, calling)

    def _tell(self, job: Job, url: str, calling: Calling) -> None:
        call = _Call(job.job_id, url, calling.body(job, self._loop.time()), calling)
        for _ in range(1 + self._weather.bad(Channel.CALLBACK)):
            if not self._weather.bad(Channel.CALLBACK, part=0.7):
                late = self._weather.delay(0.1, 120.0) if self._weather.bad(Channel.CALLBACK) else 0.1
                self._loop.outside(late, self._post, call, 0)
        if self._weather.bad(Channel.CALLBACK):
            # Where nothing is signed, only the token in the URL is there to be guessed.
            kinds = FORGERIES if calling.sign else FORGERIES[:1]
            self._loop.outside(0.2, self._post, call.forged_as(self._weather.dice.choice(kinds)), 9)

    def _post(self, call: _Call, tries: int) -> None:
        if self._sidecar.process.alive:
            self._sidecar.process.start(self._deliver(call, tries))

    async def _deliver(self, call: _Call, tries: int) -> None:
        body = json.dumps(call.body).encode()
        answer = await self._sidecar.post(call.url, call.headers(body), body)
        how = f" forged {call.forged}" if call.forged else ""
        self._trace.add("courier", "%s calls%s: %s", call.job_id, how, answer)
        if answer >= 300 and tries < len(AGAIN_SECONDS):
            self._loop.outside(AGAIN_SECONDS[tries], self._post, call, tries + 1)


@dataclass(frozen=True, slots=True)
class _Call:
    """One callback, genuine or forged."""

    job_id: str
    url: str
    body: Body
    calling: Calling
    forged: str = ""

    def forged_as(self, what: str) -> _Call:
        """Return the same with a guessed token, a guessed signature, or about a job that is none."""
        url = self.url.rpartition("=")[0] + "=" + "0" * 32 if what == "token" else self.url
        named = {name: value if value != self.job_id else "replicate-9999" for name, value in self.body.items()}
        return replace(self, url=url, body=named if what == "job" else self.body, forged=what)

    def headers(self, body: bytes) -> dict[str, str]:
        """Return what is to prove it; a forger can only sign something else."""
        if self.calling.sign is None:
            return {}
        return self.calling.sign(b"guessed" + body if self.forged else body, self.job_id)
