"""The tables that panels are asked of: what each is made of, and about how large it becomes."""

import re
from dataclasses import replace
from functools import cache
from importlib.resources import files

import duckdb

from dwell.warehouse.panels.selection import Selection
from dwell.warehouse.told import parted

PERIOD = {
    "clock": 28,
    "bucket": 40,
    "known_agent": 200,
    "known_session": 44,
    "known_visitor": 8,
    "current_session": 48,
    "known_view": 60,
    "different": 0,
    "known_page": 200,
    "known_referrer": 100,
    "known_pageview": 58,
    "known_pageview_before": 24,
    "known_walk": 43,
    "known_following": 12,
    "first_session": 16,
}
"""What is known of a period and the one before, whoever is looked at: files of `period/`."""

SELECTION = {
    "browser_agent": 200,
    "chosen_session": 20,
    "chosen_session_before": 20,
    "chosen_view": 4,
    "chosen_page": 4,
    "selected": 47,
    "selected_session": 16,
    "earlier": 16,
    "earlier_session": 12,
    "walk": 23,
    "following": 20,
    "seen_with": 80,
}
"""What is looked at of it: files of `selecting/`. Each table may be made of those before it; the
number is how many bytes a row takes, about."""

TABLES = (*PERIOD, *SELECTION)

GROUPS = 100
"""As many as an answer has at most, but for views."""
BITMAPS_BYTES = 32 * 1024 * 1024
"""What the bitmaps of one answer may take, on each thread."""


Forms = frozenset[str]
"""The tables of a selection that another file makes than the one of their name: `…_of_some.sql`."""
OF_SOME = {
    "selected",
    "selected_session",
    "earlier",
    "earlier_session",
    "walk",
    "following",
}
OF_SOME_VISITORS = {"chosen_session", "chosen_session_before"}


def forms_of(selection: Selection) -> Forms:
    """Which of them, because more is left out than robots, or than people."""
    forms: set[str] = set()
    if selection.visitors != "all":
        forms |= OF_SOME_VISITORS
    if selection != replace(selection.everybody(), bots=selection.bots):
        forms |= OF_SOME
    return Forms(forms)


@cache
def wanted_by(sql: str, forms: Forms) -> frozenset[str]:
    """The tables that a statement names, and those that they are made of."""
    return frozenset[str]().union(*(made_of(table, forms) for table in _named(sql)))


@cache
def sql_of(table: str, forms: Forms) -> str:
    """The statement that makes a table; `different` has another one."""
    return _read(f"{table}_of_some" if table in forms else table)


def different(cursor: duckdb.DuckDBPyConnection) -> str:
    """The statement that makes the macro, by how many visitors there are, and how many groups."""
    [(visitors, views)] = cursor.execute(
        "select (select count(*) from known_visitor), (select count(*) from known_view)"
    ).fetchall()
    if visitors // 8 * max(views, GROUPS) > BITMAPS_BYTES:
        return _read("different_of_many")
    return _read("different").replace("most)", f"{max(visitors, 1)})")


@cache
def made_of(table: str, forms: Forms) -> frozenset[str]:
    """The table, and all that it needs."""
    sql = sql_of(table, forms)
    needed = _named(sql) & set(TABLES[: TABLES.index(table)])  # other words are columns
    if "$ended" in sql:
        needed.add("known_session")
    if table == "different":
        needed |= {"known_visitor", "known_view"}
    return frozenset({table}).union(*(made_of(each, forms) for each in needed))


def _named(sql: str) -> set[str]:
    return {word for word in re.findall(r"[\w.]+", parted(sql)[1]) if word in TABLES}


@cache
def _read(stem: str) -> str:
    here = files("dwell.warehouse.panels")
    name = f"{stem}.sql"
    found = next(
        file for folder in ("period", "selecting") if (file := here / folder / name).is_file()
    )
    return found.read_text()
