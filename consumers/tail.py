"""Following a log, for whoever watches it: no group, no position that outlives it, nothing made."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from dwell.consumers.lookup import TOGETHER, Record, records_between, records_of
from dwell.consumers.outage import Outage
from dwell.consumers.scan import WAIT
from dwell.errors import LogGap, LogUnavailable
from dwell.events.log import Batch, LogReader

RETRY_AFTER = 1.0
"""Seconds until a log that did not answer is asked again."""
PARTITIONS_EVERY = 5.0
"""Seconds between two looks for new partitions."""
LOOK_BACK = 1_000_000
"""Records of a partition that are searched for its last ones at most."""

Result = TypeVar("Result")


class Tail:
    """The records of a log that somebody wants to see, from some positions on.

    While it follows, a log that does not answer is waited for, partitions that are new are read from
    their beginning, and where the log has dropped what was not read yet it goes on with what is there.

    Attributes:
        positions: by partition, where reading goes on.
    """

    def __init__(
        self,
        reader: LogReader,
        keep: Callable[[Record], bool],
        say: Callable[[str], None],
        *,
        patient: bool,
    ) -> None:
        """
        Args:
            keep: whether a record is wanted.
            say: tells whoever watches what is not a record.
            patient: whether a log that does not answer is waited for from the beginning.
        """
        self._reader = reader
        self._keep = keep
        self._say = say
        self._patient = patient
        self._outage = Outage()
        self._look_at = 0.0
        self.positions: dict[int, int] = {}

    async def ends(self) -> dict[int, int]:
        """By partition, the next offset to be written."""
        return await self._asked(lambda: self._each(self._reader.end))

    async def begin_at_starts(self) -> None:
        """Read everything there is."""
        self.positions = await self._asked(lambda: self._each(self._reader.start))

    async def begin_at_time(self, timestamp: int) -> None:
        """Read what was received at this moment, in milliseconds since 1970, or later."""
        self.positions = await self._asked(
            lambda: self._each(lambda each: self._reader.offset_at(each, timestamp))
        )

    async def begin_at(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions from their offsets, and of the others what comes from now on.

        Raises:
            LogMismatch: there is no such partition, or the offset is not in it.
        """
        await self._asked(lambda: self._reader.assign(offsets))
        self.positions = await self.ends() | dict(offsets)

    async def begin_behind_last(self, most: int) -> list[Record]:
        """The last wanted records of all partitions, in the order in which they were received; what
        comes after them is still to be read."""
        self.positions = await self.ends()
        if not most:
            return []
        return await self._asked(lambda: self._last(most, self.positions))

    async def up_to(self, ends: Mapping[int, int]) -> AsyncIterator[list[Record]]:
        """The wanted records before these offsets.

        Raises:
            LogUnavailable: the log does not answer.
            LogGap: what was to be read next is not in the log.
        """
        positions = self.positions
        await self._reader.assign(positions)
        while any(positions.get(each, end) < end for each, end in ends.items()):
            batches = await self._reader.read(TOGETHER, WAIT)
            yield [each for each in self._taken(batches) if each.offset < ends[each.partition]]
            for each in positions:  # there may be gaps before the ends
                positions[each] = max(positions[each], await self._reader.position(each))

    async def follow(self) -> AsyncIterator[list[Record]]:
        """The wanted records, as they come, for ever.

        Raises:
            LogMismatch: it is another log by now, or has lost its newest records.
        """
        assigned = False
        while True:
            try:
                assigned = assigned and not await self._found_more()
                if not assigned:
                    await self._reader.assign(self.positions)
                    assigned = True
                batches = await self._reader.read(TOGETHER, WAIT)
            except LogUnavailable as error:
                self._outage.met(error)
                self._look_at = (
                    0.0  # an answer to that, and not an empty read, tells that it is over
                )
                await asyncio.sleep(RETRY_AFTER)
            except LogGap as gap:
                assigned = False
                await self._go_on_behind(gap)
            else:
                self._outage.over()
                yield self._taken(batches)

    def _taken(self, batches: list[Batch]) -> list[Record]:
        """What is wanted of them, in the order in which it was received; they are behind us now."""
        for batch in batches:
            self.positions[batch.partition] = batch.next_offset
        wanted = [each for batch in batches for each in records_of(batch) if self._keep(each)]
        return _in_order(wanted) if len(batches) > 1 else wanted

    async def _found_more(self) -> bool:
        """Whether there are new partitions, at times."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + PARTITIONS_EVERY
        new = set(await self._reader.partitions()) - set(self.positions)
        self.positions |= {each: await self._reader.start(each) for each in new}
        return bool(new)

    async def _go_on_behind(self, gap: LogGap) -> None:
        """Go on with what the log has where it has dropped what comes next.

        Raises:
            LogGap: the log ends before what was read: no retention does that.
        """
        with suppress(LogUnavailable):
            starts = await self._each(self._reader.start)
            dropped = {
                each: start for each, start in starts.items() if self.positions.get(each, 0) < start
            }
            if not dropped:
                ends = await self._each(self._reader.end)
                if any(self.positions.get(each, 0) > end for each, end in ends.items()):
                    raise gap
                await asyncio.sleep(RETRY_AFTER)
                return  # the archive has what the log has dropped meanwhile
            self._say(f"{gap}; going on behind them")
            self.positions |= dropped

    async def _last(self, most: int, ends: Mapping[int, int]) -> list[Record]:
        found: list[Record] = []
        for partition, end in ends.items():
            found += await self._last_of(partition, most, end)
        return _in_order(found)[-most:]

    async def _last_of(self, partition: int, most: int, end: int) -> list[Record]:
        """The last wanted records before the end, looked for farther and farther back."""
        start = await self._reader.start(partition)
        farthest = max(start, end - LOOK_BACK)
        found: deque[Record] = deque(maxlen=most)
        window = 4 * most
        while True:
            first = max(farthest, end - window)
            found.clear()
            if first < end:
                async for record in records_between(self._reader, partition, first, end - 1):
                    if self._keep(record):
                        found.append(record)
            if len(found) == most or first == farthest:
                break
            window *= 8
        if len(found) < most and farthest > start:
            self._say(
                f"the last {LOOK_BACK:,} records of partition {partition} were searched alone"
            )
        return list(found)

    async def _each(self, ask: Callable[[int], Awaitable[int]]) -> dict[int, int]:
        return {each: await ask(each) for each in await self._reader.partitions()}

    async def _asked(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """What the log answers; if we are patient, however long that takes."""
        while True:
            try:
                answer = await ask()
            except LogUnavailable as error:
                if not self._patient:
                    raise
                self._outage.met(error)
                await asyncio.sleep(RETRY_AFTER)
            else:
                self._outage.over()
                return answer


def _in_order(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda each: (each.timestamp, each.partition, each.offset))
