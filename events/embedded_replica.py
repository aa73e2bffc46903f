"""The embedded log as a copy of another one. It takes no facts until it is opened.

How far the copy has come stands in the file, in the same transaction as the records.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from dwell.errors import LogMismatch
from dwell.events.embedded import PARTITION
from dwell.events.log import Batch
from dwell.events.log_file import explained, open_to_append, seal, unseal
from dwell.events.replica import Begun, Replica

WAIT_SECONDS = 30.0
"""How long another process's lock is waited for."""

# A file that has these tables is being made: `copy` says of which log, `copied` up to where of each of
# its partitions.
TABLES = """
create table if not exists copy (source text not null, merges integer not null);
create table if not exists copied (partition integer primary key, next_offset integer not null);
"""

T = TypeVar("T")


class EmbeddedReplica(Replica):
    """The file. It has one partition: of a source with several, all come into that one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    async def found(self, source: str, partitions: Sequence[int]) -> Begun:
        """As the contract says. What is in a file already counts as the source's partition 0."""
        return await self._ask(_found, self._path, source, partitions)

    async def claim(self, source: str, begun: Begun) -> None:
        """As the contract says: it takes no facts from now on."""
        await self._ask(_claim, source, begun)

    async def skip(self, partition: int, until: int) -> None:
        """As the contract says."""
        await self.append(partition, [], until)

    async def append(self, partition: int, batches: Sequence[Batch], until: int) -> None:
        """As the contract says."""
        await self._ask(_append, partition, batches, until)

    async def open(self) -> None:
        """As the contract says."""
        await self._ask(_open)

    async def close(self) -> None:
        """As the contract says."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(connection.close)

    async def _ask(self, do: Callable[..., T], *arguments: object) -> T:
        """Do it in a thread; a cancellation waits for that one, which may use the connection till then."""
        running = asyncio.ensure_future(asyncio.to_thread(self._done, do, arguments))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise

    def _done(self, do: Callable[..., T], arguments: tuple[object, ...]) -> T:
        try:
            if self._connection is None:
                self._connection = open_to_append(self._path, WAIT_SECONDS)
                self._connection.execute("pragma wal_autocheckpoint = 4096")
            with _transaction(self._connection) as connection:
                return do(connection, *arguments)
        except (OSError, sqlite3.Error) as error:
            raise explained(error, self._path) from error


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("begin immediate")
    try:
        yield connection
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back what a full disk has ended
            connection.execute("rollback")
        raise


def _found(
    connection: sqlite3.Connection, path: Path, source: str, partitions: Sequence[int]
) -> Begun:
    merges = list(partitions) != [PARTITION]
    if not connection.execute("select 1 from sqlite_schema where name = 'copy'").fetchone():
        positions = dict.fromkeys(partitions, 0) | {PARTITION: _end(connection)}
        return Begun(positions, merges, checked=False)
    known, merged = connection.execute("select source, merges from copy").fetchone()
    if known != source:
        raise LogMismatch(
            f"{path} was begun as a copy of log {known}, and this is log {source}: expected the same one,"
            " or another file"
        )
    copied = dict(connection.execute("select partition, next_offset from copied"))
    return Begun(dict.fromkeys(partitions, 0) | copied, merges or bool(merged), checked=True)


def _claim(connection: sqlite3.Connection, source: str, begun: Begun) -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        connection.execute(statement)
    connection.execute("delete from copy")
    connection.execute("insert into copy values (?, ?)", (source, begun.merges))
    connection.executemany(
        "insert or replace into copied values (?, ?)", list(begun.positions.items())
    )
    _seal(connection)


def _append(
    connection: sqlite3.Connection, partition: int, batches: Sequence[Batch], until: int
) -> None:
    unseal(connection)
    end, merges = _end(connection), _merges(connection)
    for batch in batches:
        begin = end if merges else batch.offsets[0]
        _insert(connection, batch, range(begin, begin + len(batch)) if merges else batch.offsets)
        end = begin + len(batch) if merges else batch.next_offset
    connection.execute(
        "update sqlite_sequence set seq = ? where name = 'record'",
        ((end if merges else max(end, until)) - 1,),
    )
    connection.execute("insert or replace into copied values (?, ?)", (partition, until))
    _seal(connection)


def _insert(connection: sqlite3.Connection, batch: Batch, offsets: Sequence[int]) -> None:
    (latest,) = connection.execute(
        'select coalesce((select latest from record order by "offset" desc limit 1), 0)'
    ).fetchone()
    rows = []
    for offset, received_at, key, value in zip(
        offsets, batch.timestamps, batch.keys, batch.values, strict=True
    ):
        latest = max(latest, received_at)
        rows.append((offset, received_at, latest, key, value))
    connection.executemany("insert into record values (?, ?, ?, ?, ?)", rows)


def _seal(connection: sqlite3.Connection) -> None:
    (source,) = connection.execute("select source from copy").fetchone()
    seal(connection, f"it is being made as a copy of log {source}; `dwell log move` opens it")


def _open(connection: sqlite3.Connection) -> None:
    unseal(connection)
    connection.execute("drop table if exists copy")
    connection.execute("drop table if exists copied")


def _merges(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("select merges from copy").fetchone()[0])


def _end(connection: sqlite3.Connection) -> int:
    (end,) = connection.execute(
        "select seq + 1 from sqlite_sequence where name = 'record'"
    ).fetchone()
    return int(end)
