"""When to publish: soon after something changed, and seldom enough not to slow the projector."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median_low
from typing import Any, NamedTuple

from dwell.consumers.tally import Tally
from dwell.errors import WarehouseError
from dwell.warehouse import promotion, scrubbing, snapshot
from dwell.warehouse.live import LiveWarehouse

SHARE = 10
"""Where publications keep the projector waiting for t seconds, each is followed by SHARE * t without one,
so that publishing costs the projector less than a tenth of its time."""
USUAL = 3
"""So many publications say what one takes, by their median: one that a disk holds up for seconds is not
followed by a minute in which people see nothing new."""
LOOK_SECONDS = 0.05
"""Between two looks for something to publish."""
SAY_EVERY = 60.0
"""Seconds after which it is said again that a promoted warehouse is not published yet."""
SETTLE_EVERY = 60.0
"""Seconds after which such a one is brought into its file, unpublished."""

logger = logging.getLogger(__name__)


class Standing(NamedTuple):
    """A live file that is whole and stands still.

    Attributes:
        paused: the seconds that it took.
        scrub_due: it has bytes of rows that were erased.
    """

    paused: float
    scrub_due: bool


class Took(NamedTuple):
    """The seconds of a publication: in which the projector stood still, and of the copy."""

    pausing: float
    copying: float


class Publisher:
    """Publishes a live warehouse. One publication at a time: the file must stand still meanwhile.

    A promoted warehouse is published when it has read what the one before it had read, so that no reader
    sees time go back.

    After an erasure the publication is no copy but a file written anew, and the live file's place is
    offered to it too: what the projector does until it takes it over, it reads again.

    Args:
        every: seconds between two publications, at least.
        in_turn: runs a function in the one thread that may touch the warehouse.
        announce: called after each copy; may raise WarehouseError as a copy does.
        behind: whether the projector has more to do than it can; then the copies, which want a
            processor too, are made as seldom as the pauses would have it.
        tally: is told of each publication.

    Attributes:
        failing: whether the last one could not be made.
    """

    def __init__(
        self,
        warehouse: LiveWarehouse,
        published: Path,
        *,
        every: float,
        in_turn: Callable[[Callable[[], Any]], Awaitable[Any]],
        announce: Callable[[], None] = lambda: None,
        behind: Callable[[], bool] = lambda: False,
        tally: Tally | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._published = published
        self._every = every
        self._in_turn = in_turn
        self._announce = announce
        self._behind = behind
        self._tally = Tally() if tally is None else tally
        self.failing = False
        self._changed = asyncio.Event()
        self._changed.set()  # what was committed before may not be published
        self._took: deque[Took] = deque(maxlen=USUAL)
        self._said_at: float | None = None
        self._settled_at = time.monotonic()
        for each in (published, warehouse.path):
            snapshot.sweep(each)

    def changed(self) -> None:
        """The warehouse has something that is not published."""
        self._changed.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish whenever something changed, until `stopping`; a publication under way is finished.

        Raises:
            WarehouseError: the warehouse itself cannot be written.
        """
        while not stopping.is_set():
            pause = await self.publish() if self._changed.is_set() else LOOK_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)

    async def publish(self) -> float:
        """Publish if something changed; returns the seconds to wait before the next one.

        A copy that fails is logged, the former publication stands, and the next call tries again.
        While another file waits for the live one's place, nothing is published.

        Raises:
            WarehouseError: the warehouse itself cannot be written.
        """
        live = self._warehouse.path
        if not self._changed.is_set() or promotion.waits(live):
            return LOOK_SECONDS
        if await self._is_behind():
            await self._settle()
            return LOOK_SECONDS
        self._changed.clear()
        standing: Standing = await self._in_turn(self._checkpoint)
        began = time.monotonic()
        copy = scrubbing.publish if standing.scrub_due else partial(snapshot.copy, keep_former=True)
        try:
            await asyncio.to_thread(copy, live, self._published)
            await asyncio.to_thread(self._announce)
        except WarehouseError as error:
            logger.error("%s", error)
            self._changed.set()
            self._tally.not_published()
            self.failing = True
        else:
            self._tally.published(standing.paused + time.monotonic() - began)
            self.failing = False
        self._took.append(Took(standing.paused, time.monotonic() - began))
        pausing = median_low(each.pausing for each in self._took)
        copying = median_low(each.copying for each in self._took)
        return max(self._every, SHARE * pausing, copying * (SHARE if self._behind() else 1))

    async def _settle(self) -> None:
        """Keep DuckDB's write-ahead log short meanwhile: nobody else does, and it may take days."""
        if time.monotonic() - self._settled_at > SETTLE_EVERY:
            await self._in_turn(self._warehouse.checkpoint)
            self._settled_at = time.monotonic()

    async def _is_behind(self) -> bool:
        """Whether readers have seen more than the warehouse knows by now; said now and then."""
        missing = self._published.exists() and await self._in_turn(self._missing)
        now = time.monotonic()
        if missing and (self._said_at is None or now - self._said_at > SAY_EVERY):
            self._said_at = now
            logger.info(
                "%s is behind what people have seen by %d offsets: %s stays as it is until it has read them",
                self._warehouse.path,
                missing,
                self._published,
            )
        elif not missing and self._said_at is not None:
            self._said_at = None
            logger.info("%s has read what people have seen, and is published", self._warehouse.path)
        return bool(missing)

    def _missing(self) -> int:
        return promotion.missing_until_published(self._warehouse.connection)

    def _checkpoint(self) -> Standing:
        """Bring everything committed into the file."""
        began = time.monotonic()
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._warehouse.transaction():
            self._warehouse.note("published_at", now)
            promotion.release(self._warehouse.connection)
        self._warehouse.checkpoint()
        if not self._behind():
            self._warehouse.let_go()
        scrub_due = self._warehouse.info(scrubbing.SCRUB_DUE) is not None
        return Standing(time.monotonic() - began, scrub_due)
