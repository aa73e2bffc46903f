"""Stopping: what is under way when a process is told to end is waited for so long and no longer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")


class Stopped(Exception):
    """It was not done when it had to be, and was cancelled."""


async def before(
    stopping: asyncio.Event, doing: Awaitable[Result], *, grace: float = 0.0
) -> Result:
    """What comes of something that is to be done before `stopping` is set, or `grace` seconds later.

    Nothing of it goes on behind this, also if who waits here is cancelled.

    Raises:
        Stopped: it was not done.
    """
    task = asyncio.ensure_future(doing)
    told = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=grace)
    finally:
        told.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    if task.cancelled():
        raise Stopped
    return task.result()
