"""The file of the embedded log: how it is made, opened and known for what it is."""

import contextlib
import errno
import sqlite3
import tempfile
import uuid
from pathlib import Path

from dwell.durable import make_folder, sync
from dwell.errors import LogError, LogMismatch, LogUnavailable, NoSpace

APPLICATION_ID = 0x4477656C
"""`Dwel`, in the header of every SQLite file that is a Dwell log."""
FORMAT = 1
SEAL_SECONDS = 30.0
"""How long another process's lock is waited for when a log is closed to facts."""

# `latest` is the greatest received_at up to this record. It ascends with the offset whatever the
# clock did, so a time is found by bisection; an index on received_at costs twice the CPU of an
# append (measured: 3.2 against 5.0 ms for 512 records).
SCHEMA = """
create table record (
    "offset" integer primary key autoincrement,
    received_at integer not null,
    latest integer not null,
    key blob not null,
    value blob not null
);
insert into sqlite_sequence (name, seq) values ('record', -1);
create table log (identity text not null, checked integer not null);
"""

READABLE = "key, iif(substr(value, 1, 1) = x'00' and value = zeroblob(length(value)), x'', value)"
"""Key and value of a record as they are read. The payload of an erased one is overwritten with zeros
where it stands (`blanking.py`): a value of another length would have SQLite move records, and leave
copies of them behind. It is read as empty."""


def create(path: Path) -> None:
    """Make an empty log with an identity of its own, private to this user, unless there is one.

    It appears under its name complete and durable or not at all, and only one of several processes
    that try at once makes it.

    Raises:
        OSError, sqlite3.Error: it cannot be made; `explained` says it for people.
    """
    make_folder(path.parent)
    if path.exists():
        return
    remains = path.with_name(f"{path.name}-wal")
    if remains.exists():
        raise LogUnavailable(
            f"the log {path} is gone but {remains.name} is there, which may hold facts of it: "
            f"expected both or neither"
        )
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-log-") as folder:
        new = Path(folder) / path.name
        new.touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            connection.execute(f"pragma application_id = {APPLICATION_ID}")
            connection.execute(f"pragma user_version = {FORMAT}")
            connection.executescript(SCHEMA)
            connection.execute("insert into log values (?, 0)", (f"embedded:{uuid.uuid4()}",))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(new)
    sync(path.parent)


def open_to_append(path: Path, wait: float) -> sqlite3.Connection:
    """The log, made if need be. Each commit is synced; another process's lock is waited for."""
    create(path)
    connection = sqlite3.connect(
        path, timeout=wait, isolation_level=None, cached_statements=256, check_same_thread=False
    )
    return _checked(connection, path, "pragma synchronous = full; pragma wal_autocheckpoint = 0;")


def open_to_read(path: Path) -> sqlite3.Connection:
    """The log, which must be there, for reading alone."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(
        uri, uri=True, timeout=5, isolation_level=None, check_same_thread=False
    )
    return _checked(connection, path, "")


def _checked(connection: sqlite3.Connection, path: Path, pragmas: str) -> sqlite3.Connection:
    try:
        (application,) = connection.execute("pragma application_id").fetchone()
        (version,) = connection.execute("pragma user_version").fetchone()
        if application != APPLICATION_ID:
            raise LogMismatch(f"{path} is not a Dwell log: expected a file made by Dwell, or none")
        if version != FORMAT:
            raise LogMismatch(
                f"the log {path} has format {version}: expected {FORMAT}, "
                f"the one that this version of Dwell reads"
            )
        connection.executescript(pragmas)
    except BaseException:
        connection.close()
        raise
    return connection


def copy(path: Path, target: Path) -> None:
    """Copy a log that is there into a new file, as it is at one moment; the site goes on appending.

    Raises:
        LogError: it cannot be read, or the copy not be written.
    """
    try:
        with contextlib.closing(open_to_read(path)) as source:
            _copy(source, target)
    except (OSError, sqlite3.Error) as error:
        raise explained(error, path) from error


def _copy(source: sqlite3.Connection, target: Path) -> None:
    try:
        target.touch(mode=0o600, exist_ok=False)
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as connection:
            source.backup(connection)
        sync(target)
    except OSError as error:
        raise explained(error, target) from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") in _NO_ROOM:  # which reading does not want
            raise explained(error, target) from error
        raise


def require_whole(path: Path, named: Path) -> None:
    """Read through a copy that nobody writes, of the log that is `named`.

    Raises:
        LogError: it is damaged, or cannot be read.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            (found,) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise explained(error, named) from error
    if found != "ok":
        raise _damaged(named)


def _damaged(path: Path) -> LogMismatch:
    return LogMismatch(f"the log {path} is damaged: expected a whole file; bring one from a copy")


def seal(connection: sqlite3.Connection, why: str) -> None:
    """Have the log take no more facts, whoever appends them; inside a transaction. Records can be read,
    and overwritten where they stand."""
    unseal(connection)
    said = f"the log is closed to facts, for {why}".replace("'", "''")
    for name, event in _SEALS.items():
        connection.execute(
            f"create trigger {name} {event} begin select raise(abort, '{said}'); end"
        )


def close(path: Path, why: str) -> None:
    """Seal a log that is there, durable.

    Raises:
        LogError: it cannot be written.
    """
    try:
        with contextlib.closing(open_to_append(path, SEAL_SECONDS)) as connection:
            connection.execute("begin immediate")
            seal(connection, why)
            connection.execute("commit")
    except (OSError, sqlite3.Error) as error:
        raise explained(error, path) from error


def unseal(connection: sqlite3.Connection) -> None:
    """Have it take facts again; inside a transaction."""
    for name in _SEALS:
        connection.execute(f"drop trigger if exists {name}")


_SEALS = {
    "sealed": "before insert on record",
    "sealed_too": "before update of checked on log",
}
"""Appending a record, and proving that one could be."""


def explained(error: Exception, path: Path) -> LogError:
    """What went wrong, in one line that says what would be right."""
    if isinstance(error, LogError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(f"the log {path} cannot be made: {error.strerror}: {_ROOM}")
    if isinstance(error, OSError):
        return LogUnavailable(
            f"the log {path} cannot be made or found: {error.strerror}: "
            f"expected a folder that this user can write"
        )
    if not isinstance(error, sqlite3.Error):
        return LogUnavailable(f"the log {path} cannot take a record: {error!r}")
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    if name == "SQLITE_CONSTRAINT_TRIGGER":
        return LogUnavailable(f"{path}: {error}")
    if name == "SQLITE_NOTADB":
        return LogMismatch(f"{path} is not a Dwell log: expected a file made by Dwell, or none")
    if name.startswith("SQLITE_CORRUPT"):
        return _damaged(path)
    if name in _NO_ROOM:
        return NoSpace(f"the log {path} failed: {error} ({name}): {_ROOM}")
    expected = next(
        (right for prefix, right in _EXPECTED.items() if name.startswith(prefix)), "see the disk"
    )
    return LogUnavailable(f"the log {path} failed: {error} ({name}): {expected}")


_ROOM = "expected space on its disk"
_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
"""The second one is met where the index of the write-ahead log would have to grow."""
_EXPECTED = {
    "SQLITE_READONLY": "expected a file and a folder that this user can write",
    "SQLITE_CANTOPEN": "expected a file and a folder that this user can write",
    "SQLITE_BUSY": "expected no other process to hold it locked for so long",
}
