"""A published file that a test asks again and again until it says what is waited for."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

Rows = list[tuple[Any, ...]]


class Watched:
    """Opens the file anew, but only when it is another one than at the last look: opening one takes as
    much of the processor as a projector wants for a batch.

    Args:
        opened: how; by default as any client does.
    """

    def __init__(
        self, published: Path, opened: Callable[[Path], duckdb.DuckDBPyConnection] | None = None
    ) -> None:
        self._published = published
        self._opened = opened or partial(duckdb.connect, read_only=True)
        self._seen: tuple[int, ...] = ()
        self._said: dict[tuple[object, ...], Rows] = {}

    def rows(self, sql: str, *parameters: object) -> Rows:
        """What the publication that stands now says; nothing before there is one."""
        if not self._published.exists():
            return []
        found = self._published.stat()
        if self._seen != (seen := (found.st_ino, found.st_mtime_ns, found.st_size)):
            self._seen, self._said = seen, {}
        if (sql, parameters) not in self._said:
            with self._opened(self._published) as connection:
                rows = connection.execute(sql, parameters).fetchall()
            self._said[sql, parameters] = rows
        return self._said[sql, parameters]
