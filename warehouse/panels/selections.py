"""The pageviews of a selection, in memory: panels are asked of them, and not of the warehouse."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import duckdb

from dwell.warehouse.panels.panel import parameters_of
from dwell.warehouse.panels.selection import Selection
from dwell.warehouse.panels.tables import (
    PERIOD,
    SELECTION,
    different,
    forms_of,
    made_of,
    sql_of,
    wanted_by,
)
from dwell.warehouse.published import Attached


@dataclass(eq=False)
class _Made:
    """A schema with those tables that somebody has wanted already."""

    selection: Selection
    schema: str
    tables: Mapping[str, int]
    period: "_Made | None" = None
    leases: int = 0
    bytes: int = 0
    done: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.locks = {table: threading.Lock() for table in self.tables}

    @property
    def path(self) -> str:
        """Where its tables, and what they are made of, are looked for."""
        return f"{self.schema},{self.period.path if self.period else 'warehouse.main'}"

    def prepare(self, cursor: duckdb.DuckDBPyConnection, wanted: frozenset[str]) -> None:
        """Make those tables, and what they are made of, as far as they are not there; then the names
        of a statement on that connection mean them.

        What another thread is making is waited for, but nothing else that it is to make, and not before
        all is made that can be made meanwhile.
        """
        self._make_all(cursor, wanted)
        cursor.execute(f"set search_path = '{self.path}'")

    def _make_all(self, cursor: duckdb.DuckDBPyConnection, wanted: frozenset[str]) -> None:
        levels = (self.period, self) if self.period else (self,)
        missing = [
            (each, table) for each in levels for table in each.tables if table in wanted - each.done
        ]
        for each in dict(missing):
            with each.lock:
                cursor.execute(f"create schema if not exists {each.schema}")
        while missing:
            made, table = self._next(missing)
            with made.locks[table]:
                made._make(cursor, table)
            missing.remove((made, table))

    def _next(self, missing: "list[tuple[_Made, str]]") -> "tuple[_Made, str]":
        """The first that nobody is making and that can be made already; if there is none, the first."""
        done = self.done | (self.period.done if self.period else set())
        for made, table in missing:
            needed = made_of(table, forms_of(made.selection)) - {table}
            if needed <= done and not made.locks[table].locked():
                return made, table
        return missing[0]

    def _make(self, cursor: duckdb.DuckDBPyConnection, table: str) -> None:
        if table in self.done:
            return
        cursor.execute(f"set search_path = '{self.path}'")
        forms = forms_of(self.selection)
        sql = different(cursor) if table == "different" else sql_of(table, forms)
        values = self.selection.values()
        if "ended" in parameters_of(sql):
            values["ended"] = _ended(cursor, self.selection)
        rows = cursor.execute(sql, _told(sql, values)).fetchall()
        self.bytes += self.tables[table] * (rows[0][0] if rows else 0)
        self.done.add(table)


class Selections:
    """Of one publication: those used last, as many as take so many bytes together, and always one.

    Selections of one period share what is known of it.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._made: OrderedDict[Selection, _Made] = OrderedDict()
        self._periods: dict[Selection, _Made] = {}
        self._numbers = count(1)

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
                made.prepare(cursor, wanted_by(sql, forms_of(selection)))
                yield cursor
        finally:
            self._give_back(attached, made)

    def _lease(self, selection: Selection) -> _Made:
        with self._lock:
            made = self._made.get(selection)
            if made is None:
                made = self._made[selection] = self._new(selection)
            self._made.move_to_end(selection)
            made.leases += 1
            return made

    def _new(self, selection: Selection) -> _Made:
        key = selection.everybody()
        period = self._periods.get(key)
        if period is None:
            name = f"memory.period_{next(self._numbers)}"
            period = self._periods[key] = _Made(key, name, PERIOD)
        period.leases += 1
        return _Made(selection, f"memory.selection_{next(self._numbers)}", SELECTION, period)

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
        found: list[_Made] = []
        for selection, made in list(self._made.items())[:-1]:
            if made.leases == 0 and self._bytes() > self._most_bytes:
                found.append(self._made.pop(selection))
                found += self._without(made.period)
        return found

    def _without(self, period: _Made | None) -> list[_Made]:
        """The period that a selection fewer is of, taken out if it was the last."""
        assert period is not None
        period.leases -= 1
        return [self._periods.pop(period.selection)] if period.leases == 0 else []

    def _bytes(self) -> int:
        return sum(made.bytes for made in (*self._made.values(), *self._periods.values()))


def run(
    cursor: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]
) -> tuple[list[tuple[Any, ...]], list[Any]]:
    """What a statement answers that is told those of the values that it names: its rows, and its
    columns as DuckDB describes them."""
    cursor.execute(sql, _told(sql, values))
    return cursor.fetchall(), cursor.description or []


def _ended(cursor: duckdb.DuckDBPyConnection, selection: Selection) -> datetime:
    """When the last pageview can have begun of a session that began in the period."""
    [(last_seen_at,)] = cursor.execute(
        "select max(last_seen_at) from known_session where started_at >= ?", [selection.since]
    ).fetchall()
    return max(last_seen_at or selection.until, selection.until)


def _told(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in parameters_of(sql)}
