"""Does several things at once, and stops at the first that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def together(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Run all of ``work`` at the same time and return what each returned, in order.

    When one fails, the others are cancelled and awaited, and that one's own error is raised.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failures:
        # A caller wants to read what went wrong, not in how many places at once.
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
