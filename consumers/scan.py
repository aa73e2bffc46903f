"""Scanning: every record of a span, however long the log takes, whatever gaps there are."""

from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial

from dwell.consumers.patience import USUAL, Patience
from dwell.consumers.spans import Span
from dwell.events.log import Batch, LogReader

WAIT = 0.5
"""Seconds that a read waits for a first record."""
TOGETHER_BYTES = 64 * 2**20
"""Bytes of values after which no more are gathered."""


async def scan(
    reader: LogReader, span: Span, most: int, *, patience: float = USUAL
) -> AsyncIterator[tuple[list[Batch], int]]:
    """The records of a span, `most` of them at once or so many that they take TOGETHER_BYTES, each time
    with the offset behind them: nothing of the span before it is still to come. The reader's positions
    are moved.

    Args:
        patience: seconds for which a log is asked again that does not answer or gives nothing.

    Raises:
        LogMismatch: the span is not, or no longer, in the log.
        LogUnavailable: nothing came for so long.
    """
    log = Patience(patience)
    await log.asked(partial(reader.assign, {span.partition: span.first}))
    reached = span.first
    while reached < span.until:
        gathered: list[Batch] = []
        left, room = most, TOGETHER_BYTES
        while left > 0 and room > 0 and reached < span.until:
            wanted = min(left, span.until - reached)
            batches = await log.asked(partial(reader.read, wanted, WAIT))
            gathered += _before(batches, span.until)
            left -= sum(map(len, batches))
            room -= sum(sum(map(len, batch.values)) for batch in batches)
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
