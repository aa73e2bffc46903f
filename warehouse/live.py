"""The live warehouse: the DuckDB file that one projector owns."""

import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from dwell.errors import LogMismatch, WarehouseDamaged, WarehouseError, WarehouseHeld
from dwell.rules import Rules
from dwell.shard import Shard
from dwell.warehouse import promotion, ruled, snapshot
from dwell.warehouse.attaching import attach

STORAGE_VERSION = "v1.4.0"
"""Written so that DuckDB 1.4 reads it too."""
MEMORY_LIMIT = "1GiB"
CALM_LIMIT = "32MiB"
"""What DuckDB may keep of the file while there is little to do. Merges of what comes now find most of what they
look for in so much: of a thousand facts each, they took as long onto 60 MiB as before the limit was met."""
LOOK_LIMIT = "256MiB"
"""For who only looks whether a file is damaged."""
ADVICE = "move it away, and it is made anew from the log (docs/keeping.md, A lost warehouse)"
"""What to do about a file that is damaged."""
DAMAGED = "not a valid DuckDB|could not read enough bytes|corrupt|checksum|serializ"
"""What DuckDB says of such a one."""
LOOKED_AT_SECONDS = 2.0
"""For so long somebody who only looks at the file is waited for."""
THREADS = 1
"""A batch is too small to share: two threads took a tenth more processor time for it and no less
time, and what reads the log wants a core too."""

_MIGRATIONS = files("dwell.warehouse") / "migrations"
_PROJECTION = files("dwell.warehouse") / "projection"
_VIEWS = files("dwell.warehouse") / "views"

logger = logging.getLogger(__name__)


@cache
def statements(name: str) -> str:
    """The projection SQL of that name, as `pageviews/merge`."""
    return (_PROJECTION / f"{name}.sql").read_text()


def views() -> list[str]:
    """The SQL of each view of the tables, with the macros it needs; run where the tables are, if there
    are no rules."""
    return [ruled.cap(None), *_views()]


def _views() -> list[str]:
    return [view.read_text() for view in sorted(_VIEWS.iterdir(), key=lambda view: view.name)]


