"""Exporting: tables and views of one publication, each written to a file for other tools."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from dwell.warehouse.asking import asking, interruptibly
from dwell.warehouse.catalogue import Column, Table, tables_of
from dwell.warehouse.quoting import quoted

_CSV = "format csv, header true, delimiter ',', quote '\"', escape '\"', nullstr ''"
FORMS = {
    "parquet": "format parquet, compression zstd, row_group_size 122880",
    "csv": _CSV,
    "csv.gz": f"{_CSV}, compression gzip",
    "csv.zst": f"{_CSV}, compression zstd",
}
"""The forms a table can take, named as their files end, and what DuckDB calls them."""
MOMENTS = ("started_at", "occurred_at", "received_at")
"""The times by which a period is cut out of a table: the first of these that it has."""

_TOLD_AS_TEXT = re.compile(r"\b(UUID|JSON)\b")
_NESTED = re.compile(r"\]$|^(STRUCT|MAP|UNION)\(")


@dataclass(frozen=True)
class Period:
    """From `since` until before `until`, in UTC without a zone; open where it is `None`."""

    since: datetime | None = None
    until: datetime | None = None

    def moment_of(self, table: Table) -> str | None:
        """The column by which this table is cut; `None` if it is exported whole."""
        if self.since is None and self.until is None:
            return None
        names = {column.name for column in table.columns}
        return next((moment for moment in MOMENTS if moment in names), None)

    def clause(self, table: Table) -> str:
        """What follows `from` in SQL."""
        moment = self.moment_of(table)
        bounds = [
            f"{moment} {sign} timestamp '{bound}'"
            for sign, bound in ((">=", self.since), ("<", self.until))
            if moment is not None and bound is not None
        ]
        return f" where {' and '.join(bounds)}" if bounds else ""


class Export:
    """One publication, to be written to files in one folder. Not for several threads.

    Attributes:
        tables: what can be written.
        published_at: as ISO 8601; `None` if the file does not say.
    """

    tables: list[Table]
    published_at: str | None

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.tables = tables_of(connection)
        [(self.published_at,)] = connection.execute(
            "select max(value) from projection_info where name = 'published_at'"
        ).fetchall()

    def write(self, table: Table, file: Path, form: str, period: Period) -> int:
        """Write a table to a new file, as a stream and in its own order; returns the rows.

        Ctrl-C ends it.
        """
        columns = ", ".join(_exported(column, form) for column in table.columns)
        source = f'select {columns} from "{table.name}"{period.clause(table)}'  # noqa: S608
        statement = f"copy ({source}) to {quoted(file)} ({FORMS[form]}{_told(table, form)})"
        [(rows,)] = interruptibly(
            self._connection, lambda: self._connection.execute(statement).fetchall()
        )
        return int(rows)


@contextmanager
def exporting(published: Path, folder: Path) -> Iterator[Export]:
    """An export of the publication there is now into files of `folder`, for the time of a `with`.

    However many publications are made meanwhile, each of its files tells of that one.

    Raises:
        WarehouseError: nothing is published yet, or the file cannot be read.
        QueryFailed: with DuckDB's message, in place of DuckDB's own errors.
    """
    with asking(published, writable=folder) as connection:
        # Rows in the order of the log: a reader of Parquet skips what it does not ask for by time.
        connection.execute("set preserve_insertion_order = true")
        yield Export(connection)


def _exported(column: Column, form: str) -> str:
    """A column as other tools read it.

    Parquet has types for UUID and JSON, but Polars 2.1 reads both as bytes, and pandas 3.1 cannot
    read a list of UUIDs at all.
    """
    name = f'"{column.name}"'
    if form != "parquet" and _NESTED.search(column.type):
        return f"to_json({name})::varchar as {name}"
    told = _TOLD_AS_TEXT.sub("VARCHAR", column.type)
    return name if told == column.type else f"{name}::{told} as {name}"


def _told(table: Table, form: str) -> str:
    """The comments, as metadata of a Parquet file: `comment`, and `columns` as a JSON object."""
    if form != "parquet":
        return ""
    columns = json.dumps({column.name: column.comment for column in table.columns})
    return f", kv_metadata {{comment: {quoted(table.comment)}, columns: {quoted(columns)}}}"
