"""Looking records up by their places, in whatever keeps the contract of a log's reader."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from dwell.consumers.scan import scan
from dwell.consumers.spans import Span
from dwell.errors import NoRecord
from dwell.events.log import Batch, LogReader

TOGETHER = 10_000
"""Records that are read at once, at most."""
SILENCE_SECONDS = 3.0
"""A log that gives nothing of what it has for so long is reported."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record and where it stands.

    Attributes:
        timestamp: when it was received, milliseconds since 1970 in UTC.
        key: the visitor's id as text.
        value: the fact; empty if it was erased on the visitor's wish.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes

    @property
    def place(self) -> str:
        """`PARTITION:OFFSET`, as commands take it."""
        return f"{self.partition}:{self.offset}"


def records_of(batch: Batch) -> Iterator[Record]:
    """The batch, record by record."""
    rows = zip(batch.offsets, batch.timestamps, batch.keys, batch.values, strict=True)
    for offset, timestamp, key, value in rows:
        yield Record(batch.partition, offset, timestamp, key, value)


async def record_at(reader: LogReader, log: str, partition: int, offset: int) -> Record:
    """The record at a place.

    Args:
        log: what a message calls the log.

    Raises:
        NoRecord: there is none; the message names the bounds of what there is.
        LogUnavailable: the log does not answer.
    """
    partitions = await reader.partitions()
    if partition not in partitions:
        known = "0 alone" if partitions == [0] else f"0 to {partitions[-1]}"
        raise NoRecord(f"there is no partition {partition} in {log}: expected {known}")
    start, end = await reader.start(partition), await reader.end(partition)
    place = f"{partition}:{offset}"
    if start >= end:
        raise NoRecord(f"there is no record {place}: partition {partition} of {log} is empty")
    bounds = f"{log} holds {partition}:{start} to {partition}:{end - 1}"
    if offset < start:
        raise NoRecord(f"the record {place} is no longer there: {bounds}, what was before is gone")
    if offset >= end:
        raise NoRecord(f"there is no record {place} yet: {bounds}")
    async for record in records_between(reader, partition, offset, end - 1):
        if record.offset == offset:
            return record
        after = f"a gap, and the next record is {record.place}"
        raise NoRecord(f"there is no record {place}: {bounds}, and has {after}")
    raise NoRecord(f"there is no record {place}: {bounds}, and no record from there on")


async def records_between(
    reader: LogReader, partition: int, first: int, last: int
) -> AsyncIterator[Record]:
    """The records from one offset to another, both included. The reader's positions are moved.

    Raises:
        LogMismatch: `first` is not in the log.
        LogUnavailable: the log does not answer, or gives nothing of what it has.
    """
    span = Span(partition, first, last + 1)
    async for batches, _ in scan(reader, span, TOGETHER, patience=SILENCE_SECONDS):
        for batch in batches:
            for record in records_of(batch):
                yield record
