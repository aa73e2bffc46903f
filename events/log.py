"""The contract of a log: append facts and return when they are durable; read them from an offset.

Offsets are whole numbers that ascend within a partition; gaps are legal. A record is immutable.
Every log passes the same contract tests (`tests/events/contract.py`).
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dwell.errors import LogGap


class NewRecord(NamedTuple):
    """A fact on its way into the log.

    Attributes:
        key: the visitor's id as text; facts of one key stay in order where the log keeps order.
        value: the fact, a CloudEvents JSON object in UTF-8. An empty one is read where the payload was
            erased: there is no fact in it, and nothing is wrong with it.
        timestamp: when it was received, milliseconds since 1970 in UTC.
    """

    key: bytes
    value: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition, by column; all four lists have the same length, above 0."""

    partition: int
    offsets: list[int]
    timestamps: list[int]
    keys: list[bytes]
    values: list[bytes]

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def next_offset(self) -> int:
        """Where reading goes on after this batch."""
        return self.offsets[-1] + 1


class Retention(NamedTuple):
    """What a log lets go of by itself; by default nothing.

    Attributes:
        seconds: a record may be gone that was received longer ago; None: none is, however old.
        bytes: the oldest records of a partition that has more may be gone; None: none is.
        compacts: whether a record may be gone when a later one has its key.
    """

    seconds: float | None = None
    bytes: int | None = None
    compacts: bool = False


class LogWriter(ABC):
    """The appending side of a log.

    Safe to use from many tasks of one event loop. The number of bytes that wait is bounded, and so
    is the time that a call takes.
    """

    @abstractmethod
    def submit(self, records: Sequence[NewRecord]) -> "asyncio.Future[None]":
        """Begin to append the records, at least one; the future is done when they are durable.

        Called in the thread of the event loop. A future that is cancelled takes no record back.

        Raises:
            LogFull, LogUnavailable: at once; later the future has what `append` raises.
        """

    async def append(self, records: Sequence[NewRecord]) -> None:
        """Append the records and return when they are durable.

        Raises:
            LogFull: the waiting room has no place for them; nothing was appended. Raised at once.
            LogUnavailable: the log failed, or did not answer within `DWELL_DURABLE_WITHIN`.
                Whether the records were appended is unknown: append them again, duplicates do no
                harm. After one such time-out further calls raise it within 100 ms, until a probe
                of the writer's own or a call under way finds the log answering again. While one of
                several partitions does not answer the others do, so its calls wait for their time.
        """
        if records:
            await self.submit(records)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of what waits or is under way, those of calls that have timed out included."""
        return 0

    @abstractmethod
    async def check(self) -> None:
        """Return if a fact could be made durable now.

        Raises:
            LogUnavailable: it could not.
        """

    @abstractmethod
    async def close(self) -> None:
        """Make durable what waits, for as long as `DWELL_DURABLE_WITHIN`, and let go of the log.

        A log that was found not to answer is let go of at once.
        """


class LogReader(ABC):
    """The reading side of a log. Any number of readers go side by side, and none moves another."""

    @abstractmethod
    async def identity(self) -> str:
        """What names this log and no other: offsets belong to it alone."""

    @abstractmethod
    async def partitions(self) -> list[int]:
        """The partitions there are now, ascending. They may become more."""

    @abstractmethod
    async def start(self, partition: int) -> int:
        """The offset of the oldest record that can still be read, or the end if there is none."""

    @abstractmethod
    async def end(self, partition: int) -> int:
        """The next offset to be written."""

    async def bounds(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """By partition, `start` and `end`; a log far away is asked once for all of them."""
        return {each: (await self.start(each), await self.end(each)) for each in partitions}

    async def retention(self) -> Retention:
        """What it lets go of by itself."""
        return Retention()

    async def ahead(self) -> float | None:
        """How many seconds ahead of the log's own clock a record's time may be; `None`: any number."""
        return None

    @abstractmethod
    async def offset_at(self, partition: int, timestamp: int) -> int:
        """The offset of the first record received at `timestamp` (milliseconds) or later, or the end.
        Where a gap lies before that record, an offset in the gap will do.

        Every record received at or after `timestamp` has this offset or a greater one.
        """

    @abstractmethod
    async def assign(self, positions: Mapping[int, int]) -> None:
        """Read these partitions from now on, each from its offset.

        Raises:
            LogMismatch: an offset lies beyond the partition's end, or before its start: facts that
                were not read are gone. The message names the gap.
        """

    @abstractmethod
    async def read(self, most: int, wait: float) -> list[Batch]:
        """The next records of the assigned partitions, `most` in all, each record once.

        Waits up to `wait` seconds for the first one; returns an empty list when none came.

        Raises:
            LogMismatch: the next offset is no longer in the log.
            LogUnavailable: the log does not answer; the same records come with the next call.
        """

    @abstractmethod
    async def position(self, partition: int) -> int:
        """The offset up to which an assigned partition was read: every record before it was returned by
        `read`, or there is none. It goes on over what is no record, as marks of transactions, while
        `read` returns nothing."""

    def report(self, positions: Mapping[int, int]) -> None:  # noqa: B027  not every log has a place for it
        """Tell whoever watches the lag that everything before these offsets is committed.

        Returns at once. What cannot be told is left out: nothing depends on it.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the log."""


def refuse_misfit(log: str, partition: int, position: int, *, start: int, end: int) -> None:
    """Refuse to read on from an offset that is not in the log any more, or not yet.

    Raises:
        LogGap: names the gap and both sides of it.
    """
    if position < start:
        raise LogGap(
            f"offset {position} of partition {partition} is no longer in {log}, which starts at "
            f"{start}: the facts from {position} to {start - 1} are gone"
        )
    if position > end:
        raise LogGap(
            f"offset {position} of partition {partition} lies beyond the end of {log}, which is "
            f"{end}: expected the log that these offsets were read from"
        )
