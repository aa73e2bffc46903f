"""Needles: ids as they can stand in the bytes of a file, and the search for them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

CHUNK = 16 * 2**20
"""Bytes that are searched at a time."""
OVERLAP = 4096
"""Bytes of the next chunk that are searched with each: more than any needle or order has."""

_ORDER = rb"""(?x)
    (?:[0-9a-f-]{36})?
    \{ "specversion":"1\.0" , [^{}]*? "type":"dwell\.visitor\.forgotten\.v[0-9]+" [^{}]* \{ [^{}]* \} \}
"""


_WHOLE = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Hit(NamedTuple):
    """An id that stands in a file.

    Attributes:
        at: the byte at which it begins.
        form: how it is written.
        in_order: it stands in an order to forget, as the log holds it.
    """

    at: int
    form: str
    in_order: bool


class Needles:
    """Ids, in each form in which they may be stored: as text in lower and in upper case, as 16 bytes,
    and as DuckDB keeps a UUID: a signed number of 128 bits, the least byte first.

    Needles that begin alike (ids that were minted within weeks of each other do, or end alike in
    DuckDB's form) are looked for by that, and then told apart.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self._groups: dict[tuple[str, bytes, bool], set[bytes]] = {}
        for each in ids:
            value = UUID(each)
            stored = (value.int ^ 1 << 127).to_bytes(16, "little")
            self._add("text", str(value).encode(), str(value).encode()[:4])
            self._add("capitals", str(value).upper().encode(), str(value).upper().encode()[:4])
            self._add("16 bytes", value.bytes, value.bytes[:2])
            self._add("DuckDB's UUID", stored, stored[-2:], at_end=True)

    def _add(self, form: str, needle: bytes, shared: bytes, *, at_end: bool = False) -> None:
        self._groups.setdefault((form, shared, at_end), set()).add(needle)

    def in_file(self, path: Path) -> Iterator[Hit]:
        """Every place of the file's bytes in which an id stands.

        Raises:
            OSError: it cannot be read.
        """
        for window in _windows(path):
            for hit in self._in(window.data):
                if window.first <= hit.at < window.last:
                    yield hit._replace(at=window.begin + hit.at)

    def _in(self, data: bytes) -> list[Hit]:
        hits = [
            (at, form)
            for (form, shared, at_end), needles in self._groups.items()
            for at in _places(data, needles, shared, at_end)
        ]
        if not hits:
            return []
        orders = [found.span() for found in re.finditer(_ORDER, data)]
        return [
            Hit(at, form, any(begin <= at < end for begin, end in orders))
            for at, form in sorted(set(hits))
        ]


class Halves:
    """Halves of ids as text: where SQLite cuts a long record between two pages, one half is whole."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._halves = {half for each in ids for half in (each[:18].encode(), each[18:].encode())}

    def lone(self, path: Path) -> Iterator[int]:
        """Every place in which a half stands without the other."""
        for window in _windows(path):
            for half in self._halves:
                for at in _finding(window.data, half):
                    around = window.data[max(0, at - 18) : at + 36].lower()
                    if window.first <= at < window.last and not _WHOLE.search(around):
                        yield window.begin + at


class _Window(NamedTuple):
    """A part of a file, with something of the parts before and behind it.

    Attributes:
        begin: the byte of the file at which `data` begins.
        first, last: the part itself, within `data`.
    """

    begin: int
    first: int
    last: int
    data: bytes


def _windows(path: Path) -> Iterator[_Window]:
    with path.open("rb") as file:
        begin, first = 0, 0
        data = file.read(CHUNK + OVERLAP)
        while data:
            last = min(first + CHUNK, len(data))
            yield _Window(begin, first, last, data)
            if last == len(data):
                return
            kept = last - OVERLAP
            begin, first = begin + kept, OVERLAP
            data = data[kept:] + file.read(CHUNK)


def _places(data: bytes, needles: set[bytes], shared: bytes, at_end: bool) -> Iterator[int]:
    if len(needles) == 1:
        yield from _finding(data, next(iter(needles)))
        return
    length = len(next(iter(needles)))
    for found in _finding(data, shared):
        at = found + len(shared) - length if at_end else found
        if at >= 0 and data[at : at + length] in needles:
            yield at


def _finding(data: bytes, what: bytes) -> Iterator[int]:
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)
