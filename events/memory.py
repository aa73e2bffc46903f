"""The in-memory log, for tests: as the others by contract, and it stops, fails and forgets when told."""

import asyncio
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from zlib import crc32

from dwell.errors import LogMismatch, LogUnavailable
from dwell.events.dead_letters import LARGEST, DeadLetter, DeadLetterTopic, Outcome
from dwell.events.log import Batch, LogReader, LogWriter, NewRecord, refuse_misfit
from dwell.events.waiting_room import Ticket, WaitingRoom

WAITING_BYTES = 67_108_864
DURABLE_WITHIN = 10.0


class MemoryLog:
    """Records in lists, one list a partition; a key always goes to the same partition.

    Writers and readers of one log may live in different threads and event loops.
    """

    def __init__(self, partitions: int = 1, identity: str = "memory:log") -> None:
        self.identity = identity
        self._partitions = [_Partition() for _ in range(partitions)]
        self._lock = threading.RLock()
        self._trouble: str | None = None
        self._answers = True
        self._writers: list[MemoryWriter] = []
        self._sleepers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def writer(
        self, *, waiting_bytes: int = WAITING_BYTES, durable_within: float = DURABLE_WITHIN
    ) -> "MemoryWriter":
        """A writer with a waiting room of its own."""
        writer = MemoryWriter(self, waiting_bytes, durable_within)
        self._writers.append(writer)
        return writer

    def reader(self) -> "MemoryReader":
        """A reader with positions of its own."""
        return MemoryReader(self)

    def stop(self) -> None:
        """Answer nobody: writes hang until `resume`, reads fail."""
        self._answers = False

    def fail(self, trouble: str) -> None:
        """Answer every call with `LogUnavailable` and this text, until `resume`."""
        self._trouble = trouble
        self._answers = True
        self._wake_writers()
        self._wake_readers()

    def resume(self) -> None:
        """Be well again; what hangs is written."""
        self._trouble = None
        self._answers = True
        self._wake_writers()

    def put(self, records: Sequence[NewRecord]) -> None:
        """Append at once, whatever state the log is in."""
        with self._lock:
            for record in records:
                chosen = self._partitions[crc32(record.key) % len(self._partitions)]
                chosen.put(record)
        self._wake_readers()

    def skip(self, offsets: int, partition: int = 0) -> None:
        """Leave a gap of so many offsets before the next record."""
        with self._lock:
            self._partitions[partition].end += offsets

    def truncate(self, before: int, partition: int = 0) -> None:
        """Forget the records with offsets less than `before`, as a retention time does."""
        with self._lock:
            self._partitions[partition].truncate(before)

    def add_partition(self) -> int:
        """One more partition, for keys to come; returns its number."""
        with self._lock:
            self._partitions.append(_Partition())
            return len(self._partitions) - 1

    def records(self) -> list[NewRecord]:
        """All records there are, partition by partition, in order."""
        with self._lock:
            return [record for each in self._partitions for record in each.records]

    def _wake_writers(self) -> None:
        for writer in self._writers:
            writer.wake()

    def _wake_readers(self) -> None:
        with self._lock:
            sleepers, self._sleepers = self._sleepers, []
        for loop, event in sleepers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def _check_health(self) -> None:
        if not self._answers:
            raise LogUnavailable(f"the log {self.identity} does not answer")
        if self._trouble is not None:
            raise LogUnavailable(f"the log {self.identity} failed: {self._trouble}")


class _Partition:
    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.records: list[NewRecord] = []
        self.start = 0
        self.end = 0

    def put(self, record: NewRecord) -> None:
        self.offsets.append(self.end)
        self.records.append(record)
        self.end += 1

    def truncate(self, before: int) -> None:
        self.remove(self.start, before)
        self.start = max(self.start, min(before, self.end))

    def remove(self, first: int, before: int) -> None:
        gone = slice(bisect_left(self.offsets, first), bisect_left(self.offsets, before))
        del self.offsets[gone], self.records[gone]


