"""Delivers webhooks: signed, retried when they are the last of a job, never following redirects."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import aiohttp

from storyjob.simulator.clock import Clock
from storyjob.simulator.fault import DuplicateWebhook, JobFault, LateWebhook, LostWebhook, OldTimestamp
from storyjob.simulator.ledger import Delivery, Entry
from storyjob.simulator.signature import sign

# Replicate's last try comes about a minute after the job's end.
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds of the world
ANSWER_TIMEOUT = 10.0  # real seconds a receiver has
_STRANGERS_SECRET = "whsec_" + base64.b64encode(b"a key that nobody shared").decode()


Sign = Callable[[str, int, bytes, bool], Mapping[str, str]]
"""Returns the headers for a webhook's id, Unix seconds and body, and whether it is signed with the vendor's own key."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How one vendor delivers its webhooks."""

    sign: Sign
    agent: str
    delays: tuple[float, ...] = RETRY_DELAYS
    """Seconds of the world between the tries of one webhook."""
    insists: bool = False
    """Whether every webhook is tried again, not only the last of a job."""
    takes: Callable[[int], bool] = lambda status: status < 400
    """Which status counts as taken; redirects are not followed."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One webhook to deliver."""

    event: str
    webhook_id: str
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    entry: Entry = field(repr=False)
    last: bool
    """Whether it tells the end of a job."""
    faults: Mapping[str, JobFault] = field(default_factory=dict)
    habits: Habits | None = None
    """Replicate's when absent."""


class Courier:
    """Sends letters in the background and writes each try into the ledger."""

    def __init__(self, clock: Clock, secret: str) -> None:
        self._clock = clock
        self._replicate = Habits(partial(_sign_standard, secret), agent="Replicate")
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, letter: Letter) -> None:
        """Start to deliver; faults of the job decide what really happens."""
        lost = letter.faults.get("lost-webhook")
        if isinstance(lost, LostWebhook) and letter.event in lost.events:
            return
        self._start(letter, genuine="wrong-signature" not in letter.faults)

    def forge(self, letter: Letter) -> None:
        """Deliver a letter that is signed by somebody else."""
        self._start(letter, genuine=False)

    async def close(self) -> None:
        """Give up all deliveries."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _start(self, letter: Letter, *, genuine: bool) -> None:
        task = asyncio.create_task(self._deliver(letter, genuine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, letter: Letter, genuine: bool) -> None:
        late = letter.faults.get("late-webhook")
        if isinstance(late, LateWebhook) and late.event == letter.event:
            await asyncio.sleep(late.seconds)
        await self._deliver_once(letter, genuine)
        again = letter.faults.get("duplicate-webhook")
        if isinstance(again, DuplicateWebhook) and letter.last:
            for _ in range(again.copies - 1):
                await self._deliver_once(letter, genuine)

    async def _deliver_once(self, letter: Letter, genuine: bool) -> None:
        habits = letter.habits or self._replicate
        for delay in (*habits.delays, None):
            taken = await self._try(letter, habits, genuine)
            if taken or not (letter.last or habits.insists) or delay is None:
                return
            await self._clock.work(delay)

    async def _try(self, letter: Letter, habits: Habits, genuine: bool) -> bool:
        """Post once; say whether it was taken."""
        now = self._clock.now()
        old = letter.faults.get("old-timestamp")
        signed_at = now - (old.seconds if isinstance(old, OldTimestamp) else 0)
        headers = habits.sign(letter.webhook_id, int(signed_at), letter.body, genuine)
        delivery = Delivery(letter.event, letter.webhook_id, now)
        letter.entry.deliveries.append(delivery)
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT))
        try:
            async with self._session.post(
                letter.url,
                data=letter.body,
                headers={**headers, "Content-Type": "application/json", "User-Agent": habits.agent},
                allow_redirects=False,
            ) as response:
                delivery.status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            # Only the name: the text of some of these errors holds the URL and so the token.
            delivery.error = type(error).__name__
            return False
        return habits.takes(delivery.status)


def _sign_standard(secret: str, webhook_id: str, at: int, body: bytes, genuine: bool) -> Mapping[str, str]:
    return sign(secret if genuine else _STRANGERS_SECRET, webhook_id, at, body)
