"""What a panel answers, in the forms that are sent to a browser."""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from dwell.warehouse.panels.panel import Column
from dwell.warehouse.panels.publication import Publication


@dataclass(frozen=True)
class Answer:
    """Rows, and which publication they are of.

    Attributes:
        table: the rows as Arrow has them; moments are in UTC and say so.
    """

    columns: tuple[Column, ...]
    table: pa.Table
    publication: Publication

    def rows(self) -> list[dict[str, Any]]:
        """The rows as JSON can have them: moments as `2026-03-01T12:00:00.000Z`, days as `2026-03-01`."""
        return [plain(row) for row in self.table.to_pylist()]

    def arrow(self) -> bytes:
        """The rows as a stream of Arrow's IPC."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.table.schema) as stream:
            stream.write_table(self.table)
        return sink.getvalue().to_pybytes()

    def csv(self) -> str:
        """The rows as comma-separated values, with the names of the columns above them; no value is
        an empty text."""
        sink = io.StringIO()
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(self.table.column_names)
        writer.writerows(row.values() for row in self.rows())
        return sink.getvalue()


def in_utc(table: pa.Table) -> pa.Table:
    """The same with every moment one of UTC."""
    zoned = pa.timestamp("us", tz="UTC")
    fields = [
        each.with_type(zoned) if pa.types.is_timestamp(each.type) else each for each in table.schema
    ]
    return table.cast(pa.schema(fields))


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
