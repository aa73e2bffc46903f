"""Dropping: the oldest records of the embedded log go, while it is appended to and read.

Offsets stay what they are. The pages that become free are taken by what is appended next.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from dwell.errors import LogUnavailable
from dwell.events.log_file import explained, open_to_append

FIRST, MOST = 256, 16_384
"""Records that are dropped in one transaction: from the first of these numbers on as many as fit into
HELD_SECONDS."""
HELD_SECONDS = 0.01
"""For which a transaction holds the log, about: so long an append waits."""
REST = 2
"""A transaction that took t seconds is followed by REST * t without one."""
WAIT_SECONDS = 30.0
"""How long another process's lock is waited for."""


def drop(path: Path, until: int, *, done: Callable[[int], None] = lambda records: None) -> int:
    """Drop the records before an offset; the newest one stays in any case, and with it the log's time.
    Returns how many went.

    Whatever is killed when, what was dropped is gone and the rest is there: the same call goes on.

    Args:
        done: told how many records more are gone.

    Raises:
        LogError: there is no such log, or it cannot be written.
    """
    if not path.exists():
        raise LogUnavailable(f"there is no log {path}: expected the file that the site appends to")
    try:
        with contextlib.closing(open_to_append(path, WAIT_SECONDS)) as connection:
            connection.execute("pragma wal_autocheckpoint = 1000")
            # Within a page that stays, too: an erasure overwrites whole free pages alone.
            connection.execute("pragma secure_delete = fast")
            return _drop(connection, until, done)
    except (OSError, sqlite3.Error) as error:
        raise explained(error, path) from error


def _drop(connection: sqlite3.Connection, until: int, done: Callable[[int], None]) -> int:
    records, together = 0, FIRST
    while True:
        began = time.monotonic()
        gone = connection.execute(
            'delete from record where "offset" in (select "offset" from record'
            ' where "offset" < min(?, (select max("offset") from record))'
            ' order by "offset" limit ?)',
            (until, together),
        ).rowcount
        taken = time.monotonic() - began
        if not gone:
            return records
        records += gone
        done(gone)
        together = min(max(int(together * HELD_SECONDS / max(taken, 0.001)), FIRST), MOST)
        time.sleep(REST * taken)