class LiveWarehouse:
    """An open warehouse file, held against every other process.

    One thread at a time. Nothing is written but in `transaction()`.

    Attributes:
        path: the file.
        connection: DuckDB, with the file attached as `warehouse`; names without a catalog mean its tables.
        rules: what the views in `main` show the tables by, if there are any; see `ruled.py`.
    """

    def __init__(
        self,
        path: Path,
        shard: Shard | None = None,
        rules: Rules | None = None,
        *,
        threads: int = THREADS,
        memory_limit: str = MEMORY_LIMIT,
        way_back: bool = True,
    ) -> None:
        """Open or make the file and bring its tables up to date. What waits for its place (`promotion`)
        takes it before.

        Args:
            shard: whose facts are in it; `None` is all of the log's.
            rules: for a new file; one that is there keeps its own, and is refused with others.
            threads: of DuckDB.
            memory_limit: what DuckDB may take before it writes to a temporary folder beside the file.
            way_back: whether a file whose tables an older Dwell made is kept as it was.

        Raises:
            WarehouseHeld: another process has it; the message says which.
            WarehouseError: it cannot be opened, a newer Dwell wrote it, it is another shard's, or it
                has other rules.
            RulesInvalid: a newer Dwell wrote its rules.
        """
        self.path = path
        self._shard = shard
        self._given_rules = rules
        self._power = (threads, memory_limit)
        self._keeps_way_back = way_back
        self._others: list[duckdb.DuckDBPyConnection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _hold(path, shard)
        except OSError as error:
            raise WarehouseError(
                f"{path} cannot be opened ({error.strerror}): expected a folder that can be written"
            ) from None
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except WarehouseError:
            if error is None:  # else a full disk was told of already
                raise

    def beside(self) -> duckdb.DuckDBPyConnection:
        """Another connection to the same DuckDB, for one other thread; closed with the warehouse."""
        self._others.append(other := self.connection.cursor())
        return other

    def close(self) -> None:
        """Write the file whole and let go of it.

        Raises:
            WarehouseError: it cannot be written; what was committed stays in the write-ahead log.
        """
        try:
            self._shut()
        finally:
            self._lock.close()

    def reopen(self) -> None:
        """Write the file whole, and open what waits for its place, if something does.

        No other process can have it in between. Connections and what was made with them are gone.

        Raises:
            WarehouseError: as at first; then it is closed.
        """
        self._shut()
        self._open()

    def _open(self) -> None:
        try:
            promotion.settle(self.path, self._shard)
            self._is_new = not self.path.exists()
            self.connection = _attached(self.path, *self._power)
            if not self._is_new:
                _look_at(self.connection)
            self.rules = self._ruled_by(self._given_rules, self._shard)
            self._migrate()
            self._be_shard(self._shard)
            self.connection.execute(statements("macros"))
        except duckdb.Error as error:
            self._lock.close()
            raise _explained(self.path, "cannot be opened", error) from None
        except BaseException:
            self._lock.close()
            raise

    def _shut(self) -> None:
        for other in self._others:
            other.close()
        self._others.clear()
        try:
            with suppress(duckdb.ConnectionException):  # closed already
                self.connection.execute("use memory; detach database if exists warehouse")
        except duckdb.Error as error:
            raise self._failed(error) from error
        finally:
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing of what is done in it.

        Raises:
            WarehouseError: DuckDB could not do it (a full disk, for one); nothing was written.
        """
        try:
            self.connection.execute("begin transaction")
            yield self.connection
            self.connection.execute("commit")
        except BaseException as error:
            with suppress(duckdb.Error):
                self.connection.execute("rollback")
            if isinstance(error, duckdb.Error):
                raise self._failed(error) from error
            raise

    def positions(self) -> dict[int, int]:
        """By partition, the offset of the next record to be read."""
        return dict(self._all("select partition, next_offset from log_offset"))

    def dead_letters(self) -> dict[str, int]:
        """How many there are, by reason."""
        return dict(self._all(statements("dead_letters/by_reason")))

    def info(self, name: str) -> str | None:
        """An entry of `projection_info`."""
        found = self._all("select value from projection_info where name = ?", [name])
        return found[0][0] if found else None

    def note(self, name: str, value: str) -> None:
        """Set an entry of `projection_info`; inside a transaction, with it."""
        self.connection.execute("delete from projection_info where name = ?", [name])
        self.connection.execute("insert into projection_info values (?, ?)", [name, value])

    def belong_to(self, identity: str) -> None:
        """Make sure the offsets in here are this log's.

        Raises:
            LogMismatch: they are another log's.
        """
        known = self.info("log_identity")
        if known is None:
            with self.transaction():
                self.note("log_identity", identity)
        elif known != identity:
            raise LogMismatch(
                f"{self.path} was made from log {known}, and the log at hand is {identity}: expected "
                "the same log; give DWELL_DATA another folder, or move the warehouse away to have it "
                "made anew from this log"
            )

    def checkpoint(self) -> None:
        """Bring everything committed into the file itself, so that a copy of it is whole.

        Raises:
            WarehouseError: DuckDB could not write; what was committed stays in the write-ahead log.
        """
        try:
            self.connection.execute("checkpoint warehouse")
        except duckdb.Error as error:
            raise self._failed(error) from error

    def let_go(self) -> None:
        """Have DuckDB keep no more than CALM_LIMIT of the file in memory, of what it used last. What it
        wants of the rest it reads again. By itself it keeps all that was ever read or written, up to its
        limit, so a process would grow as the tables do."""
        _, limit = self._power
        with suppress(duckdb.Error):  # so much is in use just now, or cannot be put aside
            self.connection.execute(f"set memory_limit = '{CALM_LIMIT}'")
        self.connection.execute(f"set memory_limit = '{limit}'")

    def _failed(self, error: duckdb.Error) -> WarehouseError:
        return _explained(self.path, "could not be written", error)

    def _all(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, parameters).fetchall()

    def _be_shard(self, shard: Shard | None) -> None:
        """Make sure that the facts in here are this shard's, once there can be some."""
        wanted = "all of the log" if shard is None else f"shard {shard}"
        known = self.info("shard")
        if known is None and shard and self.info("log_identity") is None:
            with self.transaction():
                self.note("shard", known := str(shard))
        held = "all of the log" if known is None else f"shard {known}"
        if held != wanted:
            raise WarehouseError(
                f"{self.path} holds {held}: expected {wanted}; move the file away to have it made anew"
            )

    def _ruled_by(self, given: Rules | None, shard: Shard | None) -> Rules | None:
        """The rules of the file; a new one takes those that are given."""
        known = ruled.rules_in(self.connection, self.path) if self._has_tables() else given
        if given and given != known:
            has = f"rules {known.digest}" if known else "no rules"
            raise WarehouseError(
                f"{self.path} has {has}: expected rules {given.digest}, those at hand; rules come into "
                "a warehouse when it is made, by a replay into a new file"
            )
        if known and shard:
            raise WarehouseError(
                f"{self.path} has rules {known.digest}: expected none in shard {shard}; rules are for "
                "a warehouse of one file"
            )
        return known

    def _has_tables(self) -> bool:
        """Whether there are any. DuckDB takes 10 ms to list them, a fifth of the time to open a file:
        only one that is not known to be new, and has none of ours, is asked for its list."""
        if self._is_new:
            return False
        with suppress(duckdb.CatalogException):
            return bool(self._all("select count(*) from projection_info"))
        return bool(self._all("from duckdb_tables() where database_name = 'warehouse'"))

    def _migrate(self) -> None:
        """Apply the migrations this file has not had; it says in `projection_info` how many it had.

        The views are made anew with the last one, and whenever they are others than it had.
        """
        steps = sorted(
            (step for step in _MIGRATIONS.iterdir() if step.name.endswith(".sql")),
            key=lambda step: step.name,
        )
        done = int(self.info("schema_version") or 0) if self._has_tables() else 0
        if done > len(steps):
            raise WarehouseError(
                f"{self.path} has schema version {done}: expected at most {len(steps)}; a newer Dwell "
                "wrote it"
            )
        if 0 < done < len(steps) and self._keeps_way_back:
            self._keep(done)
        for number, step in enumerate(steps[done:], done + 1):
            with self.transaction() as connection:
                if self.rules and number == 1:
                    ruled.create(connection)
                connection.execute(step.read_text())
                if self.rules and number == 1:
                    self.note("rules", self.rules.text())
                if number == len(steps):
                    self._make_views()
                self.note("schema_version", str(number))
        renewed = self.info("views") != _digest_of_views()
        if renewed:
            with self.transaction():
                self._make_views()
        if renewed or done < len(steps):
            # An open bug of DuckDB's: schema changes that stand in the write-ahead log alone may
            # not be read again after a crash.
            self.checkpoint()

    def _keep(self, version: int) -> None:
        """Copy the file before its tables are changed: the Dwell that made them cannot open it then.

        Raises:
            WarehouseError: there is no room for the copy; then nothing is changed.
        """
        kept = promotion.before_upgrade(self.path, version)
        try:
            kept.parent.mkdir(exist_ok=True)
            self.checkpoint()
            snapshot.copy(self.path, kept)
        except (OSError, WarehouseError) as error:
            raise WarehouseError(
                f"{self.path} has schema version {version} and is not brought to a newer one, for no copy"
                f" could be kept ({error}): expected room for it in {kept.parent}"
            ) from None
        logger.info("kept %s, as an older Dwell reads it", kept)

    def _make_views(self) -> None:
        """Make the views of the tables, inside a transaction, and note which they are."""
        if self.rules:
            ruled.show(self.connection, self.rules, _views())
        else:
            for view in views():
                self.connection.execute(view)
        self.note("views", _digest_of_views())


@cache
def _digest_of_views() -> str:
    return hashlib.sha256("".join([*views(), ruled.source()]).encode()).hexdigest()


def _hold(path: Path, shard: Shard | None) -> Any:
    """Lock a file beside the warehouse; the kernel lets go of it however this process ends.

    The lock is not on the warehouse itself: closing any handle of a file drops this process's own
    POSIX locks on it, DuckDB's included.
    """
    lock = path.with_name(path.name + ".lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        other = "DWELL_DATA another folder" if shard is None else "--shard another share"
        raise WarehouseHeld(
            f"{path} is held by process {holder}: expected no other projector; stop that one, or give "
            f"{other}"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def damage(path: Path) -> str:
    """What is damaged in a live file that nobody has open, as far as the catalog and the first rows of its
    tables tell; empty if nothing is seen, or it is not there."""
    if not path.exists():
        return ""
    try:
        with duckdb.connect(config={"memory_limit": LOOK_LIMIT, "threads": 1}) as connection:
            connection.execute(attach(path, "warehouse", "read_only"))
            _look_at(connection)
    except duckdb.Error as error:
        return str(error).partition("\n")[0] if _is_damage(path, error) else ""
    return ""


def _look_at(connection: duckdb.DuckDBPyConnection) -> None:
    """Read the catalog and the first row of each table: attaching alone reads the header."""
    listed = "select schema_name, table_name from duckdb_tables() where database_name = 'warehouse'"
    for schema, name in connection.execute(listed).fetchall():
        connection.execute(f'from warehouse."{schema}"."{name}" limit 1').fetchall()


def _explained(path: Path, failed: str, error: duckdb.Error) -> WarehouseError:
    """What failed with the file, and why."""
    first_line = str(error).partition("\n")[0]
    problem = f"{path} {failed}: {first_line}"
    if _is_damage(path, error):
        return WarehouseDamaged(f"{problem}: expected a whole file; {ADVICE}")
    return WarehouseError(problem)


def _is_damage(path: Path, error: duckdb.Error) -> bool:
    """Whether it is the file, and neither who has it open, nor who may, nor the machine."""
    said = str(error).replace(str(path), "")
    return re.search(DAMAGED, said, re.IGNORECASE) is not None


def _attached(path: Path, threads: int, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """The file, which somebody may be looking at for a moment, as `damage` does."""
    deadline = time.monotonic() + LOOKED_AT_SECONDS
    while True:
        try:
            return _attach(path, threads, memory_limit)
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _attach(path: Path, threads: int, memory_limit: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": str(path.with_name(path.name + ".tmp")),
            # Only a publication writes the write-ahead log into the file, so that the file stands
            # still while it is copied.
            "checkpoint_threshold": "1TiB",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    try:
        connection.execute(attach(path, "warehouse", f"storage_version '{STORAGE_VERSION}'"))
        connection.execute("use warehouse")
    except BaseException:
        connection.close()
        raise
    return connection
