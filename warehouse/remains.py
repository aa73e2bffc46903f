"""Remains: what is left of some ids in a file of DuckDB or Parquet, row by row, compressed or not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from dwell.errors import WarehouseError
from dwell.warehouse.attaching import attach
from dwell.warehouse.quoting import quoted
from dwell.warehouse.reading import MAY_BE_ERASURE
from dwell.warehouse.scrubbing import SCRUB_DUE
from dwell.warehouse.union import SMALL

MEMORY_LIMIT = "512MiB"
HEADERS = 3 * 4096
"""Bytes before the first block of a DuckDB file, which a checkpoint writes last."""
BLOCK = 262_144
"""Bytes of a block."""
CHECKSUM = 64
"""Bytes before what is in a block, at most."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What a file says when it is read.

    Attributes:
        rows: by table and column, in how many rows an id stands, but for the orders to forget.
        orders: how many orders to forget one of the ids there are.
        scrub_due: whether rows were erased and their bytes are still there.
        free_blocks: blocks that are not in use; what was in them may still be there.
        order_bytes: ranges of the file in which the orders stand.
    """

    rows: dict[str, int] = field(default_factory=dict)
    orders: int = 0
    scrub_due: bool = False
    free_blocks: int = 0
    order_bytes: tuple[tuple[int, int], ...] = ()


def in_file(path: Path, ids: Sequence[str]) -> Inside:
    """As `in_parquet` or `in_warehouse`, by the file's name."""
    return in_parquet(path, ids) if path.suffix == ".parquet" else in_warehouse(path, ids)


def in_warehouse(path: Path, ids: Sequence[str]) -> Inside:
    """Every row of every table of a DuckDB file, which is opened for reading alone.

    Raises:
        WarehouseError: it cannot be read.
    """
    with _reading(path) as connection:
        connection.execute(attach(path, "searched", "read_only"))
        connection.execute("use searched")
        rows: dict[str, int] = {}
        for schema, table in _tables(connection):
            if table != "erasure":
                rows |= _rows_naming(connection, f'"{schema}"."{table}"', table, ids)
        return Inside(
            rows,
            _orders(connection, ids),
            _is_scrub_due(connection),
            _free_blocks(connection),
            tuple(_order_bytes(connection)),
        )


def in_parquet(path: Path, ids: Sequence[str]) -> Inside:
    """Every row of a Parquet file; orders to forget that stand in it are told apart.

    Raises:
        WarehouseError: it cannot be read.
    """
    with _reading(path) as connection:
        connection.execute(
            f"create temp view searched as from read_parquet({quoted(path)}, hive_partitioning = false)"
        )
        columns = [name for (name, *_) in connection.execute("describe searched").fetchall()]
        order = f"coalesce({MAY_BE_ERASURE}, false)" if "value" in columns else "false"
        connection.execute(f"create temp view fact as from searched where not {order}")
        connection.execute(f"create temp view told as from searched where {order}")
        rows = _rows_naming(connection, "fact", path.stem, ids)
        orders = _rows_naming(connection, "told", path.stem, ids)
        return Inside(rows, max(orders.values(), default=0))


@dataclass(frozen=True, slots=True)
class Erased:
    """What a warehouse was told to erase.

    Attributes:
        log_identity: the log's that it was made from, if it has read one.
        erasures: by visitor, up to when, in milliseconds since 1970.
        scrub_due: as in `Inside`.
    """

    log_identity: str | None
    erasures: dict[str, int]
    scrub_due: bool


def erased_in(path: Path) -> Erased:
    """What a warehouse was told to erase.

    Raises:
        WarehouseError: the file cannot be read.
    """
    with _reading(path) as connection:
        connection.execute(attach(path, "searched", "read_only"))
        connection.execute("use searched")
        told = connection.execute(
            "select visitor_id::varchar, epoch_ms(received_at) from erasure"
        ).fetchall()
        info = dict(connection.execute("select name, value from projection_info").fetchall())
        return Erased(info.get("log_identity"), dict(told), SCRUB_DUE in info)


def sole_ids(path: Path, visitors: Sequence[str]) -> list[str]:
    """The sessions and pageviews that are these visitors' alone.

    Raises:
        WarehouseError: the file cannot be read.
    """
    with _reading(path) as connection:
        connection.execute(attach(path, "searched", "read_only"))
        connection.execute("use searched")
        return [
            each
            for table, column in (("tracking_session", "session_id"), ("pageview", "pageview_id"))
            for (each,) in connection.execute(
                f"select {column}::varchar from {table} "  # noqa: S608
                "where visitor_id in (select unnest(?)::uuid) and other_visitor_ids is null",
                [list(visitors)],
            ).fetchall()
        ]


@contextmanager
def _reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        with duckdb.connect(config=SMALL | {"memory_limit": MEMORY_LIMIT}) as connection:
            yield connection
    except duckdb.Error as error:
        problem = str(error).partition("\n")[0]
        raise WarehouseError(f"{path} cannot be read: {problem}") from None


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'searched'"
    ).fetchall()


def _rows_naming(
    connection: duckdb.DuckDBPyConnection, source: str, name: str, ids: Sequence[str]
) -> dict[str, int]:
    """By column, in how many rows of the source one of the ids stands."""
    columns = connection.execute(f"describe {source}").fetchall()
    tests = {column: _test(column, kind) for column, kind, *_ in columns}
    asked = {column: test for column, test in tests.items() if test}
    if not asked:
        return {}
    counts = ", ".join(f"count(*) filter ({test})" for test in asked.values())
    given: dict[str, object] = {"ids": list(ids), "pattern": "|".join(ids)}
    used = {name: value for name, value in given.items() if f"${name}" in counts}
    found = connection.execute(f"select {counts} from {source}", used).fetchone()  # noqa: S608
    assert found is not None
    return {f"{name}.{column}": count for column, count in zip(asked, found, strict=True) if count}


def _test(column: str, kind: str) -> str | None:
    """Whether an id stands in a column of this type; `None`: none can."""
    named = '"' + column.replace('"', '""') + '"'
    if kind == "UUID":
        return f"{named} in (select unnest($ids)::uuid)"
    if kind == "UUID[]":
        return f"list_has_any({named}, $ids::uuid[])"
    if kind in ("BLOB", "VARCHAR", "JSON"):
        return f"regexp_matches(lower({named}::varchar), $pattern)"
    return None


def _orders(connection: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> int:
    if "erasure" not in [table for _, table in _tables(connection)]:
        return 0
    found = _rows_naming(connection, "erasure", "erasure", ids)
    return found.get("erasure.visitor_id", 0)


def _is_scrub_due(connection: duckdb.DuckDBPyConnection) -> bool:
    if "projection_info" not in [table for _, table in _tables(connection)]:
        return False
    asked = "select 1 from projection_info where name = ?"
    return bool(connection.execute(asked, [SCRUB_DUE]).fetchall())


def _free_blocks(connection: duckdb.DuckDBPyConnection) -> int:
    [(free,)] = connection.execute(
        "select free_blocks from pragma_database_size() where database_name = 'searched'"
    ).fetchall()
    return int(free)


def _order_bytes(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, int]]:
    """Where the table of orders keeps its ids."""
    for schema, table in _tables(connection):
        if table == "erasure":
            for block, offset, count in connection.execute(
                "select block_id, block_offset, count from pragma_storage_info(?) "
                "where column_name = 'visitor_id' and segment_type = 'UUID' and block_id >= 0",
                [f"{schema}.{table}"],
            ).fetchall():
                begin = HEADERS + block * BLOCK + offset
                yield begin, begin + 16 * count + CHECKSUM
