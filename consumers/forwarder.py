"""The forwarder: sends dead letters to their topic, at least once, and keeps nobody waiting."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from dwell.errors import LogUnavailable
from dwell.events.dead_letters import LARGEST, DeadLetter, DeadLetterTopic
from dwell.warehouse.dead_letters import Letter, Unforwarded
from dwell.warehouse.live import LiveWarehouse

LOOK_SECONDS = 0.25
"""Pause between two looks whether there is something to forward."""
RETRY_AFTER = 5.0
"""Seconds until a topic that did not answer is tried again."""

logger = logging.getLogger(__name__)


class Forwarder:
    """Forwards what stands in `dead_letter` and was not forwarded, and then writes down when.

    The table is the list of what is to be done, so a letter is not lost whatever is killed when;
    one that was sent and not written down is sent once more.

    Args:
        in_turn: runs a function in the one thread that may touch the warehouse.
        forwarded: called when the table has changed.
    """

    def __init__(
        self,
        warehouse: LiveWarehouse,
        topic: DeadLetterTopic,
        *,
        in_turn: Callable[[Callable[[], Any]], Awaitable[Any]],
        forwarded: Callable[[], None],
    ) -> None:
        self._unforwarded = Unforwarded(warehouse, LARGEST)
        self._topic = topic
        self._in_turn = in_turn
        self._forwarded = forwarded
        self._more = True  # a former run may have left some

    def changed(self) -> None:
        """There are new dead letters."""
        self._more = True

    async def run(self, stopping: asyncio.Event) -> None:
        """Forward whatever there is, until `stopping`; what is under way then is sent again later.

        Raises:
            WarehouseError: the warehouse cannot be written.
        """
        while not stopping.is_set():
            pause = await self._round(stopping) if self._more else LOOK_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)

    async def _round(self, stopping: asyncio.Event) -> float:
        """Forward the next few; returns the seconds to wait before the ones behind them."""
        self._more = False
        letters: list[Letter] = await self._in_turn(self._unforwarded.first)
        if not letters:
            return LOOK_SECONDS
        self._more = True
        sending = self._topic.forward([DeadLetter(*letter) for letter in letters])
        try:
            if not await _before(stopping, sending):
                return 0.0
        except LogUnavailable as error:
            logger.warning("dead letters wait for their topic, trying again: %s", error)
            return RETRY_AFTER
        now = datetime.now(UTC).replace(tzinfo=None)
        await self._in_turn(partial(self._unforwarded.strike, letters, now))
        self._forwarded()
        return 0.0


async def _before(stopping: asyncio.Event, doing: Coroutine[Any, Any, None]) -> bool:
    """Whether it was done before `stopping`; if not, it is cancelled."""
    task = asyncio.create_task(doing)
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return False
    task.result()
    return True
