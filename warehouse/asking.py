"""One question to one publication."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import duckdb

from dwell.errors import QueryFailed
from dwell.warehouse.published import open_published

MEMORY_LIMIT = "1GiB"
"""What does not fit goes to a temporary folder."""
INTERRUPT_EVERY = 0.05

Done = TypeVar("Done")


@contextmanager
def asking(published: Path, writable: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the publication there is now, for the time of a `with`.

    Args:
        writable: a folder in which statements may write files.

    Raises:
        WarehouseError: nothing is published yet, or the file cannot be read.
        QueryFailed: with DuckDB's message, in place of DuckDB's own errors.
    """
    connection = open_published(published, writable)
    try:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set preserve_insertion_order = false")
        yield connection
    except duckdb.Error as error:
        raise QueryFailed(str(error)) from None
    finally:
        connection.close()


def interruptibly(connection: duckdb.DuckDBPyConnection, work: Callable[[], Done]) -> Done:
    """What `work` returns, done in a thread of its own: DuckDB hears no signal while it works.

    Ctrl-C (`KeyboardInterrupt`) ends the statement that is running, or else the next one.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="duckdb") as worker:
        future = worker.submit(work)
        try:
            return future.result()
        except KeyboardInterrupt:
            while not future.done():  # between two statements nothing heeds it
                connection.interrupt()
                wait([future], INTERRUPT_EVERY)
            raise
