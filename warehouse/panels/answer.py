"""What a panel answers, in the forms that are sent to a browser."""

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from dwell import separated
from dwell.warehouse.panels.panel import Column
from dwell.warehouse.panels.publication import Publication

TYPES: dict[str, pa.DataType] = {
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "DOUBLE": pa.float64(),
    "INTEGER": pa.int32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "VARCHAR": pa.string(),
}
"""What Arrow has for each type that a panel's column can have."""


@dataclass(frozen=True)
class Answer:
    """Rows, and which publication they are of.

    Attributes:
        types: DuckDB's, of each column.
        values: row by row; moments are in UTC, without a zone.
    """

    columns: tuple[Column, ...]
    types: tuple[str, ...]
    values: list[tuple[Any, ...]]
    publication: Publication

    def rows(self) -> list[dict[str, Any]]:
        """The rows as JSON can have them: moments as `2026-03-01T12:00:00.000Z`, days as `2026-03-01`."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, map(plain, row), strict=True)) for row in self.values]

    def arrow(self) -> bytes:
        """The rows as a stream of Arrow's IPC; moments say that they are in UTC."""
        names = [column.name for column in self.columns]
        schema = pa.schema(list(zip(names, map(TYPES.__getitem__, self.types), strict=True)))
        columns = zip(*self.values, strict=True) if self.values else [[] for _ in names]
        arrays = [pa.array(each, kind.type) for each, kind in zip(columns, schema, strict=True)]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as stream:
            stream.write_table(pa.table(arrays, schema=schema))
        return sink.getvalue().to_pybytes()

    def csv(self) -> str:
        """The rows as comma-separated values, with the names of the columns above them; no value is
        an empty text."""
        sink = io.StringIO()
        writer = separated.writer(sink)
        writer.writerow(column.name for column in self.columns)
        writer.writerows(map(plain, row) for row in self.values)
        return sink.getvalue()


def iso(moment: datetime) -> str:
    """As JSON has it; without a zone it is one of UTC."""
    zoned = moment.astimezone(UTC) if moment.tzinfo else moment
    return zoned.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def plain(value: Any) -> Any:
    """A value as JSON can have it; a mapping value by value."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, datetime):
        return iso(value)
    return value.isoformat() if isinstance(value, date) else value
