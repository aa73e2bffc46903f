"""Copying a log into another one: every record once, in the same place, whatever is killed when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dwell.consumers.scan import scan
from dwell.consumers.spans import Span
from dwell.consumers.watcher import Watcher
from dwell.errors import LogGap, LogMismatch, LogUnavailable
from dwell.events.log import Batch, LogReader
from dwell.events.opening import name_of, open_reader
from dwell.events.replica import Begun, Replica, open_replica
from dwell.settings import Settings

TOGETHER = 20_000
"""Records that are read at once."""
COMPARED = 1_000
"""Records before the place where a copy goes on that are compared with the source."""

Record = tuple[int, int, bytes, bytes]
"""Offset, timestamp, key and value."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What came of it.

    Attributes:
        records: how many offsets were copied by this run.
        ends: by partition of the source, up to where the copy has come.
        merges: whether several partitions have come into one, so that offsets are others.
    """

    records: int
    ends: dict[int, int]
    merges: bool


class Copying:
    """A log on its way into another one. One at a time for each of them.

    Attributes:
        identities: of the log that is copied, and of its copy.
    """

    def __init__(
        self, source: LogReader, target: LogReader, replica: Replica, names: tuple[str, str]
    ) -> None:
        self.source = source
        self.target = target
        self.replica = replica
        self.identities = ("", "")
        self._names = names

    @classmethod
    @asynccontextmanager
    async def between(cls, source: Settings, target: Settings) -> AsyncIterator["Copying"]:
        """From the log of these settings to the log of those, for the time of a `with`.

        Raises:
            LogUnavailable: there is no log to be copied.
        """
        if not source.kafka_servers and not source.embedded_log.exists():
            raise LogUnavailable(
                f"there is no log {source.embedded_log}: expected the one that is to be copied"
            )
        made = cls(
            open_reader(source),
            open_reader(target),
            open_replica(target),
            (name_of(source), name_of(target)),
        )
        try:
            yield made
        finally:
            for each in (made.source, made.target, made.replica):
                await each.close()

    async def run(self, watcher: Watcher) -> Copied:
        """Copy up to what is the source's end when this begins, from where a former run ended.

        Raises:
            LogMismatch: the target holds something else.
            LogError: as the logs have it; the same call goes on later.
        """
        ends = await self._ends()
        begun = await self._found(ends)
        missing = sum(max(0, end - begun.positions[each]) for each, end in ends.items())
        watcher.begin("copying the log", sum(ends.values()), before=sum(ends.values()) - missing)
        for partition, end in ends.items():
            await self._copy(partition, begun, end, watcher)
        return Copied(missing, ends, begun.merges)

    async def compare(self, watcher: Watcher) -> str | None:
        """Where the two logs differ, record by record; `None`: nowhere. Not for several partitions that
        came into one.

        Whose payload is erased in one of the two is taken as the same, and an empty record as none.
        """
        ends = await self._ends()
        if missing := sorted({*ends} - {*await self.target.partitions()}):
            return f"{self._names[1]} has no partition {missing[0]}: offsets are others there"
        others = {each: await self.target.end(each) for each in ends}
        for partition, end in ends.items():
            if end != others[partition]:
                ends_at = others[partition]
                return f"partition {partition} ends at {end} in {self._names[0]}, at {ends_at} in {self._names[1]}"
        watcher.begin("comparing", sum(ends.values()))
        for partition, end in ends.items():
            first = await self.source.start(partition)
            watcher.advance(first)
            for span in Span(partition, first, end).pieces(TOGETHER):
                if (offset := await self._difference(span)) is not None:
                    return f"they differ at offset {offset} of partition {partition}"
                watcher.advance(len(span))
        return None

    async def refuse_growth(self, copied: Copied) -> None:
        """Make sure that nothing has come to the source since.

        Raises:
            LogMismatch: something has.
        """
        ends = await self._ends()
        if ends != copied.ends:
            raise LogMismatch(
                f"{sum(ends.values()) - sum(copied.ends.values())} facts have come to {self._names[0]}"
                " meanwhile: expected nobody who appends to it; stop the site, and run this again"
            )

    async def _ends(self) -> dict[int, int]:
        """By partition that holds anything, the source's end now; partition 0 always."""
        found = await self.source.bounds(await self.source.partitions())
        return {each: end for each, (_, end) in found.items() if end or each == 0}

    async def _found(self, ends: dict[int, int]) -> Begun:
        source = await self.source.identity()
        begun = await self.replica.found(source, list(ends))
        self.identities = source, await self.target.identity()
        if self.identities[0] == self.identities[1]:
            raise LogMismatch(
                f"{self._names[0]} and {self._names[1]} are both log {source}: expected two logs"
            )
        for partition, position in begun.positions.items():
            if position > ends.get(partition, 0):
                raise LogMismatch(
                    f"{self._names[1]} has {position} offsets of partition {partition}, and"
                    f" {self._names[0]} {ends.get(partition, 0)}: expected a log that is no longer than the"
                    " one it is a copy of"
                )
            if not begun.checked:
                await self._refuse_others(partition, position)
        await self.replica.claim(source, begun)
        return begun

    async def _refuse_others(self, partition: int, position: int) -> None:
        """Make sure that what the target has is the source's, by its first and last records."""
        start = min(position, await self.source.start(partition))
        spans = [
            Span(partition, start, min(position, start + COMPARED)),
            Span(partition, max(start, position - COMPARED), position),
        ]
        for span in filter(len, spans):
            offset = await self._difference(span)
            if offset is not None:
                raise LogMismatch(
                    f"{self._names[1]} is no copy of {self._names[0]}: they differ at offset {offset} of"
                    f" partition {partition}; expected an empty log, or one that was begun as its copy"
                )

    async def _difference(self, span: Span) -> int | None:
        """The first offset of a span at which the two have different records."""
        mine, theirs = [
            {offset: rest for offset, *rest in await _records(log, span)}
            for log in (self.source, self.target)
        ]
        for offset in sorted({*mine, *theirs}):
            there = [log[offset] for log in (mine, theirs) if offset in log]
            erased = any(not value for *_, value in there)
            if not erased and (len(there) < 2 or there[0] != there[1]):
                return offset
        return None

    async def _copy(self, partition: int, begun: Begun, end: int, watcher: Watcher) -> None:
        start, position = await self.source.start(partition), begun.positions[partition]
        if 0 < position < start and (begun.checked or not await self._skips(partition, position)):
            raise LogGap(
                f"the offsets {position} to {start - 1} of partition {partition} are gone from"
                f" {self._names[0]}, and {self._names[1]} ends before them: expected all that follows; begin"
                " with an empty log"
            )
        if position <= start and start:
            await self.replica.skip(partition, start)
            watcher.advance(start - position)
            position = start
        if position >= end:
            return
        async for batches, reached in scan(self.source, Span(partition, position, end), TOGETHER):
            await self.replica.append(partition, [_plain(each) for each in batches], reached)
            watcher.advance(reached - position)
            position = reached

    async def _skips(self, partition: int, position: int) -> bool:
        """Whether the target has nothing but empty records: a run was ended while it skipped what the
        source has no more. By its first and last ones."""
        start = await self.target.start(partition)
        if start >= position:  # what was there is gone, whatever it was
            return False
        spans = [
            Span(partition, start, min(position, start + COMPARED)),
            Span(partition, max(start, position - COMPARED), position),
        ]
        found = [await _records(self.target, span) for span in spans]
        return not any(value for records in found for *_, value in records)


