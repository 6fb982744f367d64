"""Does several things at once, and stops at the first that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Run all of ``work`` at the same time; when one fails, cancel the others and raise that one's own error."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except BaseExceptionGroup as failures:
        # A caller wants to read what went wrong, not in how many places at once.
        raise failures.exceptions[0] from None
