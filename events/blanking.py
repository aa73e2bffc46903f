"""Blanking: what the embedded log holds of forgotten visitors is overwritten, where it stands.

A record keeps its offset, its time and its length; key and value become zeros, and readers find them
empty. The log can be appended to and read meanwhile.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dwell.errors import LogUnavailable
from dwell.events.log_file import explained, open_to_append, open_to_read
from dwell.schemas.erasing import is_erased

WINDOW = 20_000
"""Records that are looked through at a time, so that no snapshot holds a checkpoint up for long."""
TOGETHER = 500
"""Records that are overwritten in one transaction: appends wait some milliseconds at most."""
FILLING = 1_000
"""Free pages that are overwritten by one value, in one transaction."""
WAIT_SECONDS = 30.0
"""How long another process's lock is waited for."""


@dataclass(frozen=True, slots=True)
class Blanked:
    """What came of it.

    Attributes:
        records: how many were overwritten.
        end: the offset up to which the log was looked through.
    """

    records: int
    end: int


def blank(path: Path, erasures: Mapping[str, int], *, since: int = 0) -> Blanked:
    """Overwrite the records that these erasures cover, from an offset on, and let nothing of them stay
    in the file's free pages or in its write-ahead log.

    Again and again does no harm: what was overwritten is not found any more.

    Args:
        erasures: as in `is_erased`.

    Raises:
        LogError: there is no such log, or it cannot be written.
    """
    records = 0
    with _opened(path, _to_blank) as connection:
        for begin, end in _windows(connection, since):
            records += _overwrite(connection, _naming(connection, erasures, begin, end), erasures)
        _clear_free_pages(connection)
        empty_wal(connection, path)
    return Blanked(records, end)


def covered(path: Path, erasures: Mapping[str, int]) -> int:
    """How many records would be overwritten.

    Raises:
        LogError: as `blank`.
    """
    with _opened(path, open_to_read) as connection:
        return sum(
            len(_chosen(connection, _naming(connection, erasures, begin, end), erasures))
            for begin, end in _windows(connection, 0)
        )


def _naming(
    connection: sqlite3.Connection, erasures: Mapping[str, int], begin: int, end: int
) -> list[int]:
    """The offsets of what names any of the visitors."""
    return sorted(
        {each for visitor in erasures for each in _named(connection, visitor, begin, end)}
    )


@contextlib.contextmanager
def _opened(path: Path, how: Callable[[Path], sqlite3.Connection]) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise LogUnavailable(f"there is no log {path}: expected the file that the site appends to")
    try:
        with contextlib.closing(how(path)) as connection:
            yield connection
    except (OSError, sqlite3.Error) as error:
        raise explained(error, path) from error


def _to_blank(path: Path) -> sqlite3.Connection:
    connection = open_to_append(path, WAIT_SECONDS)
    connection.execute("pragma secure_delete = on")
    return connection


def _windows(connection: sqlite3.Connection, since: int) -> Iterator[tuple[int, int]]:
    """Ranges of offsets up to what is the end when it is reached, at least one."""
    begin = since
    while True:
        (end,) = connection.execute(
            "select seq + 1 from sqlite_sequence where name = 'record'"
        ).fetchone()
        until = min(begin + WINDOW, end)
        yield begin, until
        if until >= end:
            return
        begin = until


def _named(connection: sqlite3.Connection, visitor: str, begin: int, end: int) -> list[int]:
    """The records that may name a visitor in whatever part: they have the last twelve digits of the id, which
    stand together with hyphens and without."""
    low = visitor.encode()[-12:]
    found = connection.execute(
        'select "offset" from record where "offset" >= ? and "offset" < ?'
        " and (instr(key, ?) or instr(key, ?) or instr(value, ?) or instr(value, ?))",
        (begin, end, *(low, low.upper()) * 2),
    )
    return [offset for (offset,) in found]


def _overwrite(
    connection: sqlite3.Connection, offsets: list[int], erasures: Mapping[str, int]
) -> int:
    chosen = _chosen(connection, offsets, erasures)
    for start in range(0, len(chosen), TOGETHER):
        connection.execute("begin immediate")
        connection.executemany(
            "update record set key = zeroblob(length(key)), value = zeroblob(length(value))"
            ' where "offset" = ?',
            chosen[start : start + TOGETHER],
        )
        connection.execute("commit")
    return len(chosen)


def _chosen(
    connection: sqlite3.Connection, offsets: list[int], erasures: Mapping[str, int]
) -> list[tuple[int]]:
    """Those of these records that are to be overwritten."""
    chosen = []
    for offset in offsets:
        found = connection.execute(
            'select key, value, received_at from record where "offset" = ?', (offset,)
        ).fetchone()
        if found is None:  # it was pruned meanwhile
            continue
        key, value, received_at = found
        if is_erased(key, value, received_at, erasures):
            chosen.append((offset,))
    return chosen


def _clear_free_pages(connection: sqlite3.Connection) -> None:
    """Overwrite the pages that are free, as after old records were dropped, a few in each transaction: a
    table of zeros fills them and goes again."""
    left = connection.execute("select 1 from sqlite_schema where name = 'filling'").fetchone()
    if not (left or _free_pages(connection)):  # left by a run that was killed
        return
    (size,) = connection.execute("pragma page_size").fetchone()
    connection.execute("pragma wal_autocheckpoint = 4096")
    connection.execute("create table if not exists filling (zeros blob)")
    while pages := _free_pages(connection):
        filled = min(FILLING, pages) * (size - 4)
        connection.execute("insert into filling values (zeroblob(?))", (filled,))
    connection.execute("pragma secure_delete = off")  # zeros may stay
    for row in connection.execute("select rowid from filling").fetchall():
        connection.execute("delete from filling where rowid = ?", row)
    connection.execute("drop table filling")
    connection.execute("pragma secure_delete = on")


def _free_pages(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("pragma freelist_count").fetchone()
    return int(pages)


def empty_wal(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the write-ahead log into the file and cut it to nothing: it holds pages as they were.

    Raises:
        LogUnavailable: others hold it for WAIT_SECONDS.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]:
        if time.monotonic() > deadline:
            raise LogUnavailable(
                f"the write-ahead log of {path} is held by another process: expected no reader to"
                f" stay in it for {WAIT_SECONDS:g} s; end that one and run this again"
            )
        time.sleep(0.05)
