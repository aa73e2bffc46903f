"""History: the archive and the log as one."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from dwell.consumers.origin import require_there
from dwell.consumers.patience import Patience
from dwell.consumers.scan import scan
from dwell.consumers.spans import Span
from dwell.errors import LogGap, LogMismatch, LogUnavailable
from dwell.events.log import LogReader
from dwell.events.opening import name_of, open_reader, quiet
from dwell.settings import Settings
from dwell.warehouse.archive import Archive
from dwell.warehouse.rebuilding import Segment

ANSWER_WITHIN = 11.0
"""Seconds in which a log must have answered for the first time, or have said itself that it does not."""
REFUSED_WITHIN = 1.0
"""A log that says so sooner than this refuses; one that takes longer keeps silent."""
SILENT_WITHIN = 20.0
"""Seconds after which a log that keeps silent is not asked again."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the records of some spans are.

    Attributes:
        archived: the archive's files, in the order of the log.
        logged: what only the log has.
    """

    archived: list[Segment]
    logged: list[Span]


class History:
    """What the archive has, and behind it what the log has. A log that is slow or away for a while is
    waited for.

    Args:
        archive: `None` if the log alone is meant.
        name: of the log, for messages.

    Raises:
        LogMismatch: the archive is another log's; raised by `identity`.
    """

    def __init__(self, reader: LogReader, archive: Archive | None, name: str) -> None:
        self.reader = reader
        self.archive = archive
        self.name = name
        self._logged: Mapping[int, tuple[int, int]] | None = None

    async def identity(self) -> str:
        """The log's."""
        found = await self.reader.identity()
        archived = self.archive.log_identity if self.archive else None
        if self.archive and archived not in (None, found):
            raise LogMismatch(
                f"{self.archive.folder} holds log {archived}, and the log at hand is {found}: expected "
                "the same; DWELL_ARCHIVE names another folder"
            )
        return found

    async def logged(self) -> Mapping[int, tuple[int, int]]:
        """By partition of the log, its start and its end, as they were when this was first asked.

        Raises:
            LogUnavailable: the log does not answer for long.
        """
        if self._logged is None:
            self._logged = await Patience().asked(self._bounds_now)
        return self._logged

    async def _bounds_now(self) -> Mapping[int, tuple[int, int]]:
        return await self.reader.bounds(await self.reader.partitions())

    async def partitions(self) -> list[int]:
        """Those of the log, and those that the archive alone has."""
        held = self.archive.held if self.archive else {}
        return sorted({*await self.logged(), *held})

    async def bounds(self, partition: int) -> tuple[int, int]:
        """The first offset that can be read, and the next one to be written.

        Raises:
            LogGap: between archive and log some are in neither.
            LogMismatch: the archive ends behind the log, so that facts which come now would have the
                offsets of archived ones.
        """
        logged = await self.logged()
        start, end = logged.get(partition, (0, 0))
        held = self.archive.held.get(partition) if self.archive else None
        if self.archive is None or held is None:
            return start, end
        if partition in logged and held.until > end:
            raise LogMismatch(
                f"{self.archive.folder} holds partition {partition} up to offset {held.until}, and "
                f"{self.name} ends at {end}: expected a log that goes on from there; if it was brought back "
                "from an older copy, have DWELL_ARCHIVE name a new folder"
            )
        if held.until < start:
            raise LogGap(
                f"the facts from {held.until} to {start - 1} of partition {partition} are in neither "
                f"the archive, which ends before them, nor {self.name}, which starts behind them: "
                "bring them back from a copy; or replay without the archive, and have DWELL_ARCHIVE name a "
                "new folder for the next one"
            )
        return min(held.first, start), max(held.until, end)

    async def offset_at(self, partition: int, moment: int) -> int:
        """The offset of the first record received at `moment` (milliseconds since 1970) or later."""
        held = self.archive.held.get(partition) if self.archive else None
        if self.archive and held:
            archived = await asyncio.to_thread(self.archive.offset_at, partition, moment)
            if archived is not None:
                return archived
        logged = await self.logged()
        if partition not in logged:
            return held.until if held else 0
        found = await Patience().asked(partial(self.reader.offset_at, partition, moment))
        found = min(found, logged[partition][1])
        return max(found, held.until) if held else found

    async def times(self, partition: int, offset: int, most: int) -> list[tuple[int, int]]:
        """Offset and time, in milliseconds since 1970, of some `most` records from an offset on."""
        _, end = await self.bounds(partition)
        held = self.archive.held.get(partition) if self.archive else None
        if self.archive and held and offset < held.until:
            found = await asyncio.to_thread(self.archive.read, partition, offset, most)
            return [(each, received) for each, received, *_ in found]
        async for batches, _ in scan(self.reader, Span(partition, offset, end), most):
            return [
                each
                for batch in batches
                for each in zip(batch.offsets, batch.timestamps, strict=True)
            ]
        return []


@asynccontextmanager
async def opened(settings: Settings, archive: Archive | None) -> AsyncIterator[History]:
    """Archive and log, for the time of a `with`.

    Raises:
        LogUnavailable: no log answers, or there is none.
        LogMismatch: the archive is another log's.
    """
    quiet(settings)
    require_there(settings)
    reader = open_reader(settings)
    history = History(reader, archive, name_of(settings))
    try:
        await _answered(settings, history)
        yield history
    finally:
        await reader.close()


async def _answered(settings: Settings, history: History) -> None:
    """Wait for a first answer. A log that refuses is told of at once; one that keeps silent is asked again:
    a topic may be about to get another leader."""
    began = time.monotonic()
    while True:
        asked = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await history.identity()
                return
        except TimeoutError:
            raise LogUnavailable(
                f"DWELL_LOG is '{settings.log}', and no log answers there within {ANSWER_WITHIN:g} s: "
                "expected one that does"
            ) from None
        except LogUnavailable:
            now = time.monotonic()
            if now - asked < REFUSED_WITHIN or now - began > SILENT_WITHIN:
                raise


def sources(archive: Archive | None, spans: Iterable[Span]) -> Sources:
    """Where the spans' records are: in the archive what it has, which is quicker to read."""
    wanted = [each for each in spans if len(each)]
    if archive is None:
        return Sources([], wanted)
    held = [Span(*each) for each in archive.held.values()]
    archived = [segment for span in wanted for segment in archive.segments(*span)]
    return Sources(archived, [left for span in wanted for left in span.less(held)])


def in_order(segments: Sequence[Segment], spans: Iterable[Span]) -> list[Segment]:
    """Segments of several partitions as they were written side by side, as far as offsets tell: a
    tenth of one partition goes with a tenth of another."""
    by_partition = {span.partition: span for span in spans}

    def share(segment: Segment) -> float:
        span = by_partition[segment.partition]
        return (segment.first - span.first) / max(1, len(span))

    return sorted(segments, key=lambda each: (share(each), each.partition))
