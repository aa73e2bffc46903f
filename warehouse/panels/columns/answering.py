"""Which panels are counted from columns: each does what its SQL says, and gives the same rows."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dwell.warehouse.panels.columns.completeness import completeness
from dwell.warehouse.panels.columns.funnel import funnel
from dwell.warehouse.panels.columns.known import EARLIER
from dwell.warehouse.panels.columns.listing import sessions
from dwell.warehouse.panels.columns.looked import Chosen, Rows
from dwell.warehouse.panels.columns.over_time import series, sessions_by_hour, totals
from dwell.warehouse.panels.columns.ranked import (
    browsers,
    choices,
    devices,
    pages,
    systems,
    view_distribution,
    views,
)
from dwell.warehouse.panels.columns.retention import retention, since_monday
from dwell.warehouse.panels.columns.tabs import tabs
from dwell.warehouse.panels.columns.walks import entries_and_exits, referrers, transitions
from dwell.warehouse.panels.selection import Selection

Answering = Callable[[Chosen], Rows]

BIG, REAL, TEXT = "BIGINT", "DOUBLE", "VARCHAR"

ANSWERS: dict[str, tuple[Answering, Sequence[str]]] = {
    "totals": (totals, ("BOOLEAN", BIG, BIG, BIG, REAL, REAL)),
    "series": (series, ("BOOLEAN", "INTEGER", "TIMESTAMP", TEXT, BIG, BIG, BIG, REAL, REAL)),
    "views": (views, (TEXT, BIG, BIG, REAL, REAL, REAL, REAL)),
    "view_distribution": (view_distribution, (TEXT, "INTEGER", "INTEGER", BIG, REAL)),
    "pages": (pages, (TEXT, BIG, BIG, REAL, REAL, REAL)),
    "transitions": (transitions, (TEXT, TEXT, BIG, REAL)),
    "entries_and_exits": (entries_and_exits, (TEXT, BIG, BIG, BIG, REAL, REAL, REAL)),
    "sessions_by_hour": (sessions_by_hour, ("INTEGER", "INTEGER", BIG)),
    "browsers": (browsers, (TEXT, BIG, BIG, BIG, REAL)),
    "systems": (systems, (TEXT, BIG, BIG, BIG, REAL)),
    "devices": (devices, (TEXT, BIG, BIG, BIG, REAL)),
    "referrers": (referrers, (TEXT, BIG, BIG, BIG)),
    "tabs": (tabs, (TEXT, TEXT, TEXT, TEXT, BIG, BIG, REAL, REAL, REAL)),
    "choices": (choices, (TEXT, TEXT)),
    "retention": (retention, ("DATE", BIG, BIG, BIG, REAL)),
    "completeness": (completeness, (TEXT, TEXT, BIG, REAL)),
}
"""What counts each, and DuckDB's types of its columns."""

TOLD: dict[str, tuple[Callable[[Chosen, Mapping[str, Any]], Rows], Sequence[str]]] = {
    "sessions": (sessions, (TEXT, "TIMESTAMP", "TIMESTAMP", BIG, REAL, *[TEXT] * 6)),
    "funnel": (funnel, ("INTEGER", TEXT, BIG, REAL, REAL, REAL)),
}
"""What is told more than a selection."""


def answer(panel: str, chosen: Chosen, told: Mapping[str, Any]) -> tuple[Rows, Sequence[str]]:
    """The rows of a panel, and DuckDB's types of its columns."""
    if panel in TOLD:
        asking, types = TOLD[panel]
        return asking(chosen, told), types
    counting, types = ANSWERS[panel]
    return counting(chosen), types


def needed_since(panel: str, selection: Selection) -> datetime:
    """Since when pageviews must be known for a panel."""
    if panel == "retention":
        return since_monday(selection) + EARLIER  # of sessions alone
    return selection.before