async def _records(log: LogReader, span: Span) -> list[Record]:
    """The records of a span, as far as they are there."""
    first = max(span.first, await log.start(span.partition))
    found: list[Record] = []
    if first >= span.until:
        return found
    async for batches, _ in scan(log, Span(span.partition, first, span.until), TOGETHER):
        for each in map(_plain, batches):
            found += zip(each.offsets, each.timestamps, each.keys, each.values, strict=True)
    return found


def _plain(batch: Batch) -> Batch:
    """The same, without the key of what was erased."""
    keys = [key if value else b"" for key, value in zip(batch.keys, batch.values, strict=True)]
    return Batch(batch.partition, batch.offsets, batch.timestamps, keys, batch.values)


def copy(source: Settings, target: Settings, watcher: Watcher) -> Copied:
    """Copy a log into another one, up to its end as it is now.

    Raises:
        LogError: as `Copying.run`.
    """

    async def run() -> Copied:
        async with Copying.between(source, target) as copying:
            return await copying.run(watcher)

    return asyncio.run(run())


def compare(source: Settings, target: Settings, watcher: Watcher) -> str | None:
    """Where two logs differ; `None`: nowhere.

    Raises:
        LogError: as the logs have it.
    """

    async def run() -> str | None:
        async with Copying.between(source, target) as copying:
            return await copying.compare(watcher)

    return asyncio.run(run())
