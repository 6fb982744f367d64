"""The webhook sidecar, its own code, and the vendor's courier that loses, repeats, delays and reorders its calls."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

from multidict import MultiDict

from simulation.apiserver import ApiServer, Json
from simulation.market import Job, Market
from simulation.network import Network
from simulation.ports import SimCluster
from simulation.trace import Trace
from simulation.virtual import Process, VirtualLoop
from simulation.watching import Watch
from simulation.weather import Channel, Weather
from storyjob.ambient import AMBIENT, Ambient, now
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

SIGNING_KEY = b"signing"
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
    """Carries the vendor's callbacks to the sidecar, badly."""

    def __init__(self, loop: VirtualLoop, weather: Weather, market: Market, sidecar: Sidecar, trace: Trace) -> None:
        self._loop = loop
        self._weather = weather
        self._market = market
        self._sidecar = sidecar
        self._trace = trace

    def watch(self, job: Job, url: str) -> None:
        """Call when the job begins and when it has ended."""
        self._loop.outside(max(0.0, job.begins_at - self._loop.time()), self._tell, job, url, "processing")
        self._await_end(job, url)

    def _await_end(self, job: Job, url: str) -> None:
        moment = self._loop.time()
        if job.ended(moment):
            self._tell(job, url, job.end.value)
        else:
            # A job that somebody stops ends sooner than it was to.
            self._loop.outside(min(max(job.ends_at - moment, 0.001), 30.0), self._await_end, job, url)

    def _tell(self, job: Job, url: str, status: str) -> None:
        for _ in range(1 + self._weather.bad(Channel.CALLBACK)):
            if not self._weather.bad(Channel.CALLBACK, part=0.7):
                late = self._weather.delay(0.1, 120.0) if self._weather.bad(Channel.CALLBACK) else 0.1
                self._loop.outside(late, self._post, job.job_id, url, status, "", 0)
        if self._weather.bad(Channel.CALLBACK):
            self._loop.outside(0.2, self._post, job.job_id, url, status, self._weather.dice.choice(FORGERIES), 9)

    def _post(self, job_id: str, url: str, status: str, forged: str, tries: int) -> None:
        if not self._sidecar.process.alive:
            return
        if forged == "token":
            url = url.rpartition("=")[0] + "=" + "0" * 32
        if forged == "job":
            job_id, status = "replicate-9999", "succeeded"
        body = json.dumps({"id": job_id, "status": status}).encode()
        key = b"guessed" if forged else SIGNING_KEY
        self._sidecar.process.start(self._deliver(job_id, url, status, forged, tries, body, key))

    async def _deliver(
        self, job_id: str, url: str, status: str, forged: str, tries: int, body: bytes, key: bytes
    ) -> None:
        answer = await self._sidecar.post(url, _signed(body, key), body)
        self._trace.add("courier", "%s %s%s: %s", job_id, status, f" forged {forged}" if forged else "", answer)
        if answer >= 300 and tries < len(AGAIN_SECONDS):
            self._loop.outside(AGAIN_SECONDS[tries], self._post, job_id, url, status, forged, tries + 1)


def _signed(body: bytes, key: bytes) -> dict[str, str]:
    """Return the headers of https://www.standardwebhooks.com."""
    number, stamp = hashlib.sha256(body).hexdigest()[:16], str(int(now().timestamp()))
    signed = hmac.new(key, f"{number}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(signed).decode()
    return {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": signature}
