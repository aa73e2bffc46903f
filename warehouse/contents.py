"""What a warehouse file says of itself: whose it is, how far it has read, what is in it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from dwell.errors import WarehouseError
from dwell.rules import Rules
from dwell.shard import Shard
from dwell.warehouse import ruled
from dwell.warehouse.attaching import attach

PUBLISH_FROM = "publish_from"
"""Entry of `projection_info`: by partition, as JSON, the offsets before which it is not published."""
ERASURES_OWED = "erasures_owed"
"""Entry of `projection_info`: by visitor, as JSON, up to when what was received is erased from the
warehouse before it, in milliseconds since 1970; it is not published before it has read so itself."""
PROMOTED_AT = "promoted_at"
"""Entry of `projection_info`: when it took the place of another one."""
REPLAYED_FROM = "replayed_from"
"""Entry of `projection_info`: by partition, as JSON, where a replay began that did not begin with the
oldest record there was."""
MEMORY_LIMIT = "1GiB"

_CONTENTS = files("dwell.warehouse") / "contents"
_MIGRATIONS = files("dwell.warehouse") / "migrations"

Offsets = dict[int, int]


@dataclass(frozen=True, slots=True)
class Contents:
    """A warehouse, told from others; offsets are by partition.

    Attributes:
        identity: of the log it has read; `None` if it has read none.
        shard: whose facts are in it, as `1/3`; `None` is all of the log's.
        rules: what it counts by, as JSON, if it has any.
        schema: how many migrations it has had.
        positions: where reading goes on.
        publish_from: what it must have read before it is published.
        erasures: by visitor, up to when what was received is erased, in milliseconds since 1970.
        owed: those of them that it must have read before it is published.
        promoted_at: when it took the place of another one, in UTC as ISO 8601 has it.
        replayed_from: where its facts begin, if it was replayed from a later record than the oldest.
    """

    identity: str | None
    shard: str | None
    rules: str | None
    schema: int
    positions: Offsets
    publish_from: Offsets
    erasures: dict[str, int]
    owed: dict[str, int]
    promoted_at: str | None
    replayed_from: Offsets


@dataclass(frozen=True, slots=True)
class Census:
    """What is in the tables.

    Attributes:
        rows: by table.
        oldest: by partition, the least offset of a fact that is in them.
    """

    rows: dict[str, int]
    oldest: Offsets


@contextmanager
def opened(path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a file that is there, for the time of a `with`. Names mean what people see, or, if
    it is opened for writing, the tables.

    Opened for writing, the write-ahead log beside it is in the file when the `with` ends. Not for a
    file that this process holds otherwise.

    Raises:
        duckdb.Error: it is no DuckDB file, another process has it open, or it cannot be written.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": f"{path}.tmp",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=config) as connection:
        connection.execute(attach(path, "warehouse", *(["read_only"] if read_only else [])))
        connection.execute("use warehouse")
        if not read_only and ruled.is_ruled(connection):
            ruled.use_tables(connection)
        yield connection
        connection.execute("use memory; detach warehouse")


def contents_of(connection: duckdb.DuckDBPyConnection) -> Contents:
    """What the file says in which the connection's names are.

    Raises:
        duckdb.Error: it is no warehouse of Dwell's.
    """
    info = dict(connection.execute("select name, value from projection_info").fetchall())
    offsets = connection.execute("select partition, next_offset from log_offset").fetchall()
    erasures = connection.execute(
        "select visitor_id::varchar, epoch_ms(received_at) from erasure"
    ).fetchall()
    return Contents(
        identity=info.get("log_identity"),
        shard=info.get("shard"),
        rules=info.get("rules"),
        schema=int(info.get("schema_version", 0)),
        positions=dict(offsets),
        publish_from=_offsets(info.get(PUBLISH_FROM)),
        erasures=dict(erasures),
        owed=json.loads(info.get(ERASURES_OWED) or "{}"),
        promoted_at=info.get(PROMOTED_AT),
        replayed_from=_offsets(info.get(REPLAYED_FROM)),
    )


def census(connection: duckdb.DuckDBPyConnection) -> Census:
    """What is in its tables.

    Raises:
        duckdb.Error: it is no warehouse of Dwell's.
    """
    return Census(
        rows=dict(connection.execute((_CONTENTS / "rows.sql").read_text()).fetchall()),
        oldest=dict(connection.execute((_CONTENTS / "oldest.sql").read_text()).fetchall()),
    )


def read(path: Path) -> tuple[Contents, Census]:
    """Both, from a file that is opened for reading alone.

    Raises:
        WarehouseError: it is no warehouse of Dwell's, or another process has it open for writing.
    """
    if not path.is_file():
        raise WarehouseError(f"{path} is not there: expected a warehouse, a file of DuckDB's")
    try:
        with opened(path, read_only=True) as connection:
            if _has_own_tables(connection):
                return contents_of(connection), census(connection)
    except (duckdb.Error, ValueError) as error:
        raise WarehouseError(f"{path} cannot be read: {first_line(error)}") from None
    raise WarehouseError(
        f"{path} is no warehouse of Dwell's: expected a file that `dwell replay` made, or a copy of a "
        "live or published one"
    )


def newest_schema() -> int:
    """How many migrations this version knows."""
    return sum(step.name.endswith(".sql") for step in _MIGRATIONS.iterdir())


def refuse_unfit(path: Path, offered: Contents, live: Contents | None, shard: Shard | None) -> None:
    """Make sure that a file can take the place of the live one, as far as the two files tell.

    Args:
        path: of what is offered, for the message.

    Raises:
        WarehouseError: it cannot; the message says why.
        RulesInvalid: a newer Dwell wrote its rules.
    """
    newest = newest_schema()
    wanted = f"shard {shard}" if shard else "all of the log"
    holds = f"shard {offered.shard}" if offered.shard else "all of the log"
    if offered.schema > newest:
        raise WarehouseError(
            f"{path} has schema version {offered.schema}: expected at most {newest}; a newer Dwell"
            " wrote it"
        )
    if offered.identity is None:
        raise WarehouseError(f"{path} has read no log: expected a warehouse that has read this one")
    if holds != wanted:
        raise WarehouseError(f"{path} holds {holds}: expected {wanted}")
    if offered.rules is not None:
        rules = Rules.parse(offered.rules, str(path))
        if shard:
            raise WarehouseError(
                f"{path} has rules {rules.digest}: expected none in shard {shard}; rules are for a "
                "warehouse of one file"
            )
    if live and live.identity not in (None, offered.identity):
        raise WarehouseError(
            f"{path} was made from log {offered.identity}, and the warehouse whose place it would take"
            f" from {live.identity}: expected the same log"
        )


def _has_own_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    """Not so the union of several shards, which has views of theirs."""
    found = connection.execute(
        "from duckdb_tables() where database_name = 'warehouse' and table_name = 'log_offset'"
    )
    return bool(found.fetchall())


def offsets_between(reached: Mapping[int, int], wanted: Mapping[int, int]) -> int:
    """How many offsets are left from where reading has come to where it is to come."""
    return sum(max(0, offset - reached.get(each, 0)) for each, offset in wanted.items())


def positions_at_rest(path: Path) -> Offsets:
    """How far a file has read, by partition; nothing if another process has it open, or it is none of
    Dwell's."""
    try:
        with opened(path, read_only=True) as connection:
            return contents_of(connection).positions
    except duckdb.Error:
        return {}


def erasures_between(known: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, int]:
    """The erasures that are wanted and not known, by visitor."""
    return {each: at for each, at in wanted.items() if known.get(each, -1) < at}


def first_line(error: Exception) -> str:
    """Of what DuckDB has to say."""
    return str(error).partition("\n")[0]


def _offsets(written: str | None) -> Offsets:
    return {int(each): int(offset) for each, offset in json.loads(written or "{}").items()}
