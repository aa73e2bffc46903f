"""The forwarder: sends dead letters to their topic, at least once, and keeps nobody waiting."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from dwell.consumers.outage import Outage
from dwell.consumers.stopping import Stopped, before
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
    one that was sent and not written down is sent once more. One that the topic refuses is not tried
    again in this run, and those behind it get through.

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
        self._refused: set[tuple[int, int]] = set()
        self._topic = topic
        self._in_turn = in_turn
        self._forwarded = forwarded
        self._outage = Outage(
            "dead letters wait for their topic", "the topic of dead letters answers again"
        )
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
        refused = frozenset(self._refused)
        letters: list[Letter] = await self._in_turn(partial(self._unforwarded.first, refused))
        if not letters:
            return LOOK_SECONDS
        self._more = True
        meant = [DeadLetter(*each) for each in letters]
        try:
            outcome = await before(stopping, self._topic.forward(meant))
        except Stopped:
            return 0.0
        await self._strike([each for each in letters if each[:2] in outcome.durable])
        self._leave(outcome.refused)
        if outcome.trouble is None:
            self._outage.over()
            return 0.0
        self._outage.met(outcome.trouble)
        return RETRY_AFTER

    async def _strike(self, letters: list[Letter]) -> None:
        if letters:
            now = datetime.now(UTC).replace(tzinfo=None)
            await self._in_turn(partial(self._unforwarded.strike, letters, now))
            self._forwarded()

    def _leave(self, refused: dict[tuple[int, int], str]) -> None:
        """Do not try these again in this run."""
        for (partition, offset), why in refused.items():
            logger.warning(
                "dead letter %d:%d is not forwarded, its topic refuses it: %s",
                partition,
                offset,
                why,
            )
        self._refused.update(refused)
