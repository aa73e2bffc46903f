"""Comma-separated values as RFC 4180 has them, with LF at the end of a row."""

import csv
from collections.abc import Iterable
from typing import IO, Any, Protocol


class Writer(Protocol):
    """What writes rows, as the standard library's `csv.writer` does."""

    def writerow(self, row: Iterable[Any], /) -> object:
        """Write one."""

    def writerows(self, rows: Iterable[Iterable[Any]], /) -> None:
        """Write each."""


def writer(sink: IO[str]) -> Writer:
    """Writes to `sink`. No value is an empty text; a value with a line break of any kind is quoted.

    The standard library's quotes what is in its own line end alone: with LF, a lone CR would end a row
    for whoever reads it.
    """
    return csv.writer(_Lines(sink), lineterminator="\r\n")


class _Lines:
    """Takes row by row, and ends each with LF."""

    def __init__(self, sink: IO[str]) -> None:
        self._sink = sink

    def write(self, row: str) -> int:
        return self._sink.write(row.removesuffix("\r\n") + "\n")
