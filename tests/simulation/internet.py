"""The internet as httpx sees it: requests that reach a vendor, or do not, and links to results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import httpx

from simulation.market import TOKEN, End, Line, Market
from simulation.network import Network, Route
from simulation.vendors import HOSTS
from simulation.virtual import PROCESS
from simulation.weather import Channel, Fate, Weather
from simulation.wire import NOT_FOUND, Asked, Said, Vendor, read_body
from storyjob.api.errors import OutputExpired, OutputUnreachable
from storyjob.media.download import FetchLimits, Sink

NEVER = float("inf")
REFUSALS = (
    Said(429, {"detail": "Request was throttled. Expected available in 3 seconds."}, {"retry-after": "3"}),
    Said(503, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "try again later"}}),
    Said(429, {"detail": {"status": "system_busy", "message": "busy"}}),
)
BROKEN = (
    Said(500, {"title": "internal error"}),
    Said(502, {}),
    Said(200, {"surprise": True}),
)
WRONG_KEY = Said(
    401,
    {
        "title": "Unauthenticated",
        "detail": {"status": "invalid_api_key", "message": "who are you?"},
        "error": {"code": 401, "status": "UNAUTHENTICATED", "message": "who are you?"},
    },
)
NO_MONEY = Said(402, {"title": "Insufficient credit", "detail": "you have run out of credits"})


class Internet(httpx.AsyncBaseTransport):
    """Carries the adapters' requests. ``sends`` is told of each paid one before it goes out."""

    def __init__(self, network: Network, market: Market, weather: Weather, sends: Callable[[Line], None]) -> None:
        self._network = network
        self._market = market
        self._weather = weather
        self._sends = sends

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.path
        vendor, raw = HOSTS[host], await request.aread()
        query = dict(request.url.params)
        asked = Asked(request.method, path, query, dict(request.headers), read_body(raw), None)
        line = None
        if vendor.buys(request.method, path):
            line = self._line(vendor, asked, raw)
            asked = Asked(asked.method, path, query, asked.headers, asked.body, line)
        fate = self._weather.fate(Channel.ASK if line is None else Channel.VENDOR)
        if fate is Fate.REFUSED and self._weather.dice.random() < 0.6:
            said = self._weather.dice.choice(REFUSALS)
            if line is not None:
                line.under_way = False
            return await self._answer(vendor, line, lambda: said, Fate.FINE)
        if line is not None and fate in (Fate.REFUSED, Fate.LOST):
            line.under_way = False
        return await self._answer(vendor, line, lambda: self._serve(vendor, asked), fate)

    def _serve(self, vendor: Vendor, asked: Asked) -> Said:
        key = self._market.keys.get(vendor.name)
        if (
            key is not None
            and asked.path not in vendor.for_all
            and not any(key in value for value in asked.headers.values())
        ):
            return WRONG_KEY
        if asked.line is not None and self._weather.broke(vendor.name):
            return NO_MONEY
        return vendor.serve(self._market, asked)

    def _line(self, vendor: Vendor, asked: Asked, raw: bytes) -> Line:
        token_hash = hashlib.sha256((TOKEN.get() or "").encode()).hexdigest()
        line = Line(
            token_hash,
            vendor.name,
            "",
            self._market.loop.time(),
            PROCESS.get().name,
            raw.decode(),
            asked.headers.get("idempotency-key"),
            vendor.calls.url(asked) if vendor.calls else None,
        )
        self._sends(line)
        self._market.lines.append(line)
        return line

    async def _answer(self, vendor: Vendor, line: Line | None, serve: Callable[[], Said], fate: Fate) -> httpx.Response:
        dice = self._weather.dice
        route, taken = _route(dice.random() < 0.5), dice.random() < 0.6
        # From who does not say which job an answer is about, nonsense can only be told by its status.
        broken = dice.choice(BROKEN[: 3 if line or vendor.names_its_jobs else 2]) if fate is Fate.BROKEN else None
        fate = Fate.FINE if broken else fate

        def effect() -> Said:
            if line is not None:
                line.under_way = False
            # What a vendor answers in its trouble says nothing of whether it took the request.
            said = serve() if taken or broken is None else None
            return broken or said or NOT_FOUND

        said = await self._network.ask(route, effect, fate=fate, takes=lambda answer: answer.takes)
        if line is not None and line.job is not None and said.status < 300 and broken is None:
            line.answered_at = self._market.loop.time()
        content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        return httpx.Response(said.status, headers=said.headers, content=content)


def _route(quick: bool) -> Route:
    def gone() -> Exception:
        return httpx.ReadError("connection reset by peer")

    # Some connections break soon; on others nobody ever answers, and the adapter's own deadline must end it.
    patience = 5.0 if quick else NEVER
    return Route(Channel.VENDOR, 0.1, 30.0, patience, lambda: httpx.ConnectError("refused"), gone, gone)


class SimDownloader:
    """Fetches what a link of a vendor leads to."""

    def __init__(self, network: Network, market: Market, weather: Weather) -> None:
        self._network = network
        self._market = market
        self._weather = weather
        self.limits = FetchLimits()

    async def download(self, url: str, sink: Sink, authorization: object = None) -> None:
        """Write the bytes behind a link."""

        def read() -> bytes:
            job = self._market.behind(url)
            if job is None or job.end is not End.SUCCEEDED:
                raise OutputExpired(f"{url}: 404")
            return job.data

        data = await self._network.ask(_LINK, read, fate=self._fate())
        await sink.write(data)
        await sink.flush()

    def _fate(self) -> Fate:
        fate = self._weather.fate(Channel.DOWNLOAD)
        return Fate.BROKEN if fate in (Fate.LOST, Fate.MUTE, Fate.LATE) else fate


def _cut() -> Exception:
    return OutputUnreachable("the download broke off")


_LINK = Route(Channel.DOWNLOAD, 0.2, 20.0, NEVER, _cut, _cut, _cut)
