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
    Links,
    Names,
    Once,
    Pages,
    Pageviews,
    Sessions,
    State,
    Texts,
    Walks,
)
from dwell.warehouse.panels.panel import parameters_of
from dwell.warehouse.panels.tables import sql_of

TABLES = ("known_agent", "known_session", "known_view", "known_page", "known_referrer")
"""Made for the time in which columns are read: what texts and sessions have which number."""
EVER = datetime.max
NEVER = np.iinfo(np.int64).max
COUNTS = ("published_at", "horizon_late")
"""Entries of `projection_info` that differ though the rows follow from the same."""
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
        pageviews = _pageviews(cursor, since)
        return _known(cursor, since, *sessions.result(), pageviews)


@contextmanager
def _made(cursor: duckdb.DuckDBPyConnection, since: datetime) -> Iterator[str]:
    """Those tables, for the time of a `with`; where names are looked for, so that they mean them."""
    values = {"before": since, "before_until": since, "since": since, "until": EVER, "ended": EVER}
    with schema_of_its_own(cursor) as path:
        for table in TABLES:
            earlier = EARLIER if table == "known_session" else timedelta()
            told(cursor, sql_of(table, frozenset()), values | {"before": since - earlier})
        yield path


@contextmanager
def schema_of_its_own(cursor: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """A place for tables, for the time of a `with`: where names are looked for, there first."""
    schema = f"memory.columns_{next(_NUMBERS)}"
    path = f"{schema},warehouse.main"
    cursor.execute(f"create schema {schema}")
    try:
        cursor.execute(f"set search_path = '{path}'")
        yield path
    finally:
        cursor.execute("set search_path = 'warehouse.main'")
        cursor.execute(f"drop schema {schema} cascade")


def _known(
    cursor: duckdb.DuckDBPyConnection,
    since: datetime,
    sessions: Sessions,
    visitors: tuple[Array, Array],
    pageviews: dict[str, Array],
) -> Known:
    views = _rows(cursor, "view_name from known_view order by view_number")
    agents, agent_texts = agents_of(cursor)
    pages, page_texts = pages_of(cursor)
    hosts, host_texts = hosts_of(cursor)
    links = Links(*(pageviews.pop(name) for name in Links.__annotations__))
    columns = Pageviews(**pageviews)
    return Known(
        since=since,
        agents=agents,
        views=[name for (name,) in views],
        pages=pages,
        hosts=Names.given(hosts),
        sessions=sessions,
        walks=walks_of(columns, links, len(sessions.started)),
        following=Once(partial(all_following, columns, links)),
        pageviews=columns,
        links=links,
        texts=Texts(agent_texts, page_texts, host_texts, *visitors),
        state=state_of(cursor),
    )


def state_of(cursor: duckdb.DuckDBPyConnection) -> State:
    """Which state of the log a publication is of."""
    positions = _rows(cursor, "partition, next_offset from warehouse.main.log_offset")
    [(tables,)] = cursor.execute(statement("tables")).fetchall()
    info = _rows(cursor, "name, value from warehouse.main.projection_info")
    origin = frozenset(each for each in info if each[0] not in COUNTS)
    [(oldest,)] = _rows(cursor, "min(started_at) from warehouse.main.tracking_session")
    return State(dict(positions), origin if tables == 2 else None, oldest or EVER)


def agents_of(cursor: duckdb.DuckDBPyConnection) -> tuple[Agents, Array]:
    """Those of `known_agent`, and the hashes of their texts."""
    what = "browser, system, device, is_bot, hash(browser_agent) from known_agent order by agent"
    rows = _rows(cursor, what)
    browser, system, device, is_bot, text = zip(*rows, strict=True) if rows else ((),) * 5
    agents = Agents(
        Names.given(browser), Names.given(system), Names.given(device), np.array(is_bot, bool)
    )
    return agents, np.array(text, np.uint64)


def pages_of(cursor: duckdb.DuckDBPyConnection) -> tuple[Pages, Array]:
    """Those of `known_page`, and the hashes of their identities."""
    rows = _rows(cursor, "path, tab, hash(identity) from known_page order by page")
    texts = np.array([text for *_, text in rows], np.uint64)
    return Pages(Names.given([path for path, *_ in rows]), [tab for _, tab, _ in rows]), texts


def hosts_of(cursor: duckdb.DuckDBPyConnection) -> tuple[list[str], Array]:
    """Those of `known_referrer`, and the hashes of the referring pages."""
    rows = _rows(cursor, "host, hash(referrer) from known_referrer order by referrer_number")
    return [host for host, _ in rows], np.array([text for _, text in rows], np.uint64)


def _sessions(
    cursor: duckdb.DuckDBPyConnection, since: datetime
) -> tuple[Sessions, tuple[Array, Array]]:
    """With what `Texts` has of their visitors."""
    found, before = (
        told(cursor, statement(name), {"since": since}).fetchnumpy()
        for name in ("session", "first_session")
    )
    visitors, visitor = np.unique(found["visitor"], return_inverse=True)
    came_at = np.full(len(visitors), NEVER)
    np.minimum.at(came_at, np.searchsorted(visitors, before["visitor"]), before["first_at"])
    columns = (found[name] for name in ("agent", "started", "seen"))
    sessions = sessions_of(found["id"], visitor.astype(np.int32), came_at, *columns)
    return sessions, (visitors, came_at)


def sessions_of(
    ids: Array, visitor: Array, came_at: Array, agent: Array, started: Array, seen: Array
) -> Sessions:
    """With when the first of all of each visitor began."""
    first_at = came_at.copy()
    np.minimum.at(first_at, visitor, started)
    return Sessions(ids, visitor, first_at, agent, started, seen)


def _pageviews(cursor: duckdb.DuckDBPyConnection, since: datetime) -> dict[str, Array]:
    """By when they began; DuckDB gives them in some long runs that are in order."""
    found = told(cursor, statement("pageview"), {"since": since}).fetchnumpy()
    order = np.lexsort((found["view"], found["started"]))
    return {name: column.take(order) for name, column in found.items()}


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


def walks_of(pageviews: Pageviews, links: Links, sessions: int) -> Walks:
    """Of so many sessions."""
    session = pageviews.session
    rows = np.arange(len(session), dtype=np.int32)
    first, last = np.zeros(sessions, np.int32), np.zeros(sessions, np.int32)
    first[session[::-1]] = rows[::-1]  # of several for one place the last stays
    last[session] = rows
    return Walks(
        first, last, counted(session, sessions), links.referrer[first] if len(rows) else first
    )


def all_following(pageviews: Pageviews, links: Links) -> Following:
    """Nearly all follow the pageview of their session that is before them; the others are looked for."""
    ids, previous, rows = links.id, links.previous, len(links.id)
    by_session = (pageviews.session.astype(np.int64) << 32) | np.arange(rows)
    by_session.sort()
    by_session &= 0xFFFFFFFF
    before = np.zeros(rows, np.int32)
    before[by_session[1:]] = by_session[:-1]
    is_it = ids[before] == previous
    others = np.flatnonzero((previous != 0) & ~is_it)
    if len(others):
        by_id = np.argsort(ids)
        places = np.searchsorted(ids, previous[others], sorter=by_id)
        before[others] = by_id[np.minimum(places, rows - 1)]
        is_it[others] = ids[before[others]] == previous[others]
    before[~is_it | (previous == 0)] = -1
    return following_of(before, pageviews, links)


def following_of(before: Array, pageviews: Pageviews, links: Links) -> Following:
    """For each pageview, `before` has the row of the one that it followed, or -1."""
    later = np.flatnonzero(before >= 0)
    row = before[later]
    lost = np.maximum(links.previous_seq[later] - pageviews.last_seq[row], 0)
    return Following(before, row, pageviews.view[later], lost)
