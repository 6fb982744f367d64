"""Delivers webhooks: signed, retried when they are the last of a job, never following redirects."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from storyjob.simulator.clock import Clock
from storyjob.simulator.fault import DuplicateWebhook, JobFault, LateWebhook, LostWebhook, OldTimestamp
from storyjob.simulator.ledger import Delivery, Entry
from storyjob.simulator.signature import sign

# Replicate's last try comes about a minute after the job's end.
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds of the world
ANSWER_TIMEOUT = 10.0  # real seconds a receiver has
_STRANGERS_SECRET = "whsec_" + base64.b64encode(b"a key that nobody shared").decode()


@dataclass(frozen=True, slots=True)
class Letter:
    """One webhook to deliver."""

    event: str
    webhook_id: str
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    entry: Entry = field(repr=False)
    last: bool
    """Whether it tells the end of a job; only such are tried again."""
    faults: Mapping[str, JobFault] = field(default_factory=dict)


class Courier:
    """Sends letters in the background and writes each try into the ledger."""

    def __init__(self, clock: Clock, secret: str) -> None:
        self._clock = clock
        self._secret = secret
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, letter: Letter) -> None:
        """Start to deliver; faults of the job decide what really happens."""
        lost = letter.faults.get("lost-webhook")
        if isinstance(lost, LostWebhook) and letter.event in lost.events:
            return
        self._start(letter, self._secret_for(letter))

    def forge(self, letter: Letter) -> None:
        """Deliver a letter that is signed by somebody else."""
        self._start(letter, _STRANGERS_SECRET)

    async def close(self) -> None:
        """Give up all deliveries."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _secret_for(self, letter: Letter) -> str:
        return _STRANGERS_SECRET if "wrong-signature" in letter.faults else self._secret

    def _start(self, letter: Letter, secret: str) -> None:
        task = asyncio.create_task(self._deliver(letter, secret))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, letter: Letter, secret: str) -> None:
        late = letter.faults.get("late-webhook")
        if isinstance(late, LateWebhook) and late.event == letter.event:
            await asyncio.sleep(late.seconds)
        await self._deliver_once(letter, secret)
        again = letter.faults.get("duplicate-webhook")
        if isinstance(again, DuplicateWebhook) and letter.last:
            for _ in range(again.copies - 1):
                await self._deliver_once(letter, secret)

    async def _deliver_once(self, letter: Letter, secret: str) -> None:
        for delay in (*RETRY_DELAYS, None):
            taken = await self._try(letter, secret)
            if taken or not letter.last or delay is None:
                return
            await self._clock.work(delay)

    async def _try(self, letter: Letter, secret: str) -> bool:
        """Post once. Connection failures, 4xx and 5xx count as not taken; redirects as taken."""
        now = self._clock.now()
        old = letter.faults.get("old-timestamp")
        signed_at = now - (old.seconds if isinstance(old, OldTimestamp) else 0)
        headers = sign(secret, letter.webhook_id, int(signed_at), letter.body)
        delivery = Delivery(letter.event, letter.webhook_id, now)
        letter.entry.deliveries.append(delivery)
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT))
        try:
            async with self._session.post(
                letter.url,
                data=letter.body,
                headers=headers | {"Content-Type": "application/json", "User-Agent": "Replicate"},
                allow_redirects=False,
            ) as response:
                delivery.status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            # Only the name: the text of some of these errors holds the URL and so the token.
            delivery.error = type(error).__name__
            return False
        return delivery.status < 400
