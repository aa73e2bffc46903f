"""The data dictionary, made from the comments: `python -m dwell.warehouse.dictionary` prints the page."""

import sys
import tempfile
from pathlib import Path

from dwell.warehouse.catalogue import Column, Table, tables_of
from dwell.warehouse.live import LiveWarehouse

HEAD = """\
# Data dictionary

<!-- Made by `./dev docs` from the comments in warehouse/migrations and warehouse/views: edit there. -->

Every table and view of `warehouse.duckdb`, and every column of it. Times are `TIMESTAMP`, in UTC
without a zone; seconds are `DOUBLE`. *null* says whether a column of a table may be empty; of a view
DuckDB does not know. How to ask: [querying.md](querying.md); what the rows follow from:
[projection.md](projection.md). Where [several projectors](querying.md#when-there-are-shards) share
the log, all of these are views, and a table `shard` says what they unite.

The same comments are in the file itself (`.schema pageview` at the prompt of `dwell sql`), and in
what [`dwell export`](exporting.md) writes.
"""


def dictionary_page() -> str:
    """`docs/dictionary.md`."""
    tables = tables_of_new_warehouse()
    listed = "\n".join(f"- [{each.name}](#{each.name}): {_cell(each.comment)}" for each in tables)
    return "\n".join([HEAD, f"{listed}\n", *map(_section, tables)])


def tables_of_new_warehouse() -> list[Table]:
    """The tables and views of a warehouse that is made for the question."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LiveWarehouse(Path(folder) / "warehouse.duckdb") as warehouse,
    ):
        warehouse.connection.execute("use warehouse")
        tables = tables_of(warehouse.connection)
        warehouse.connection.execute("use memory")
        return tables


def _section(table: Table) -> str:
    null = "" if table.is_view else " null |"
    line = "" if table.is_view else "---|"
    rows = "\n".join(_row(column, table) for column in table.columns)
    return f"""\
## {table.name}

{"A view. " if table.is_view else ""}{_cell(table.comment)}

| column | type |{null} meaning |
|---|---|{line}---|
{rows}
"""


def _row(column: Column, table: Table) -> str:
    null = "" if table.is_view else f" {'yes' if column.nullable else 'no'} |"
    return f"| `{column.name}` | `{column.type}` |{null} {_cell(column.comment)} |"


def _cell(text: str) -> str:
    """A comment within a page: its bars and angles are no marks."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(dictionary_page())
