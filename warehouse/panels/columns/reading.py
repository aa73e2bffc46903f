"""Reading columns from a warehouse."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, partial
from importlib.resources import files
from itertools import count
from typing import Any

import duckdb
import numpy as np

from dwell.warehouse.panels.columns.counting import Array, counted
from dwell.warehouse.panels.columns.known import (
    EARLIER,
    Agents,
    Following,
    Known,
    Names,
    Once,
    Pages,
    Pageviews,
    Sessions,
    Walks,
)
from dwell.warehouse.panels.panel import parameters_of
from dwell.warehouse.panels.tables import sql_of

TABLES = ("known_agent", "known_session", "known_view", "known_page", "known_referrer")
"""Made for the time in which columns are read: what texts and sessions have which number."""
EVER = datetime.max
_NUMBERS = count(1)


def pageviews_since(cursor: duckdb.DuckDBPyConnection, since: datetime) -> int:
    """How many rows the columns would have."""
    sql = "select count(*) from pageview where started_at >= ?"
    [(found,)] = cursor.execute(sql, [since]).fetchall()
    return int(found)


def read(cursor: duckdb.DuckDBPyConnection, since: datetime) -> Known:
    """All since a moment, from the warehouse that a connection uses."""
    with _made(cursor, since) as path, cursor.cursor() as another, ThreadPoolExecutor(1) as beside:
        another.execute(f"set search_path = '{path}'")
        sessions = beside.submit(_sessions, another, since)
        pageviews, following = _pageviews(cursor, since)
        return _known(cursor, since, sessions.result(), pageviews, following)


@contextmanager
def _made(cursor: duckdb.DuckDBPyConnection, since: datetime) -> Iterator[str]:
    """Those tables, for the time of a `with`; where names are looked for, so that they mean them."""
    schema = f"memory.columns_{next(_NUMBERS)}"
    path = f"{schema},warehouse.main"
    values = {"before": since, "before_until": since, "since": since, "until": EVER, "ended": EVER}
    cursor.execute(f"create schema {schema}")
    try:
        cursor.execute(f"set search_path = '{path}'")
        for table in TABLES:
            earlier = EARLIER if table == "known_session" else timedelta()
            told(cursor, sql_of(table, frozenset()), values | {"before": since - earlier})
        yield path
    finally:
        cursor.execute(f"drop schema {schema} cascade")


def _known(
    cursor: duckdb.DuckDBPyConnection,
    since: datetime,
    sessions: Sessions,
    pageviews: dict[str, Array],
    following: Once[Following],
) -> Known:
    views = _rows(cursor, "view_name from known_view order by view_number")
    hosts = _rows(cursor, "host from known_referrer order by referrer_number")
    return Known(
        since=since,
        agents=_agents(cursor),
        views=[name for (name,) in views],
        pages=_pages(cursor),
        hosts=Names.given([host for (host,) in hosts]),
        sessions=sessions,
        walks=_walks(pageviews, len(sessions.started)),
        following=following,
        pageviews=Pageviews(**{name: pageviews[name] for name in Pageviews.__annotations__}),
    )


def _agents(cursor: duckdb.DuckDBPyConnection) -> Agents:
    rows = _rows(cursor, "browser, system, device, is_bot from known_agent order by agent")
    browser, system, device, is_bot = zip(*rows, strict=True) if rows else ((),) * 4
    return Agents(
        Names.given(browser), Names.given(system), Names.given(device), np.array(is_bot, bool)
    )


def _pages(cursor: duckdb.DuckDBPyConnection) -> Pages:
    rows = _rows(cursor, "path, tab from known_page order by page")
    return Pages(Names.given([path for path, _ in rows]), [tab for _, tab in rows])


def _sessions(cursor: duckdb.DuckDBPyConnection, since: datetime) -> Sessions:
    found, before = (
        told(cursor, statement(name), {"since": since}).fetchnumpy()
        for name in ("session", "first_session")
    )
    visitors, visitor = np.unique(found["visitor"], return_inverse=True)
    first_at = np.full(len(visitors), np.iinfo(np.int64).max)
    np.minimum.at(first_at, visitor, found["started"])
    np.minimum.at(first_at, np.searchsorted(visitors, before["visitor"]), before["first_at"])
    return Sessions(
        *(found["id"], visitor.astype(np.int32), first_at),
        *(found["agent"], found["started"], found["seen"]),
    )


def _pageviews(
    cursor: duckdb.DuckDBPyConnection, since: datetime
) -> tuple[dict[str, Array], Once[Following]]:
    """By when they began; DuckDB gives them in some long runs that are in order."""
    found = told(cursor, statement("pageview"), {"since": since}).fetchnumpy()
    links = [found.pop(name) for name in ("id", "previous", "previous_seq")]
    order = np.lexsort((found["view"], found["started"]))
    found = {name: column.take(order) for name, column in found.items()}
    return found, Once(partial(_following, found, order, *links))


def _rows(cursor: duckdb.DuckDBPyConnection, what: str) -> list[tuple[Any, ...]]:
    return cursor.execute(f"select {what}").fetchall()


@cache
def statement(name: str) -> str:
    """A file of this folder."""
    return (files(__package__) / f"{name}.sql").read_text()


def told(
    cursor: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]
) -> duckdb.DuckDBPyConnection:
    """Run a statement that is told those of the values that it names."""
    return cursor.execute(sql, {name: values[name] for name in parameters_of(sql)})


def _walks(pageviews: Mapping[str, Array], sessions: int) -> Walks:
    session = pageviews["session"]
    rows = np.arange(len(session), dtype=np.int32)
    first, last = np.zeros(sessions, np.int32), np.zeros(sessions, np.int32)
    first[session[::-1]] = rows[::-1]  # of several for one place the last stays
    last[session] = rows
    referrer = pageviews["referrer"]
    return Walks(first, last, counted(session, sessions), referrer[first] if len(rows) else first)


def _following(
    pageviews: Mapping[str, Array], order: Array, ids: Array, previous: Array, previous_seq: Array
) -> Following:
    """Nearly all follow the pageview of their session that is before them; the others are looked for.

    Args:
        order: that of the pageviews, in which the other columns are not.
    """
    ids, previous, rows = ids.take(order), previous.take(order), len(order)
    by_session = (pageviews["session"].astype(np.int64) << 32) | np.arange(rows)
    by_session.sort()
    by_session &= 0xFFFFFFFF
    before = np.zeros(rows, np.int64)
    before[by_session[1:]] = by_session[:-1]
    is_it = ids[before] == previous
    others = np.flatnonzero((previous != 0) & ~is_it)
    if len(others):
        by_id = np.argsort(ids)
        places = np.searchsorted(ids, previous[others], sorter=by_id)
        before[others] = by_id[np.minimum(places, rows - 1)]
        is_it[others] = ids[before[others]] == previous[others]
    later = np.flatnonzero(is_it & (previous != 0))
    row = before[later]
    lost = np.maximum(previous_seq[order[later]] - pageviews["last_seq"][row], 0)
    return Following(row, pageviews["view"][later], lost)
