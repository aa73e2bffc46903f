"""Two warehouses side by side, in one DuckDB that reads them and changes neither."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import duckdb

from dwell.errors import WarehouseError, WarehouseHeld
from dwell.shard import Shard
from dwell.warehouse import published, union
from dwell.warehouse.attaching import attach

MEMORY_LIMIT = "700MB"
"""What does not fit goes to a temporary folder."""
NEEDED = (
    *("tracking_session", "pageview", "visibility_change", "browser_agent", "erasure"),
    *("dead_letter", "log_offset", "projection_info"),
)
"""A file that has these tables, or views of these names, is a warehouse."""

Row = tuple[Any, ...]
Done = TypeVar("Done")


class Pair:
    """Two warehouses, attached read-only as `a` and `b`.

    Each is a live file that no projector holds, a publication, or a union of shards. Nothing of
    them is changed and nothing is left beside them. One thread at a time; Ctrl-C
    (`KeyboardInterrupt`) ends the statement that is running.
    """

    def __init__(self, a: Path, b: Path) -> None:
        """
        Raises:
            WarehouseHeld: another process writes one of them; the message says what to open instead.
            WarehouseError: one of them is missing, is no warehouse, or cannot be read.
        """
        self.paths = {"a": a, "b": b}
        self._spill = Path(tempfile.gettempdir()) / f"dwell-{uuid4()}"
        # DuckDB hears no signal while it works: it works beside the thread that does.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="duckdb")
        self._held = ExitStack()
        self._connection = duckdb.connect(
            config={
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(self._spill),
                "preserve_insertion_order": False,
                "python_enable_replacements": False,
                "autoload_known_extensions": False,
            }
        )
        self._connection.execute("set global TimeZone = 'UTC'")
        try:
            for name, path in self.paths.items():
                self._open(name, path)
            # Views of a file from elsewhere could name any other file.
            self._connection.execute("set enable_external_access = false")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Pair":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of both."""
        self._worker.shutdown()
        self._connection.close()
        self._held.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def all(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of the last of these statements.

        Raises:
            WarehouseError: it could not be run: a damaged file, a full disk.
        """
        return [row for rows in self.some(sql, parameters) for row in rows]

    def some(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[list[Row]]:
        """The same, some rows at a time; to be read whole before the next."""
        self._call(lambda: self._connection.execute(sql, parameters and dict(parameters)))
        while rows := self._call(lambda: self._connection.fetchmany(1000)):
            yield rows

    def _call(self, work: Callable[[], Done]) -> Done:
        future = self._worker.submit(work)
        try:
            return future.result()
        except KeyboardInterrupt:
            self._connection.interrupt()
            future.exception()
            raise
        except duckdb.Error as error:
            problem = str(error).partition("\n")[0]
            names = " and ".join(map(str, self.paths.values()))
            raise WarehouseError(f"{names} could not be compared: {problem}") from None

    def _open(self, name: str, path: Path) -> None:
        _require(path)
        self._held.enter_context(_held_against_projectors(path))
        try:
            self._attach(name, path)
            shards = self._shards(name)
            if shards:
                self._unite(name, path, shards)
        except (duckdb.Error, OSError) as error:
            raise _unreadable(path, error) from None
        self._require_tables(name, path)

    def columns(self, name: str, table: str) -> dict[str, str]:
        """The types of a table's columns, by their names, on one side."""
        described = self._connection.execute(f"describe {name}.main.{table}").fetchall()
        return {column: kind for column, kind, *_ in described}

    def _attach(self, name: str, path: Path) -> None:
        with _linked(self._connection, path) as link:
            self._connection.execute(attach(link, name, "read_only"))

    def _shards(self, name: str) -> list[Shard]:
        """What it unites; nothing if it is a warehouse of one file."""
        if "shard" not in self._tables(name):
            return []
        rows = self._connection.execute(f"select shard from {name}.shard").fetchall()  # noqa: S608
        return [Shard.parse(shard) for (shard,) in rows]

    def _unite(self, name: str, path: Path, shards: list[Shard]) -> None:
        """Attach the shards, and views of them in place of the published ones: these open the files
        anew for each table that a statement names, and look where the folder was, not where it is."""
        self._connection.execute(f"detach {name}")
        attached = {shard: f"{name}_{union.database_of(shard)}" for shard in shards}
        for shard, database in attached.items():
            file = shard.beside(path)
            if not file.is_file():
                raise WarehouseError(
                    f"{path} unites shards, and {file} is missing: expected it beside the union"
                )
            self._attach(database, file)
        union.unite_in_memory(self._connection, name, attached)

    def _require_tables(self, name: str, path: Path) -> None:
        there = self._tables(name)
        missing = [table for table in NEEDED if table not in there]
        if missing:
            raise WarehouseError(f"{path} is no warehouse: expected a table {missing[0]} in it")

    def _tables(self, name: str) -> set[str]:
        """The tables and views that people see."""
        rows = self._connection.execute(
            "select table_name from information_schema.tables "
            "where table_catalog = ? and table_schema = 'main'",
            [name],
        ).fetchall()
        return {table for (table,) in rows}


def _require(path: Path) -> None:
    try:
        path.stat()
    except FileNotFoundError:
        raise WarehouseError(
            f"{path} is missing: expected a warehouse, as the published warehouse.duckdb or one that "
            "`dwell replay` made"
        ) from None
    except OSError as error:
        raise WarehouseError(f"{path} cannot be read: {error.strerror}") from None
    if not path.is_file():
        raise WarehouseError(f"{path} is no file: expected a warehouse, as warehouse.duckdb in it")


def _unreadable(path: Path, error: Exception) -> WarehouseError:
    problem = str(error).partition("\n")[0]
    if found := re.search(r"Conflicting lock is held in .*?\(PID (\d+)\)", problem):
        return _held_by(path, found[1])
    return published.unreadable(path, error)


def _held_by(path: Path, process: str) -> WarehouseHeld:
    published = _publication_of(path)
    instead = f"what it publishes, {published}" if published else "a file that nobody writes"
    return WarehouseHeld(f"{path} is held by process {process}: expected {instead}")


def _publication_of(path: Path) -> Path | None:
    """Where the projector of a live file publishes."""
    path = path.resolve()
    found = re.fullmatch(r"warehouse(?:-(\d+)-of-(\d+))?\.duckdb", path.name)
    if path.parent.name != "live" or not found:
        return None
    whole = path.parent.parent / "warehouse.duckdb"
    return Shard(int(found[2]), int(found[1])).beside(whole) if found[1] else whole


@contextmanager
def _held_against_projectors(path: Path) -> Iterator[None]:
    """Keep projectors off a live file for the time of a `with`; it may be read by several at once.

    Raises:
        WarehouseHeld: one has it.
    """
    beside = path.with_name(path.name + ".lock")
    if not beside.exists():
        yield
        return
    writable = os.access(beside, os.W_OK)
    with beside.open("r+" if writable else "r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held_by(path, lock.read().strip() or "unknown") from None
        if writable:
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
        yield


@contextmanager
def _linked(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[Path]:
    """A name of its own for the file, until it is attached: DuckDB attaches no path twice.

    What is committed and not yet in a live file goes with it, in its write-ahead log. A publication,
    which nobody may write, has none; what stands beside it was left by a client that was killed.
    """
    wal = path.with_name(path.name + ".wal")
    with published.name_of_its_own(connection, path, path) as link:
        beside = link.with_name(link.name + ".wal")
        try:
            if path.stat().st_mode & 0o222 and wal.exists():
                _link(wal, beside)
            yield link
        finally:
            beside.unlink(missing_ok=True)


def _link(file: Path, name: Path) -> None:
    try:
        name.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, name)