class MemoryWriter(LogWriter):
    """Appends to a `MemoryLog`, through the same waiting room as every writer."""

    def __init__(self, log: MemoryLog, waiting_bytes: int, durable_within: float) -> None:
        self._log = log
        self._room = WaitingRoom(
            f"the log {log.identity}",
            self._probe,
            waiting_bytes=waiting_bytes,
            durable_within=durable_within,
        )
        self._under_way: deque[Ticket] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, records: Sequence[NewRecord]) -> "asyncio.Future[None]":
        """As the contract says."""
        self._loop = asyncio.get_running_loop()
        ticket = self._room.admit(records)
        self._under_way.append(ticket)
        self._write()
        return ticket.outcome

    @property
    def waiting_bytes(self) -> int:
        """As the contract says."""
        return self._room.bytes

    async def check(self) -> None:
        """As the contract says."""
        await self.submit(())

    async def close(self) -> None:
        """As the contract says."""
        await self._room.emptied()
        if self in self._log._writers:
            self._log._writers.remove(self)

    def wake(self) -> None:
        """Write what hangs, from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._write)

    async def _probe(self) -> None:
        self._log._check_health()

    def _write(self) -> None:
        while self._under_way and self._log._answers:
            ticket = self._under_way.popleft()
            try:
                self._log._check_health()
            except LogUnavailable as error:
                self._room.settle([ticket], error)
            else:
                self._log.put(ticket.records)
                self._room.settle([ticket])


class MemoryReader(LogReader):
    """Reads a `MemoryLog`."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._positions: dict[int, int] = {}

    async def identity(self) -> str:
        """As the contract says."""
        self._log._check_health()
        return self._log.identity

    async def partitions(self) -> list[int]:
        """As the contract says."""
        return list(range(len(self._log._partitions)))

    async def start(self, partition: int) -> int:
        """As the contract says."""
        return self._of(partition).start

    async def end(self, partition: int) -> int:
        """As the contract says."""
        return self._of(partition).end

    async def offset_at(self, partition: int, timestamp: int) -> int:
        """As the contract says."""
        found = self._of(partition)
        for offset, record in zip(found.offsets, found.records, strict=True):
            if record.timestamp >= timestamp:
                return offset
        return found.end

    async def assign(self, positions: Mapping[int, int]) -> None:
        """As the contract says."""
        for partition, position in positions.items():
            self._refuse_misfit(partition, position)
        self._positions = dict(positions)

    async def read(self, most: int, wait: float) -> list[Batch]:
        """As the contract says."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            arrival = asyncio.Event()
            sleeper = (loop, arrival)
            with self._log._lock:
                batches = self._take(most)
                self._log._sleepers.append(sleeper)
            try:
                if batches:
                    return batches
                await asyncio.wait_for(arrival.wait(), deadline - loop.time())
            except TimeoutError:
                return []
            finally:
                with self._log._lock:
                    if sleeper in self._log._sleepers:
                        self._log._sleepers.remove(sleeper)

    async def position(self, partition: int) -> int:
        """As the contract says."""
        found, position = self._of(partition), self._positions[partition]
        self._refuse_misfit(partition, position)
        first = bisect_left(found.offsets, position)
        return found.offsets[first] if first < len(found.offsets) else found.end

    async def close(self) -> None:
        """As the contract says."""
        self._positions = {}

    def _of(self, partition: int) -> _Partition:
        self._log._check_health()
        if partition not in range(len(self._log._partitions)):
            last = len(self._log._partitions) - 1
            raise LogMismatch(
                f"partition {partition} is not in the log {self._log.identity}: expected 0 to {last}"
            )
        return self._log._partitions[partition]

    def _refuse_misfit(self, partition: int, position: int) -> None:
        found = self._of(partition)
        name = f"the log {self._log.identity}"
        refuse_misfit(name, partition, position, start=found.start, end=found.end)

    def _take(self, most: int) -> list[Batch]:
        batches = []
        for partition, position in self._positions.items():
            self._refuse_misfit(partition, position)
            found = self._of(partition)
            first = bisect_left(found.offsets, position)
            offsets = found.offsets[first : first + most]
            if offsets:
                records = found.records[first : first + most]
                most -= len(offsets)
                batches.append(_batch(partition, offsets, records))
        for batch in batches:
            self._positions[batch.partition] = batch.next_offset
        return batches


def _batch(partition: int, offsets: list[int], records: Sequence[NewRecord]) -> Batch:
    return Batch(
        partition,
        offsets,
        [record.timestamp for record in records],
        [record.key for record in records],
        [record.value for record in records],
    )


class MemoryDeadLetters(DeadLetterTopic):
    """The topic in a list; it stops, fails and refuses when told.

    Attributes:
        letters: what was forwarded, in order.
        room: bytes of the largest value that it takes.
    """

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.room = LARGEST
        self._trouble: str | None = None
        self._answers = asyncio.Event()
        self._answers.set()

    def stop(self) -> None:
        """Let calls hang until `resume`."""
        self._answers.clear()

    def fail(self, trouble: str) -> None:
        """Take nothing, with this as the trouble, until `resume`."""
        self._trouble = trouble

    def resume(self) -> None:
        """Be well again; what hangs is done."""
        self._trouble = None
        self._answers.set()

    async def forward(self, letters: Sequence[DeadLetter]) -> Outcome:
        """As the contract says."""
        await self._answers.wait()
        if self._trouble is not None:
            error = LogUnavailable(f"the dead-letter topic failed: {self._trouble}")
            return Outcome(trouble=error)
        taken = [each for each in letters if len(each.value) <= self.room]
        self.letters += taken
        durable = {each.place for each in taken}
        refused = {each.place: "too large" for each in letters if each.place not in durable}
        return Outcome(durable, refused)

    async def close(self) -> None:
        """As the contract says."""
