"""One question to one publication."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

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
    with Worker(connection) as worker:
        return worker.call(work)


class Worker:
    """A thread that works with a connection, so that Ctrl-C is heard meanwhile."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="duckdb")
        self._thread.submit(int).result()  # it is begun: Ctrl-C cannot come in the middle of that

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, work: Callable[[], Done]) -> Done:
        """What `work` returns. Ctrl-C ends the statement that is running, or else the next one."""
        try:
            return self._thread.submit(work).result()
        except KeyboardInterrupt:
            behind = self._thread.submit(int)  # done when the work is, if it had come so far at all
            while not behind.done():  # between two statements nothing heeds it
                self._connection.interrupt()
                wait([behind], INTERRUPT_EVERY)
            raise

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown()
