"""The embedded log: one SQLite file in WAL mode, one partition, group commit, tailing readers.

Durable means: in the synced write-ahead log of the file, which survives a power cut.
"""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from dwell.errors import LogError, LogMismatch, LogUnavailable, NoSpace
from dwell.events.log import Batch, LogReader, LogWriter, NewRecord, refuse_misfit
from dwell.events.log_file import READABLE, explained, open_to_append, open_to_read
from dwell.events.space import Space
from dwell.events.waiting_room import Ticket, WaitingRoom

PARTITION = 0
STATEMENT_RECORDS = 128
"""Records in one statement at most; up to so many, a group is one statement and one commit."""
GROUP_RECORDS = 8192
"""Records in one commit at most, about: so many are on the disk in a tenth of a second."""
CHECKPOINT_BYTES = 4 * 2**20
"""Bytes written between two checkpoints, about."""
CHECK_BYTES = 4096
"""What a proof that a fact could be made durable writes: a page."""
WAL_FRAMES = 4096
"""Frames (of 4 KiB) beyond which the write-ahead log is begun anew, readers or not: the longer it
is, the longer are they waited for."""
BEGIN_WAIT_MS = 500
"""For which they are waited for at most."""
BEGIN_PAUSE = 5.0
"""Seconds until it is tried again when one of them read on for all of that."""
READ_RECORDS = 20_000
"""Records in one read at most, so that no reader's snapshot holds a checkpoint up for long."""
LOOK_SECONDS = (0.001, 0.05)
"""Pause of a waiting reader between two looks: a tenth of the silence so far, within these bounds.
A look costs 0.1 to 0.2 ms of CPU, nearly all of it for waking up."""
SAME_FILE_SECONDS = 1.0
"""How often both sides look whether the file under its name is still the one they hold."""

T = TypeVar("T")


def _file_of(path: Path) -> tuple[int, int] | None:
    """What tells this file from another one under the same name; None: there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


class EmbeddedWriter(LogWriter):
    """Appends to the file. Several processes may; each commit waits for its turn.

    One thread writes: all calls that wait go into one transaction, the next group gathers while
    the disk syncs. Whatever fails, the file is opened again for the next group.
    """

    def __init__(
        self, path: Path, *, waiting_bytes: int, durable_within: float, keep_free: int = 0
    ) -> None:
        self._path = path
        self._keep_free = keep_free
        self._within = durable_within
        self._room = WaitingRoom(
            f"the log {path}",
            self._probe,
            waiting_bytes=waiting_bytes,
            durable_within=durable_within,
        )
        self._is_passing_on = False
        self._gathered: list[Ticket] = []
        """What came in this turn of the loop, or in some milliseconds: it is handed over at their end."""
        self._inbox: SimpleQueue[list[Ticket] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] | None = None

    def submit(self, records: Sequence[NewRecord]) -> "asyncio.Future[None]":
        """As the contract says."""
        ticket = self._room.admit(records)
        self._hand_over(ticket)
        return ticket.outcome

    @property
    def waiting_bytes(self) -> int:
        """As the contract says."""
        return self._room.bytes

    async def check(self) -> None:
        """As the contract says; takes a synced commit."""
        ticket = self._room.admit(())
        self._hand_over(ticket)
        await ticket.outcome

    async def close(self) -> None:
        """As the contract says."""
        emptied = await self._room.emptied()
        if self._thread is None:
            return
        self._pass_on()
        self._inbox.put(None)
        if emptied and self._ended is not None:
            await asyncio.wait([self._ended], timeout=self._within)

    async def _probe(self) -> None:
        if not self._runs():
            raise LogUnavailable(f"the log {self._path} has no thread to be written in")
        ticket = self._room.probe_ticket()
        self._hand_over(ticket)
        await ticket.outcome

    def _hand_over(self, ticket: Ticket) -> None:
        """Wake the thread once for all that a turn of the loop brings, or some milliseconds where few calls
        come, and when the loop is about to rest: earlier, it only waits for the interpreter's lock."""
        loop = asyncio.get_running_loop()
        pause = self._room.pause(ticket)
        if not pause and not self._is_passing_on:
            self._is_passing_on = True
            loop.call_soon(self._pass_on)
        elif pause and not self._gathered:
            loop.call_later(pause, self._pass_on)
        self._gathered.append(ticket)
        self._runs()

    def _runs(self) -> bool:
        """Whether the thread is there; it is started if it is not. Where no more threads are to be had, calls
        time out, and a probe tries again."""
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._ended = loop.create_future()
            # A call that waits for another process's lock times out first, and its write goes on.
            pen = _Pen(self._path, 2 * self._within, Space(self._path, self._keep_free))
            thread = threading.Thread(
                target=self._write_groups, args=(pen, loop, self._ended), daemon=True, name="log"
            )
            with contextlib.suppress(RuntimeError):
                thread.start()
                self._thread = thread
        return self._thread is not None

    def _pass_on(self) -> None:
        self._is_passing_on = False
        if self._gathered:
            self._inbox.put(self._gathered)
            self._gathered = []

    def _write_groups(
        self, pen: "_Pen", loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]
    ) -> None:
        """The thread's whole life: take what waits, write it, say so."""
        open_ = True
        while open_:
            tickets, open_ = self._take()
            if tickets:
                records = [record for ticket in tickets for record in ticket.records]
                _tell(loop, self._room.settle, tickets, pen.write(records))
            pen.checkpoint_if_due()
        pen.close()
        _tell(loop, _end, ended)

    def _take(self) -> tuple[list[Ticket], bool]:
        """All tickets that wait, at least one, and whether there may be more to come."""
        tickets: list[Ticket] = []
        records = 0
        while records < GROUP_RECORDS and (not tickets or not self._inbox.empty()):
            together = self._inbox.get()
            if together is None:
                return tickets, False
            tickets += together
            records += sum(len(ticket.records) for ticket in together)
        return tickets, True


