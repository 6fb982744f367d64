"""Runs what blocks on the bucket in threads, so that nobody waits for longer than was promised."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

T = TypeVar("T")

GIVE_UP_SECONDS = 5.0  # how long a download that was given up waits for its thread


class Lane:
    """One client of the bucket and the threads that use it.

    Transfers and small requests each have a lane, so that many slow ones of the first do not hold up the second.
    """

    def __init__(self, name: str, client: S3Client, workers: int, seconds: float) -> None:
        self.client = client
        self.seconds = seconds
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._turns = asyncio.Semaphore(workers)

    async def run(self, call: Callable[[S3Client], T], given_up: threading.Event | None = None) -> T:
        """Return what the call returns. Raises ``TimeoutError`` when it takes too long once it has its turn.

        Whatever ends the wait, the thread goes on; one that can be told to give up is told, and waited for a moment.
        """
        async with self._turns:
            job = self._pool.submit(call, self.client)
            try:
                async with asyncio.timeout(self.seconds):
                    return await asyncio.wrap_future(job)
            except (TimeoutError, asyncio.CancelledError):
                await _give_up(job, given_up)
                raise

    async def close(self) -> None:
        """Wait for what is under way, then let go of the connections."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        self.client.close()


async def _give_up(job: Future[T], given_up: threading.Event | None) -> None:
    if given_up is None or job.cancelled():
        return
    given_up.set()
    ended, _ = await asyncio.wait([asyncio.wrap_future(job)], timeout=GIVE_UP_SECONDS)
    _ = [each.exception() for each in ended]
