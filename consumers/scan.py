"""Scanning: every record of a span, however long the log takes, whatever gaps there are."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from dwell.consumers.spans import Span
from dwell.errors import LogUnavailable
from dwell.events.log import Batch, LogReader

WAIT = 0.5
"""Seconds that a read waits for a first record."""
AGAIN_AFTER = 1.0
"""Seconds until a log that did not answer is asked again."""
PATIENCE = 60.0
"""Seconds that a log may give nothing of what it has."""

Answer = TypeVar("Answer")


async def scan(
    reader: LogReader, span: Span, most: int, *, patience: float = PATIENCE
) -> AsyncIterator[tuple[list[Batch], int]]:
    """The records of a span, `most` of them at once, each time with the offset behind them: nothing of
    the span before it is still to come. The reader's positions are moved.

    Args:
        patience: seconds for which a log is asked again that does not answer or gives nothing.

    Raises:
        LogMismatch: the span is not, or no longer, in the log.
        LogUnavailable: nothing came for so long.
    """
    log = _Patient(patience)
    await log.asked(partial(reader.assign, {span.partition: span.first}))
    reached = span.first
    while reached < span.until:
        gathered: list[Batch] = []
        left = most
        while left > 0 and reached < span.until:
            wanted = min(left, span.until - reached)
            batches = await log.asked(partial(reader.read, wanted, WAIT))
            gathered += _before(batches, span.until)
            left -= sum(map(len, batches))
            position = await log.asked(partial(reader.position, span.partition))
            before, reached = reached, min(position, span.until)
            if reached > before:
                log.heard()
            else:
                log.refuse_silence(f"offset {reached} of partition {span.partition}")
        yield gathered, reached
        log.heard()  # the time that the records were looked at is not the log's


async def first(reader: LogReader, span: Span) -> tuple[int, int] | None:
    """Offset and time of the first record of a span, if there is one: it may be a gap. The reader's
    positions are moved.

    Raises:
        LogMismatch, LogUnavailable: as `scan`, without patience.
    """
    async for batches, _ in scan(reader, span, 1, patience=0):
        for batch in batches:
            return batch.offsets[0], batch.timestamps[0]
    return None


class _Patient:
    """Asks a log, and gives it time."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.heard()

    def heard(self) -> None:
        """Begin to wait anew."""
        self._heard = asyncio.get_running_loop().time()

    async def asked(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What the log answers."""
        while True:
            try:
                return await ask()
            except LogUnavailable:
                if self._silent() >= self._patience:
                    raise
                await asyncio.sleep(AGAIN_AFTER)

    def refuse_silence(self, where: str) -> None:
        """Give up a log that answers, and for long with nothing.

        Raises:
            LogUnavailable: it was long enough.
        """
        if self._silent() > max(self._patience, AGAIN_AFTER):
            raise LogUnavailable(
                f"no record came for {self._silent():.0f} s from {where} on: expected what is before "
                "the end of the partition"
            )

    def _silent(self) -> float:
        return asyncio.get_running_loop().time() - self._heard


def _before(batches: Iterable[Batch], until: int) -> Iterator[Batch]:
    """The records before an offset: behind a gap there may be some that nobody asked for."""
    for batch in batches:
        kept = bisect_left(batch.offsets, until)
        if kept == len(batch):
            yield batch
        elif kept:
            yield Batch(
                batch.partition,
                batch.offsets[:kept],
                batch.timestamps[:kept],
                batch.keys[:kept],
                batch.values[:kept],
            )
