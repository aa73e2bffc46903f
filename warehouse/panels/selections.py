"""The pageviews of a selection, in memory: panels are asked of them, and not of the warehouse."""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

from dwell.warehouse.panels.panel import parameters_of
from dwell.warehouse.panels.selection import Selection
from dwell.warehouse.published import Attached
from dwell.warehouse.told import parted

TABLES = {
    "clock": 28,
    "bucket": 40,
    "browser_agent": 200,
    "known_session": 44,
    "known_visitor": 8,
    "current_session": 40,
    "known_view": 60,
    "different": 0,
    "known_page": 200,
    "known_referrer": 100,
    "selected": 79,
    "selected_session": 16,
    "earlier": 16,
    "earlier_session": 20,
    "walk": 30,
    "following": 32,
    "seen_with": 80,
}
"""Each is a file of `selecting/` that may name those before it; about how many bytes a row takes."""


GROUPS = 100
"""As many as an answer has at most, but for views."""
BITMAPS_BYTES = 32 * 1024 * 1024
"""What the bitmaps of one answer may take, on each thread."""


@dataclass(eq=False)
class _Made:
    """The schema with those tables of a selection that somebody has wanted already."""

    selection: Selection
    schema: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    leases: int = 0
    tables: set[str] = field(default_factory=set)
    bytes: int = 0

    def make(self, cursor: duckdb.DuckDBPyConnection, wanted: frozenset[str]) -> None:
        """Make those tables, and what they are made of, as far as they are not there."""
        if not self.tables:
            cursor.execute(f"create schema if not exists {self.schema}")
        cursor.execute(f"set search_path = '{self.schema},warehouse.main'")
        for table in TABLES:
            if table in wanted and table not in self.tables:
                self._make(cursor, table)

    def _make(self, cursor: duckdb.DuckDBPyConnection, table: str) -> None:
        sql = _different(cursor) if table == "different" else _sql(table)
        values = self.selection.values()
        if "ended" in parameters_of(sql):
            values["ended"] = _ended(cursor, self.selection)
        rows = cursor.execute(sql, _named(sql, values)).fetchall()
        self.bytes += TABLES[table] * (rows[0][0] if rows else 0)
        self.tables.add(table)


class Selections:
    """Of one publication: those used last, as many as take so many bytes together, and always one."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._made: OrderedDict[Selection, _Made] = OrderedDict()
        self._numbers = 0

    @contextmanager
    def use(
        self, attached: Attached, selection: Selection, sql: str
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to the publication, on which names mean the selection's tables first.

        Those that the statement names are there: who comes first makes them, others wait.
        """
        made = self._lease(selection)
        try:
            with attached.cursor() as cursor:
                with made.lock:
                    made.make(cursor, wanted_by(sql))
                yield cursor
        finally:
            self._give_back(attached, made)

    def _lease(self, selection: Selection) -> _Made:
        with self._lock:
            made = self._made.get(selection)
            if made is None:
                self._numbers += 1
                made = _Made(selection, f"memory.selection_{self._numbers}")
                self._made[selection] = made
            self._made.move_to_end(selection)
            made.leases += 1
            return made

    def _give_back(self, attached: Attached, made: _Made) -> None:
        with self._lock:
            made.leases -= 1
            dropped = self._superfluous()
        if dropped:
            with attached.cursor() as cursor:
                for each in dropped:
                    cursor.execute(f"drop schema if exists {each.schema} cascade")

    def _superfluous(self) -> list[_Made]:
        """What nobody uses and there is no room for, taken out, the longest unused first."""
        taken = sum(made.bytes for made in self._made.values())
        found = []
        for selection, made in list(self._made.items())[:-1]:
            if made.leases == 0 and taken > self._most_bytes:
                taken -= made.bytes
                found.append(self._made.pop(selection))
        return found


def run(
    cursor: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]
) -> tuple[list[tuple[Any, ...]], list[Any]]:
    """What a statement answers that is told those of the values that it names: its rows, and its
    columns as DuckDB describes them."""
    cursor.execute(sql, _named(sql, values))
    return cursor.fetchall(), cursor.description or []


@cache
def wanted_by(sql: str) -> frozenset[str]:
    """The tables that a statement names, and those that they are made of."""
    return frozenset[str]().union(*(_made_of(table) for table in _words(sql) & TABLES.keys()))


def _made_of(table: str) -> set[str]:
    """The table, and all that it needs."""
    words = _words(_sql(table))
    if "ended" in words:
        words.add("known_session")
    if table == "different":
        words |= {"known_visitor", "known_view"}
    needed: set[str] = set()
    for each in TABLES:
        if each == table:
            return needed | {table}
        if each in words:
            needed |= _made_of(each)
    raise AssertionError


def _words(sql: str) -> set[str]:
    return set(re.findall(r"\w+", parted(sql)[1]))


def _different(cursor: duckdb.DuckDBPyConnection) -> str:
    """The statement that makes the macro, by how many visitors there are, and how many groups."""
    [(visitors, views)] = cursor.execute(
        "select (select count(*) from known_visitor), (select count(*) from known_view)"
    ).fetchall()
    if visitors // 8 * max(views, GROUPS) > BITMAPS_BYTES:
        return _sql("different_of_many")
    return _sql("different").replace("most)", f"{max(visitors, 1)})")


def _ended(cursor: duckdb.DuckDBPyConnection, selection: Selection) -> datetime:
    """When the last pageview can have begun of a session that began in the period."""
    [(last_seen_at,)] = cursor.execute(
        "select max(last_seen_at) from known_session where started_at >= ?", [selection.since]
    ).fetchall()
    return max(last_seen_at or selection.until, selection.until)


def _named(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in parameters_of(sql)}


@cache
def _sql(table: str) -> str:
    return (files("dwell.warehouse.panels") / "selecting" / f"{table}.sql").read_text()
