"""The published warehouse, opened for reading, however often a new one takes its place.

DuckDB shares one instance per path within a process: whoever opens the path again while an older
connection is open goes on reading the older file. So each publication is attached under a name of
its own, a hard link that is gone as soon as the file is open. In a folder that cannot be written,
such as a volume that is mounted read-only, it is attached by the path itself: by each instance once.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import duckdb

from dwell.errors import QueryFailed, WarehouseError
from dwell.shard import Shard
from dwell.warehouse import attaching, union
from dwell.warehouse.quoting import quoted
from dwell.warehouse.snapshot import WAL_ENDS

LINKS = ".readers"
"""Folder beside the published file in which its second names stand for the moment of opening."""
BESIDE = ("", *WAL_ENDS)
"""What DuckDB looks for beside the name of a file, and itself."""
LINK_SECONDS = 60
"""A link older than this was left by a process that was killed."""

Identity = tuple[int, int, int]


def open_published(path: Path, writable: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A connection to the publication there is now; it goes on reading that one.

    Unqualified names are the warehouse's, times are UTC, and no statement can read or write another
    file, unless in a folder that is given as `writable`; temporary tables live in memory.

    Raises:
        WarehouseError: nothing is published yet, or the file cannot be read.
    """
    connection = _connect(path, writable)
    try:
        attach(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def identity_of(path: Path) -> Identity:
    """What tells one publication from the next.

    Raises:
        WarehouseError: nothing is published yet.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise WarehouseError(
            f"there is no warehouse at {path} yet: `dwell up` publishes one within seconds;"
            " if it stands elsewhere, say where with --data or DWELL_DATA"
        ) from None
    except OSError as error:
        raise WarehouseError(f"{path} cannot be read: {error.strerror}") from None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _connect(
    path: Path, writable: Path | None = None, limits: Mapping[str, str | int] = MappingProxyType({})
) -> duckdb.DuckDBPyConnection:
    """An instance in memory that may open the links beside `path`, what is in `writable`, and no
    other file."""
    allowed = [str(_links(path)), *([] if writable is None else [str(writable.resolve())])]
    spill = Path(tempfile.gettempdir()) / f"dwell-{uuid4()}"
    connection = duckdb.connect(
        ":memory:",
        config={
            "temp_directory": str(spill),
            "python_enable_replacements": False,
            "autoload_known_extensions": False,
            **limits,
        },
    )
    connection.execute(
        f"set allowed_directories = [{', '.join(map(quoted, allowed))}];"
        f"set allowed_paths = [{', '.join(map(quoted, _paths(path)))}];"
        "set enable_external_access = false;"
        "set global TimeZone = 'UTC'"
    )
    return connection


def attach(connection: duckdb.DuckDBPyConnection, path: Path) -> Identity:
    """Attach the newest publication as `warehouse`, read-only, in place of an older one.

    Raises:
        WarehouseError: as `open_published`; then the older one is gone too.
        QueryFailed: there is no room for it in memory, with DuckDB's message.
    """
    # Taken before the file is opened: a publication in between is attached once more, never missed.
    identity = identity_of(path)
    try:
        search_path = _detach(connection)
        _attach(connection, path, "warehouse", path)
        if shards := union.shards_in(connection):
            _attach_shards(connection, path, shards[0])
        connection.execute(f"set search_path = {quoted(search_path)}")
    except duckdb.OutOfMemoryException as error:
        raise QueryFailed(str(error).partition("\n")[0]) from None
    except (duckdb.Error, OSError) as error:
        raise unreadable(path, error) from None
    return identity


def unreadable(path: Path, error: Exception) -> WarehouseError:
    """What is wrong with a file that DuckDB could not open."""
    problem = str(error).partition("\n")[0]
    if "not a valid DuckDB database file" in problem:
        return WarehouseError(f"{path} is no DuckDB file: expected a warehouse")
    return WarehouseError(f"{path} cannot be opened: {problem}")


def _attach(connection: duckdb.DuckDBPyConnection, file: Path, name: str, path: Path) -> None:
    if _is_fixed(path) and not file.with_name(f"{file.name}.wal").exists():
        connection.execute(attaching.attach(file.resolve(), name, "read_only"))
        return
    with name_of_its_own(connection, file, path) as link:
        connection.execute(attaching.attach(link, name, "read_only"))


def _is_fixed(path: Path) -> bool:
    """Whether nothing can be made beside the file by this process, nor be done to it."""
    return not os.access(path.parent, os.W_OK)


def _paths(path: Path) -> list[str]:
    """What a connection may open besides links: where none can be made, the published files."""
    if not _is_fixed(path):
        return []
    files = (path, *path.parent.glob("shards-of-*/*.duckdb"))
    return [f"{file.resolve()}{suffix}" for file in files for suffix in BESIDE]


def _attach_shards(connection: duckdb.DuckDBPyConnection, path: Path, shard: Shard) -> None:
    """Attach the shards, and their views in place of the published ones: these open the files anew
    for each table that a statement names, those read what is attached, as long as it is."""
    connection.execute("detach warehouse")
    _attach(connection, union.beside(shard, path), "warehouse", path)
    for each in union.shards_in(connection):
        _attach(connection, each.beside(path), union.database_of(each), path)


def _detach(connection: duckdb.DuckDBPyConnection) -> str:
    """Let go of an older publication; returns the search path to be set with the next."""
    [(search_path,)] = connection.execute("select current_setting('search_path')").fetchall()
    connection.execute("use memory; detach database if exists warehouse")
    shards = connection.execute(
        "select database_name from duckdb_databases() where database_name similar to 'shard_[0-9]+'"
    ).fetchall()
    for (name,) in shards:
        connection.execute(f"detach {name}")
    return str(search_path) or "warehouse.main"


@contextmanager
def name_of_its_own(
    connection: duckdb.DuckDBPyConnection, file: Path, path: Path
) -> Iterator[Path]:
    """Another name of the file, among those that `path` allows the connection to read."""
    try:
        name = _link(file, _links(path))
    except OSError:
        # Another user's file, a folder that cannot be written, a file system without links.
        name = _copy(connection, file)
    try:
        yield name
    finally:
        name.unlink(missing_ok=True)
        with suppress(OSError):  # another reader's link is in it
            name.parent.rmdir()


def _links(path: Path) -> Path:
    return path.parent.resolve() / LINKS


def _link(file: Path, folder: Path) -> Path:
    _sweep(folder)
    for attempt in range(8):
        folder.mkdir(exist_ok=True)
        name = folder / f"{uuid4()}.duckdb"
        try:
            name.hardlink_to(file)
        except FileNotFoundError:  # another reader removed the folder in between
            if attempt == 7:
                raise
        else:
            return name
    raise AssertionError


def _sweep(folder: Path) -> None:
    with suppress(OSError):
        for left in folder.glob("*.duckdb"):
            if time() - left.stat().st_ctime > LINK_SECONDS:
                left.unlink(missing_ok=True)


def _copy(connection: duckdb.DuckDBPyConnection, file: Path) -> Path:
    """A copy where the connection may read: the folder for what does not fit into memory."""
    [(spill,)] = connection.execute("select current_setting('temp_directory')").fetchall()
    folder = Path(spill)
    folder.mkdir(mode=0o700, exist_ok=True)
    return Path(shutil.copyfile(file, folder / f"{uuid4()}.duckdb"))


@dataclass(eq=False)
class Attached:
    """A publication that is open for reading; connections to it share what is made in memory."""

    identity: Identity
    connection: duckdb.DuckDBPyConnection
    leases: int = field(default=0)

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for the calling thread alone."""
        with self.connection.cursor() as cursor:
            cursor.execute("use warehouse")
            yield cursor


class Published:
    """The newest publication, for a process that lives long and reads from many threads.

    A publication that was replaced is closed when the last connection to it is given back.

    Args:
        limits: DuckDB's, as `memory_limit` and `threads`; where there are none, DuckDB's own.
    """

    def __init__(self, path: Path, limits: Mapping[str, str | int] = MappingProxyType({})) -> None:
        self._path = path
        self._limits = limits
        self._lock = threading.Lock()
        self._newest: Attached | None = None

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for the calling thread alone, to one publication for the time of the `with`.

        Raises:
            WarehouseError: nothing is published yet, or the file cannot be read.
        """
        with self.newest() as attached, attached.cursor() as cursor:
            yield cursor

    @contextmanager
    def newest(self) -> Iterator[Attached]:
        """The newest publication, which stays open for the time of the `with`.

        Raises:
            WarehouseError: nothing is published yet, or the file cannot be read.
        """
        attached = self._lease()
        try:
            yield attached
        finally:
            self._give_back(attached)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement, from the newest publication."""
        with self.connection() as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def close(self) -> None:
        """Let go of the file, once every connection is given back."""
        with self._lock:
            self._retire()

    def _lease(self) -> Attached:
        with self._lock:
            identity = identity_of(self._path)
            if self._newest is None or self._newest.identity != identity:
                connection = _connect(self._path, limits=self._limits)
                try:
                    identity = attach(connection, self._path)
                except BaseException:
                    connection.close()
                    raise
                self._retire()
                self._newest = Attached(identity, connection)
            self._newest.leases += 1
            return self._newest

    def _give_back(self, attached: Attached) -> None:
        with self._lock:
            attached.leases -= 1
            if attached is not self._newest and attached.leases == 0:
                attached.connection.close()

    def _retire(self) -> None:
        retired, self._newest = self._newest, None
        if retired is not None and retired.leases == 0:
            retired.connection.close()
