"""When to publish: soon after something changed, and seldom enough not to slow the projector."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from dwell.errors import WarehouseError
from dwell.warehouse import snapshot
from dwell.warehouse.live import LiveWarehouse

SHARE = 10
"""A publication that keeps the projector waiting for t seconds is the last for SHARE * t seconds."""

logger = logging.getLogger(__name__)


class Publisher:
    """Publishes a live warehouse.

    Args:
        every: seconds between two publications, at least.
        in_turn: runs a function in the one thread that may touch the warehouse.
    """

    def __init__(
        self,
        warehouse: LiveWarehouse,
        published: Path,
        *,
        every: float,
        in_turn: Callable[[Callable[[], float]], Awaitable[float]],
    ) -> None:
        self._warehouse = warehouse
        self._published = published
        self._every = every
        self._in_turn = in_turn
        self._changed = asyncio.Event()
        snapshot.sweep(published)
        self._changed.set()  # what was committed before may not be published

    def changed(self) -> None:
        """The warehouse has something that is not published."""
        self._changed.set()

    async def run(self) -> None:
        """Publish whenever something changed, until cancelled."""
        while True:
            await self._changed.wait()
            paused = await self.publish()
            await asyncio.sleep(max(self._every, SHARE * paused))

    async def publish(self) -> float:
        """Publish if something changed; returns the seconds the projector could not work.

        A failure is logged, the former publication stands, and the next round tries again.
        """
        if not self._changed.is_set():
            return 0.0
        self._changed.clear()
        paused = await self._in_turn(self._checkpoint)
        try:
            await asyncio.to_thread(snapshot.copy, self._warehouse.path, self._published)
        except WarehouseError as error:
            logger.error("%s", error)
            self._changed.set()
        return paused

    def _checkpoint(self) -> float:
        began = time.monotonic()
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._warehouse.transaction():
            self._warehouse.note("published_at", now)
        self._warehouse.checkpoint()
        return time.monotonic() - began
