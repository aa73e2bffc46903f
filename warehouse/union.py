"""The union of the shards: a small file of views that make one warehouse of several projectors' files."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

from dwell.errors import WarehouseError
from dwell.shard import Shard
from dwell.warehouse import comments, live, snapshot
from dwell.warehouse.attaching import attach
from dwell.warehouse.live import STORAGE_VERSION, statements
from dwell.warehouse.quoting import quoted

_UNION = files("dwell.warehouse") / "union"
SMALL: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "memory_limit": "128MiB"}
"""Enough for a DuckDB that only reads and writes what views there are."""


class Union:
    """What people open when there are shards, kept in step with them by each of their projectors.

    Args:
        published: where it stands.
        own: the caller's shard; the folder for its publications is made.
    """

    def __init__(self, published: Path, own: Shard) -> None:
        self._published = published
        self._own = own
        self._attaching = beside(own, published)
        self._united: list[Shard] = []
        self._views: list[tuple[str, str]] = []
        self._digest = b""
        own.beside(published).parent.mkdir(parents=True, exist_ok=True)

    def publish(self) -> None:
        """Unite the shards that have published, after the caller's own has.

        Any number of projectors may do so at once. A union that is as it should be is touched, so
        that whoever watches this file alone sees that there is something new in a shard. Else, and
        the first time, it is written anew and renamed into its place.

        Raises:
            WarehouseError: it could not be written; the former one stands.
        """
        try:
            with self._one_at_a_time():
                shards = [each for each in self._own.all() if each.beside(self._published).exists()]
                if shards != self._united or not self._stands():
                    self._replace(shards)
                self._touch()
        except (OSError, duckdb.Error) as error:
            problem = str(error).partition("\n")[0]
            raise WarehouseError(f"{self._published} could not be published: {problem}") from None

    def _stands(self) -> bool:
        """Whether the file is the one that this process wrote or has looked at, or has its views."""
        strays = snapshot.strays(self._published)
        if not (self._published.exists() and self._attaching.exists()) or any(
            stray.exists() for stray in strays
        ):
            return False
        digest = _digest(self._published)
        if digest != self._digest and self._views_there() == self._views:
            self._digest = digest
        return digest == self._digest

    def _views_there(self) -> list[tuple[str, str]]:
        with suppress(duckdb.Error), duckdb.connect(config=SMALL) as connection:
            connection.execute(attach(self._published, "warehouse", "read_only"))
            return _views(connection)
        return []

    def _replace(self, shards: list[Shard]) -> None:
        files = {shard: str(shard.beside(self._published).resolve()) for shard in shards}
        snapshot.sweep(self._published)
        snapshot.sweep(self._attaching)
        attaching, published = map(snapshot.draft_of, (self._attaching, self._published))
        try:
            self._views = self._write(attaching, published, files)
            snapshot.put(attaching, self._attaching)
            snapshot.put(published, self._published)
        finally:
            attaching.unlink(missing_ok=True)
            published.unlink(missing_ok=True)
        self._digest = _digest(self._published)
        self._united = shards

    def _write(
        self, attaching: Path, published: Path, files: Mapping[Shard, str]
    ) -> list[tuple[str, str]]:
        """Write both files of views, which differ in what is beneath; returns the published views."""
        model = database_of(self._own)
        with duckdb.connect(config=SMALL) as connection:
            for shard, file in files.items():
                connection.execute(attach(Path(file), database_of(shard), "read_only"))
            with _writing(connection, attaching):
                _fill(connection, files, _attached(files), model)
            shutil.copyfile(attaching, published)  # making the views again would double the time
            with _writing(connection, published):
                _put_beneath(connection, _reading(files.values()), model)
                return _views(connection)

    def _touch(self) -> None:
        before = self._published.stat().st_mtime_ns
        now = max(time.time_ns(), before + 1)
        os.utime(self._published, ns=(now, now))

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        with self._own.beside(self._published).with_name(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def shards_in(connection: duckdb.DuckDBPyConnection) -> list[Shard]:
    """What the attached `warehouse` unites; nothing if it is a warehouse of one file."""
    if "shard" not in _names(connection, "select table_name from duckdb_tables()", "warehouse"):
        return []
    rows = connection.execute("select shard from warehouse.shard").fetchall()
    return [Shard.parse(name) for (name,) in rows]


def beside(shard: Shard, published: Path) -> Path:
    """The same views as in `published`, for clients that attach each shard as `database_of(shard)`."""
    return shard.beside(published).with_name("union.duckdb")


def database_of(shard: Shard) -> str:
    """The name under which a shard is attached for the views of `beside`."""
    return f"shard_{shard.number}"


def unite_in_memory(
    connection: duckdb.DuckDBPyConnection, name: str, attached: Mapping[Shard, str]
) -> None:
    """Attach a database of that name, in memory, with the views of shards that are attached.

    Args:
        attached: under which name each is.
    """
    connection.execute(f"attach ':memory:' as {name}")
    first, *_ = attached.values()
    _fill(connection, attached, _named(attached.values()), model=first, into=name)
    connection.execute("use memory")


def _fill(
    connection: duckdb.DuckDBPyConnection,
    files: Mapping[Shard, str],
    source: Callable[[str], str],
    model: str,
    into: str = "warehouse",
) -> None:
    """Write the views into an attached, empty database.

    Args:
        source: all shards' rows of a table, as what may follow `from`.
        model: an attached shard, for the names and comments of its tables.
    """
    connection.execute(f"use {into}; begin transaction")
    connection.execute(_sql("union"))
    for shard, file in files.items():
        connection.execute("insert into shard values (?, ?)", [str(shard), file])
    # Here the merge functions stay with the views that call them.
    connection.execute(statements("macros").replace(" temp macro ", " macro "))
    tables = _names(connection, "select table_name from duckdb_tables()", model)
    # DuckDB goes through all that a view rests on when it is made: files are put beneath at the end.
    for table in tables:
        connection.execute(f'create view shards."{table}" as from {model}.main."{table}"')
    connection.execute(_sql("views"))
    views = _names(connection, "select view_name from duckdb_views()", into)
    for table in tables:
        if table not in views:
            connection.execute(f'create view "{table}" as from shards."{table}"')
    for view_of_tables in live.views():
        connection.execute(view_of_tables)
    comments.copy(connection, model, "main", into=into)
    _put_beneath(connection, source, model)
    connection.execute("commit")


def _put_beneath(
    connection: duckdb.DuckDBPyConnection, source: Callable[[str], str], model: str
) -> None:
    """Have the views rest on these rows; `source` and `model` as in `_fill`."""
    for table in _names(connection, "select table_name from duckdb_tables()", model):
        connection.execute(f'create or replace view shards."{table}" as from {source(table)}')


@contextmanager
def _writing(connection: duckdb.DuckDBPyConnection, file: Path) -> Iterator[None]:
    """Have a file as `warehouse`, in use, for the time of a `with`; then it is written whole."""
    connection.execute(attach(file, "warehouse", f"storage_version '{STORAGE_VERSION}'"))
    connection.execute("use warehouse")
    yield
    connection.execute("use memory; detach warehouse")


def _reading(paths: Iterable[str]) -> Callable[[str], str]:
    """The rows of a table in files that any client of DuckDB can read.

    Not by `union_by_name`: with it, a statement of DuckDB 2.0 failed now and then while shards
    published ten times a second; without it, none of 329 did.
    """
    listed = ", ".join(map(quoted, paths))
    return lambda table: f"read_duckdb([{listed}], table_name = {quoted(table)})"


def _attached(shards: Iterable[Shard]) -> Callable[[str], str]:
    """The rows of a table in databases that the client has attached."""
    return _named([database_of(shard) for shard in shards])


def _named(names: Iterable[str]) -> Callable[[str], str]:
    """The same in databases of these names."""
    names = list(names)
    return lambda table: (
        "(" + " union all by name ".join(f'from {name}.main."{table}"' for name in names) + ")"
    )


def _names(connection: duckdb.DuckDBPyConnection, names: str, database: str) -> list[str]:
    found = connection.execute(
        f"{names} where database_name = ? and schema_name = 'main' and not internal order by all",
        [database],
    ).fetchall()
    return [name for (name,) in found]


def _views(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "select view_name, sql from duckdb_views() where database_name = 'warehouse'"
        " and not internal order by all"
    ).fetchall()


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@cache
def _sql(name: str) -> str:
    return (_UNION / f"{name}.sql").read_text()