def _tell(loop: asyncio.AbstractEventLoop, *call: Any) -> None:
    """Call in the event loop's thread; if the loop is closed, nobody waits any more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(*call)


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Pen:
    """The one write connection, in the writer's thread.

    It remembers the last offset and the greatest time, so that a group is a single statement, its
    own transaction. The statement writes nothing if another process has appended meanwhile; then
    both are read anew under the lock. Fewer statements also mean fewer hand-overs of Python's
    interpreter lock between this thread and a busy event loop.
    """

    def __init__(self, path: Path, wait: float, space: Space) -> None:
        self._path = path
        self._wait = wait
        self._space = space
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._looked = 0.0
        self._last = -1
        self._latest = 0
        self._written = 0
        self._frames = 0
        self._begins_at = 0.0
        self._checkpoint: threading.Thread | None = None

    def write(self, records: Sequence[NewRecord]) -> LogError | None:
        """Make the records durable, or with none prove that it could be done; or say why not."""
        try:
            self._space.require()
            connection = self._opened()
            try:
                if records:
                    self._append(connection, records)
                else:
                    connection.execute("update log set checked = checked + 1")
                    self._written += CHECK_BYTES
            finally:
                if connection.in_transaction:
                    connection.rollback()
        except Exception as error:  # The thread must live on, whatever a record is made of.
            self.close()
            why = explained(error, self._path)
            return why if isinstance(why, NoSpace) else LogUnavailable(str(why))
        return None

    def checkpoint_if_due(self) -> None:
        """Keep the write-ahead log small, in a thread of its own: commits go on meanwhile.

        At 1,000 appends a second on a busy machine, 99 % were done in 21 ms; with checkpoints
        between the commits in 48 (medians of 10 paired runs).
        """
        running = self._checkpoint is not None and self._checkpoint.is_alive()
        if self._frames > WAL_FRAMES and not running:
            self._begin_anew()
        if self._written < CHECKPOINT_BYTES:
            return
        if running and self._checkpoint and self._written >= 4 * CHECKPOINT_BYTES:
            self._checkpoint.join()  # The disk does not keep up: then neither may the commits.
            running = False
        if not running:
            thread = threading.Thread(target=self._copy, daemon=True, name="log-checkpoint")
            # Where no more threads are to be had, a later group tries again.
            with contextlib.suppress(RuntimeError):
                thread.start()
                self._written, self._checkpoint = 0, thread

    def _copy(self) -> None:
        self._frames = _checkpoint(self._path)

    def _begin_anew(self) -> None:
        """Have the next commit begin the write-ahead log from its start, if its readers allow.

        In the thread of the commits: a checkpoint that begins while a commit resets the log is what
        SQLite before 3.51.3 may lose pages by.
        """
        frames, self._frames = self._frames, 0
        if self._connection is None or time.monotonic() < self._begins_at:
            return
        with contextlib.suppress(sqlite3.Error):
            wait = min(frames // 64, BEGIN_WAIT_MS)
            self._connection.execute(f"pragma busy_timeout = {wait}")
            [(busy, *_)] = self._connection.execute("pragma wal_checkpoint(restart)").fetchall()
            if busy and wait == BEGIN_WAIT_MS:  # as a backup does: not each commit waits for it
                self._begins_at = time.monotonic() + BEGIN_PAUSE
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute(f"pragma busy_timeout = {int(1000 * self._wait)}")

    def close(self) -> None:
        """Let go of the file."""
        if self._checkpoint is not None:
            self._checkpoint.join()
            self._checkpoint = None
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        now = time.monotonic()
        if self._connection is not None and now - self._looked > SAME_FILE_SECONDS:
            self._looked = now
            if _file_of(self._path) != self._file:
                self.close()
        if self._connection is None:
            connection = open_to_append(self._path, self._wait)
            self._connection, self._file, self._looked = connection, _file_of(self._path), now
            self._last, self._latest = _last_of(connection)
        return self._connection

    def _append(self, connection: sqlite3.Connection, records: Sequence[NewRecord]) -> None:
        if len(records) > STATEMENT_RECORDS:
            connection.execute("begin immediate")
        if not self._insert(connection, records):
            if not connection.in_transaction:
                connection.execute("begin immediate")
            self._last, self._latest = _last_of(connection)
            if not self._insert(connection, records):
                raise LogUnavailable(f"the log {self._path} moved on under its own lock")
        if connection.in_transaction:
            connection.execute("commit")

    def _insert(self, connection: sqlite3.Connection, records: Sequence[NewRecord]) -> bool:
        """Insert the records behind the last one known; False: it is not the last one."""
        last, latest, written = self._last, self._latest, 8192
        for start in range(0, len(records), STATEMENT_RECORDS):
            part = records[start : start + STATEMENT_RECORDS]
            expected = last
            parameters: list[int | bytes] = []
            for record in part:
                last += 1
                latest = max(latest, record.timestamp)
                parameters += (last, record.timestamp, latest, record.key, record.value)
                written += len(record.value)
            parameters.append(expected)
            if connection.execute(_insertion(len(part)), parameters).rowcount != len(part):
                return False
        self._last, self._latest = last, latest
        self._written += written
        return True


def _checkpoint(path: Path) -> int:
    """Copy the write-ahead log into the file; returns how many frames it has.

    What fails here, because the disk is full, is tried again with a later group.
    """
    with contextlib.suppress(LogError, OSError, sqlite3.Error):
        connection = open_to_append(path, 0)
        try:
            _, frames, _ = connection.execute("pragma wal_checkpoint(passive)").fetchone()
            return int(frames)
        finally:
            connection.close()
    return 0


_insertions: dict[int, str] = {}


def _insertion(records: int) -> str:
    """The statement that inserts so many records if the last offset is the expected one."""
    if records not in _insertions:
        places = ",".join(["(?,?,?,?,?)"] * records)
        _insertions[records] = (
            f"insert into record select * from (values {places}) "  # noqa: S608  places alone
            f"where (select seq from sqlite_sequence where name = 'record') = ?"
        )
    return _insertions[records]


def _last_of(connection: sqlite3.Connection) -> tuple[int, int]:
    """The last offset ever written, -1 for none, and the greatest time up to it."""
    row: tuple[int, int] = connection.execute(
        "select (select seq from sqlite_sequence where name = 'record'),"
        ' coalesce((select latest from record order by "offset" desc limit 1), 0)'
    ).fetchone()
    return row


class EmbeddedReader(LogReader):
    """Reads the file, which need not exist yet; it is looked for until it does.

    One thread of its own does the reading and the waiting, and one question after the other.
    """

    def __init__(self, path: Path) -> None:
        self._eye = _Eye(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log-reader")
        self._position: int | None = None
        self._stop = threading.Event()

    async def identity(self) -> str:
        """As the contract says; waits until there is a log."""
        return await self._ask(self._eye.identity, self._stop)

    async def partitions(self) -> list[int]:
        """As the contract says: one."""
        return [PARTITION]

    async def start(self, partition: int) -> int:
        """As the contract says; 0 if there is no file yet."""
        return (await self._ask(self._eye.bounds))[0]

    async def end(self, partition: int) -> int:
        """As the contract says; 0 if there is no file yet."""
        return (await self._ask(self._eye.bounds))[1]

    async def offset_at(self, partition: int, timestamp: int) -> int:
        """As the contract says; about 25 look-ups."""
        return await self._ask(self._eye.offset_at, timestamp)

    async def assign(self, positions: Mapping[int, int]) -> None:
        """As the contract says; the only partition is 0."""
        for partition, position in positions.items():
            if partition != PARTITION:
                raise LogMismatch(
                    f"partition {partition} is not in {self._eye.name}: expected {PARTITION} alone"
                )
            start, end = await self._ask(self._eye.bounds)
            refuse_misfit(self._eye.name, partition, position, start=start, end=end)
        self._position = positions.get(PARTITION)

    async def read(self, most: int, wait: float) -> list[Batch]:
        """As the contract says; 20,000 at most."""
        if self._position is None:
            await asyncio.sleep(wait)
            return []
        batch = await self._ask(self._eye.tail, self._position, most, wait, self._stop)
        if batch is None:
            return []
        self._position = batch.next_offset
        return [batch]

    async def position(self, partition: int) -> int:
        """As the contract says."""
        assert self._position is not None
        return await self._ask(self._eye.passed, self._position)

    async def close(self) -> None:
        """As the contract says; a read under way returns at once."""
        self._stop.set()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._eye.close)
        self._thread.shutdown()

    async def _ask(self, question: Callable[..., T], *arguments: object) -> T:
        """The answer of a question put in the reader's thread, which a cancellation sets free."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, question, *arguments)
        except asyncio.CancelledError:
            self._stop.set()
            self._stop = threading.Event()
            raise


