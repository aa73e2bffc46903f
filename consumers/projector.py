"""The projector: reads the log, applies it to the warehouse, publishes. One process, one file."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from dwell.consumers.agents import describe
from dwell.consumers.judge import judge
from dwell.consumers.publisher import Publisher
from dwell.errors import LogError, LogUnavailable
from dwell.events.log import Batch, LogReader
from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.projection import Applied, Projection

IDLE_WAIT = 1.0
"""Seconds a read waits for the first record; then partitions and stopping get their turn."""
RETRY_AFTER = 1.0
"""Seconds until a log that did not answer is asked again."""
FINISH_WITHIN = 3.0
"""Seconds that a projector which is told to stop goes on reading."""
QUIET_SHARE = 4
"""A transaction that took t seconds lets facts gather for QUIET_SHARE * t before the next one,
unless there are enough for a full batch. Planning the statements costs about the same for one fact
as for a thousand; so a trickle of facts takes a fifth of a core at most."""
MOST_PATIENCE = 0.5
"""Seconds that facts gather at most, so that a row is committed within a second."""
PARTITIONS_EVERY = 5.0
"""Seconds between two looks for new partitions."""

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class Projector:
    """Carries facts from a log into a warehouse, each once, whatever is killed when.

    Rows and offsets are written in one transaction; reading goes on from the offsets in the
    warehouse. While one batch is applied, the next is read.

    Attributes:
        positions: by partition, the offset up to which everything is committed.
    """

    def __init__(self, settings: Settings, reader: LogReader, warehouse: LiveWarehouse) -> None:
        self._settings = settings
        self._reader = reader
        self._warehouse = warehouse
        self._thread = ThreadPoolExecutor(1, "warehouse")
        self._loop = asyncio.get_running_loop()
        self._partitions: list[int] = []
        self.positions: dict[int, int] = {}
        self._looked_at = 0.0
        self._patience = settings.batch_seconds
        self._projection = Projection(
            warehouse, judge=judge, describe=describe, offsets_at=self._offsets_at
        )
        self.publisher = Publisher(
            warehouse,
            settings.published,
            every=settings.publish_seconds,
            in_turn=self._in_turn,
        )

    async def run(self) -> None:
        """Project until cancelled; then finish the transaction under way, read what the log has by
        then, for FINISH_WITHIN seconds at most, and publish once more.

        Raises:
            LogMismatch: the warehouse's offsets do not fit the log.
            WarehouseError: the warehouse cannot be written.
        """
        publishing = asyncio.create_task(self.publisher.run())
        try:
            await self._begin()
            await self._follow()
        except asyncio.CancelledError:
            with suppress(LogError, TimeoutError):
                async with asyncio.timeout(FINISH_WITHIN):
                    await self._finish()
            raise
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
            await self.publisher.publish()
            self._thread.shutdown()

    async def _finish(self) -> None:
        """Project up to what is the log's end now. What was read and not applied is read again."""
        if not self._partitions:
            return
        await self._assign(self.positions)
        ends = {partition: await self._reader.end(partition) for partition in self._partitions}
        while any(self.positions[partition] < end for partition, end in ends.items()):
            await self._apply(await self._gather(patience=0))

    async def _begin(self) -> None:
        while True:
            try:
                identity = await self._reader.identity()
                await self._in_turn(partial(self._warehouse.belong_to, identity))
                await self._assign(await self._in_turn(self._warehouse.positions))
            except LogUnavailable as error:
                logger.warning("the log does not answer, trying again: %s", error)
                await asyncio.sleep(RETRY_AFTER)
            else:
                return

    async def _assign(self, positions: dict[int, int]) -> None:
        """Read on from these offsets; a partition without one is read from its oldest record."""
        self._partitions = await self._reader.partitions()
        self._looked_at = time.monotonic()
        starts = {
            each: await self._reader.start(each)
            for each in self._partitions
            if each not in positions
        }
        self.positions = positions | starts
        await self._reader.assign(self.positions)

    async def _follow(self) -> None:
        batches = await self._gather(self._patience)
        while True:
            following = asyncio.create_task(self._gather(self._patience))
            try:
                applied = await self._apply(batches)
            except BaseException:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                raise
            batches = await following
            if applied is not None and applied.rewound:
                logger.info("an erasure: reading again from %s", applied.positions)
                await self._assign(applied.positions)
                batches = []
            elif time.monotonic() - self._looked_at > PARTITIONS_EVERY:
                await self._notice_partitions(batches)

    async def _notice_partitions(self, gathered: list[Batch]) -> None:
        self._looked_at = time.monotonic()
        if await self._reader.partitions() == self._partitions:
            return
        ahead = {batch.partition: batch.next_offset for batch in gathered}
        await self._assign(self.positions | ahead)
        logger.info("the log has partitions %s now", self._partitions)

    async def _gather(self, patience: float) -> list[Batch]:
        """A batch's worth of records: what comes within `patience` seconds of the first, or enough."""
        gathered: list[Batch] = []
        left = self._settings.batch_facts
        wait = IDLE_WAIT
        deadline: float | None = None
        while left > 0:
            try:
                batches = await self._reader.read(left, wait)
            except LogUnavailable as error:
                logger.warning("the log does not answer, trying again: %s", error)
                await asyncio.sleep(RETRY_AFTER)
                break
            if not batches:
                break
            gathered += batches
            left -= sum(len(batch) for batch in batches)
            now = time.monotonic()
            deadline = deadline or now + patience
            wait = deadline - now
            if wait <= 0:
                break
        return gathered

    async def _apply(self, batches: list[Batch]) -> Applied | None:
        if not batches:
            return None
        self.publisher.changed()  # also if this is cancelled and commits all the same
        began = time.monotonic()
        applied = await self._in_turn(lambda: self._projection.apply(batches))
        taken = time.monotonic() - began
        self._patience = max(self._settings.batch_seconds, min(QUIET_SHARE * taken, MOST_PATIENCE))
        self.positions |= applied.positions
        if applied.dead_letters:
            logger.warning(
                "%d records could not be read: they are dead letters", applied.dead_letters
            )
        self.publisher.changed()
        return applied

    async def _in_turn(self, function: Callable[[], Result]) -> Result:
        """Run `function` in the one thread that touches the warehouse; a cancellation waits for it."""
        running = self._loop.run_in_executor(self._thread, function)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise

    def _offsets_at(self, timestamp: int) -> dict[int, int]:
        """Called from the warehouse's thread."""

        async def ask() -> dict[int, int]:
            return {
                each: await self._reader.offset_at(each, timestamp) for each in self._partitions
            }

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result()
