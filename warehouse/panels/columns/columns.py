"""The columns of one publication: read when somebody asks, and kept with what was chosen of them last."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import duckdb

from dwell.warehouse.panels.columns.advancing import advanced
from dwell.warehouse.panels.columns.answering import ANSWERS, TOLD, answer, needed_since
from dwell.warehouse.panels.columns.known import Known
from dwell.warehouse.panels.columns.lately import LATELY, TYPES, Lately
from dwell.warehouse.panels.columns.latest import Latest
from dwell.warehouse.panels.columns.looked import Chosen, Rows
from dwell.warehouse.panels.columns.period import Period
from dwell.warehouse.panels.columns.reading import pageviews_since, read, told
from dwell.warehouse.panels.selection import Selection

MOST_PAGEVIEWS = 3_000_000
"""More are never read: each takes some sixty bytes."""
KEPT_ROWS = 4_000_000
"""Chosen pageviews of selections that are kept for whoever asks next; one selection always is."""

Cursor = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
"""A connection to the publication for the time of a `with`."""


class Columns:
    """For many threads. What is known since a moment serves for every period that begins later, so what
    is known since an earlier one takes its place.

    Args:
        latest: what was read of another publication, and is carried on if that was an earlier one.
    """

    def __init__(self, most_pageviews: int, latest: Latest | None = None) -> None:
        self._most_pageviews = most_pageviews
        self._latest = latest or Latest()
        self._reading = threading.Lock()
        self._preparing = threading.Lock()
        self._changing = threading.Lock()
        self._reading_lately = threading.Lock()
        self._lately: Lately | None = None
        self._known: _Kept | None = None
        self._many_since: datetime | None = None

    def answer(
        self, panel: str, selection: Selection, told: Mapping[str, Any], cursor: Cursor
    ) -> tuple[Rows, Sequence[str]] | None:
        """The rows of a panel and DuckDB's types of its columns; nothing if it is not counted here, or
        there are too many pageviews."""
        if panel == "live":
            return self._live(selection, told["now"], cursor)
        if panel not in ANSWERS and panel not in TOLD:
            return None
        kept = self._since(needed_since(panel, selection), cursor)
        if kept is None:
            return None
        return answer(panel, kept.choose(selection, cursor), told)

    def has_path(self, path: str, selection: Selection, cursor: Cursor) -> bool:
        """Whether a pageview of that path is among those that panels of a selection are counted from."""
        kept = self._since(selection.before, cursor)
        return kept is not None and path in kept.known.pages.path

    def prepare(self, selection: Selection, most_pageviews: int, cursor: Cursor) -> bool:
        """Read what panels of a selection are counted from, unless there are more pageviews; whether it is
        there now. Meanwhile others are answered as before."""
        with self._preparing:
            most = min(most_pageviews, self._most_pageviews)
            found = self._read(selection.before, most, cursor)
            if found is not None and len(found.known.pageviews.ms) <= most:
                self._latest.want(selection.before)
            return found is not None

    def _live(
        self, selection: Selection, now: datetime, cursor: Cursor
    ) -> tuple[Rows, Sequence[str]] | None:
        with self._reading_lately:
            lately = self._lately
            if lately is None or now < lately.since + LATELY:
                with cursor() as connection:
                    lately = self._lately = Lately(connection, now)
        return (lately.answer(selection, now), TYPES) if lately.is_whole else None

    def _since(self, moment: datetime, cursor: Cursor) -> "_Kept | None":
        self._latest.want(moment)
        found = self._kept(moment)
        if found is not None or (self._many_since is not None and moment <= self._many_since):
            return found
        with self._reading:
            found = self._read(moment, self._most_pageviews, cursor)
            if found is None:
                self._many_since = moment
            return found

    def _kept(self, moment: datetime) -> "_Kept | None":
        known = self._known
        return known if known is not None and known.known.since <= moment else None

    def _read(self, moment: datetime, most_pageviews: int, cursor: Cursor) -> "_Kept | None":
        if self._kept(moment) is None:
            with cursor() as connection:
                known = self._carried_on(moment, most_pageviews, connection)
                if known is None and pageviews_since(connection, moment) > most_pageviews:
                    return None
                known = known or read(connection, moment)
            with self._changing:
                if self._kept(moment) is None:
                    self._known = _Kept(known)
                    self._latest.keep(known)
        return self._kept(moment)

    def _carried_on(
        self, moment: datetime, most_pageviews: int, connection: duckdb.DuckDBPyConnection
    ) -> Known | None:
        former = self._latest.since(moment)
        if former is None or len(former.pageviews.ms) > most_pageviews:
            return None
        found = advanced(connection, former)
        return found if found and len(found.pageviews.ms) <= most_pageviews else None


class _Kept:
    """What is known since a moment, and what was chosen of it."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._lock = threading.Lock()
        self._periods: dict[Selection, Period] = {}
        self._chosen: OrderedDict[Selection, Chosen] = OrderedDict()

    def choose(self, selection: Selection, cursor: Cursor) -> Chosen:
        """What a selection is of it: one of those that were asked for last, or a new one."""
        with self._lock:
            found = self._chosen.get(selection)
            if found is None:
                period = self._period(selection, cursor)
                found = self._chosen[selection] = Chosen(self.known, period, selection)
                self._forget()
            self._chosen.move_to_end(selection)
            return found

    def _forget(self) -> None:
        rows = 0
        for selection in reversed(list(self._chosen)[:-1]):
            rows += self._chosen[selection].size
            if rows > KEPT_ROWS:
                del self._chosen[selection]
        used = {selection.everybody() for selection in self._chosen}
        self._periods = {key: each for key, each in self._periods.items() if key in used}

    def _period(self, selection: Selection, cursor: Cursor) -> Period:
        key = selection.everybody()
        if key not in self._periods:

            def ask(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
                with cursor() as connection:
                    return told(connection, sql, values).fetchall()

            self._periods[key] = Period(self.known, key, ask)
        return self._periods[key]