class _Eye:
    """The read-only connection, in the reader's thread. Positions are the caller's."""

    def __init__(self, path: Path) -> None:
        self.name = f"the log {path}"
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._looked = 0.0
        self._identity: str | None = None
        self._heard = 0.0

    def identity(self, stop: threading.Event) -> str:
        """The log's identity, as soon as there is a log."""
        with self._explaining():
            while self._opened() is None:
                if stop.wait(LOOK_SECONDS[1]):
                    raise LogUnavailable(f"{self.name} is not there yet")
        assert self._identity is not None
        return self._identity

    def bounds(self) -> tuple[int, int]:
        """The first offset, and the next one to be written."""
        with self._explaining():
            connection = self._opened()
            return (0, 0) if connection is None else _bounds(connection)

    def passed(self, position: int) -> int:
        """The offset of the first record from this one on, or the end."""
        with self._explaining():
            connection = self._opened()
            if connection is None:
                return position
            start, following, end = connection.execute(
                'select (select min("offset") from record),'
                ' (select min("offset") from record where "offset" >= ?),'
                " (select seq + 1 from sqlite_sequence where name = 'record')",
                (position,),
            ).fetchone()
        refuse_misfit(self.name, PARTITION, position, start=start or 0, end=end)
        return int(end if following is None else following)

    def offset_at(self, timestamp: int) -> int:
        """By bisection: `latest` ascends with the offset."""
        with self._explaining():
            connection = self._opened()
            if connection is None:
                return 0
            low, end = _bounds(connection)
            high = end
            while low < high:
                middle = (low + high) // 2
                offset, latest = _record_from(connection, middle) or (high, timestamp)
                if latest >= timestamp:
                    high = middle
                else:
                    low = offset + 1
            return (_record_from(connection, low) or (end, 0))[0]

    def tail(self, position: int, most: int, wait: float, stop: threading.Event) -> Batch | None:
        """The records from this offset on, waiting for the first one; None: none has come.

        SQLite's `data_version` tells without a query whether anybody has written.
        """
        deadline = time.monotonic() + wait
        seen = None
        while True:
            with self._explaining():
                connection = self._opened()
                now = connection and (connection, _data_version(connection))
                if connection is not None and now != seen:
                    seen = now
                    batch = self._read(connection, position, most)
                    if batch is not None:
                        self._heard = time.monotonic()
                        return batch
            moment = time.monotonic()
            shortest, longest = LOOK_SECONDS
            pause = min(max((moment - self._heard) / 10, shortest), longest, deadline - moment)
            if pause <= 0 or stop.wait(pause):
                return None

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, connection: sqlite3.Connection, position: int, most: int) -> Batch | None:
        rows = connection.execute(
            f'select "offset", received_at, {READABLE} from record where "offset" >= ?'  # noqa: S608
            ' order by "offset" limit ?',
            (position, min(most, READ_RECORDS)),
        ).fetchall()
        # A gap is legal between records, not before the first one: those were there once.
        if not rows or rows[0][0] > position:
            start, end = _bounds(connection)
            refuse_misfit(self.name, PARTITION, position, start=start, end=end)
        if not rows:
            return None
        offsets, timestamps, keys, values = map(list, zip(*rows, strict=True))
        return Batch(PARTITION, offsets, timestamps, keys, values)

    def _opened(self) -> sqlite3.Connection | None:
        """The connection to the file that has the log's name now; None: no log was made yet."""
        now = time.monotonic()
        if self._connection is not None and now - self._looked < SAME_FILE_SECONDS:
            return self._connection
        self._looked = now
        file = _file_of(self._path)
        if self._connection is not None and file == self._file:
            return self._connection
        self.close()
        if file is None:
            if self._identity is not None:
                raise LogUnavailable(f"{self.name} is gone: expected {self._identity} there")
            return None
        connection = open_to_read(self._path)
        (identity,) = connection.execute("select identity from log").fetchone()
        if self._identity not in (None, identity):
            connection.close()
            raise LogMismatch(f"{self.name} is {identity} now: expected {self._identity}")
        self._connection, self._file, self._identity = connection, file, identity
        return connection

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Say failures for people, and open the file again next time."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise explained(error, self._path) from error


def _bounds(connection: sqlite3.Connection) -> tuple[int, int]:
    start, end = connection.execute(
        'select (select min("offset") from record),'
        " (select seq + 1 from sqlite_sequence where name = 'record')"
    ).fetchone()
    return (end if start is None else start), end


def _record_from(connection: sqlite3.Connection, offset: int) -> tuple[int, int] | None:
    """Offset and greatest time of the first record with this offset or a greater one."""
    row: tuple[int, int] | None = connection.execute(
        'select "offset", latest from record where "offset" >= ? order by "offset" limit 1',
        (offset,),
    ).fetchone()
    return row


def _data_version(connection: sqlite3.Connection) -> int:
    """A number that changes with every commit of another connection."""
    (version,) = connection.execute("pragma data_version").fetchone()
    return int(version)
