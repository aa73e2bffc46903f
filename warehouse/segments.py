"""Segments: records of one partition in a Parquet file, in columns where they are facts.

Columns: partition, offset, then timestamp, key and value of the record, then the fact as it was
stated. What the columns of a fact say already is null in the first three. A record that is no fact (an
erasure, a dead letter) has these three alone. Rows are in the order of the log.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from dwell.durable import sync
from dwell.errors import WarehouseError
from dwell.warehouse.horizon import LATEST
from dwell.warehouse.quoting import quoted
from dwell.warehouse.reading import Read, Reading, Records, Verdict

Kind = Literal["stated", "whole"]
"""`stated`: the bytes of a fact that was read are left out, which serves a replay. `whole`: each
record's bytes can be had again."""

MEMORY_LIMIT = "256MiB"
KEPT = "compression zstd, parquet_version v2"
STATED = "compression lz4, write_bloom_filter false, parquet_version v2"
"""How a file is packed: for years, or for a minute. Version 2 of the format writes numbers as their
differences: a quarter less room, and a fifth less time to read them."""

_SEGMENTS = files("dwell.warehouse") / "segments"
_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("partition", pa.int32()),
    pa.field("offset", pa.int64()),
    pa.field("timestamp", pa.timestamp("ms")),
    pa.field("key", pa.binary()),
    pa.field("value", pa.binary()),
]


class SegmentWriter:
    """Writes segments, in a DuckDB of its own. For one thread.

    Args:
        judge: says what a record is that the SQL does not read at first sight.
    """

    def __init__(self, judge: Callable[[bytes], Verdict], kind: Kind) -> None:
        self._connection = duckdb.connect(config={"threads": 1, "memory_limit": MEMORY_LIMIT})
        # DuckDB takes a process that multiprocessing spawned for a person's, and shows it a bar.
        self._connection.execute("set enable_progress_bar = false")
        self._connection.register("given_record", _records([]))
        self._connection.execute(macros())
        self._reading = Reading(self._connection, judge, reader="stated_facts")
        self._connection.execute(_sql("record"))
        self._kind = kind
        self._plain = kind == "stated"
        self._packing = STATED if kind == "stated" else KEPT

    def write(self, batches: Sequence[Records], path: Path) -> None:
        """Write the records as one file, which appears whole and durable, or not at all.

        Raises:
            WarehouseError: it could not be written.
        """
        if not (self._plain and self._wrote_at_sight(batches, path)):
            read = self._reading.read(batches)
            self._plain = self._kind == "stated" and not read.judged
            put_parquet(self._connection, f"from {self._segment(read)}", path, self._packing)

    def close(self) -> None:
        """Let go of DuckDB."""
        self._connection.close()

    def _wrote_at_sight(self, batches: Sequence[Records], path: Path) -> bool:
        """Write records that are facts, every one, with no table in between: it saves a fifth of the
        time, and is tried if the ones before were such. If these are not, nothing is written."""
        records = len(self._reading.show(batches))
        try:
            return _put(self._connection, "from segment_at_sight('batch')", path, STATED, records)
        except (duckdb.Error, OSError):
            return False

    def _segment(self, read: Read) -> str:
        if self._kind == "stated" and not read.judged:
            return f"stated_segment('{read.facts}')"
        self._connection.register("given_record", _records(read.batches))
        return f"{'whole' if self._kind == 'whole' else 'mixed'}_segment('{read.facts}')"


def put_parquet(
    connection: duckdb.DuckDBPyConnection, select: str, path: Path, packing: str = KEPT
) -> None:
    """Write what the statement answers to a file, which appears whole and durable, or not at all.

    Raises:
        WarehouseError: it could not be written.
    """
    try:
        _put(connection, select, path, packing)
    except (duckdb.Error, OSError) as error:
        first_line = str(error).partition("\n")[0]
        raise WarehouseError(f"{path} could not be written: {first_line}") from error


def _put(
    connection: duckdb.DuckDBPyConnection,
    select: str,
    path: Path,
    packing: str,
    expected: int | None = None,
) -> bool:
    """Write the file, if it comes to as many rows as are expected; returns whether it did."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        [(rows,)] = connection.execute(
            f"copy ({select}) to {quoted(draft)} (format parquet, {packing})"
        ).fetchall()
        if expected is not None and rows != expected:
            return False
        sync(draft)
        draft.replace(path)
        sync(path.parent)
        return True
    finally:
        draft.unlink(missing_ok=True)


def macros() -> str:
    """The SQL of `segments/macros.sql`."""
    return _sql("macros")


@cache
def _sql(name: str) -> str:
    return (_SEGMENTS / f"{name}.sql").read_text()


def _records(batches: Sequence[Records]) -> pa.Table:
    """The records as they are. A foreign one may claim any time at all; one that DuckDB cannot reckon
    with becomes the nearest within LATEST."""
    return pa.table(
        {
            "partition": [batch.partition for batch in batches for _ in batch.offsets],
            "offset": [offset for batch in batches for offset in batch.offsets],
            "timestamp": [
                min(max(moment, -LATEST), LATEST)
                for batch in batches
                for moment in batch.timestamps
            ],
            "key": [key for batch in batches for key in batch.keys],
            "value": [value for batch in batches for value in batch.values],
        },
        schema=pa.schema(_FIELDS),
    )


def records_in(paths: Sequence[Path]) -> list[int]:
    """How many records each of these files has.

    Raises:
        WarehouseError: one cannot be read.
    """
    if not paths:
        return []
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(
                "select file_name, num_rows from parquet_file_metadata(?)", [list(map(str, paths))]
            ).fetchall()
    except duckdb.Error as error:
        first_line = str(error).partition("\n")[0]
        raise WarehouseError(f"segments cannot be read: {first_line}") from error
    counted = dict(rows)
    return [counted[str(path)] for path in paths]
