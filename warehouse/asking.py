"""One question to one publication."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dwell.errors import QueryFailed
from dwell.warehouse.published import open_published

MEMORY_LIMIT = "1GiB"
"""What does not fit goes to a temporary folder."""


@contextmanager
def asking(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the publication there is now, for the time of a `with`.

    Raises:
        WarehouseError: nothing is published yet, or the file cannot be read.
        QueryFailed: with DuckDB's message, in place of DuckDB's own errors.
    """
    connection = open_published(published)
    try:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set preserve_insertion_order = false")
        yield connection
    except duckdb.Error as error:
        raise QueryFailed(str(error)) from None
    finally:
        connection.close()
