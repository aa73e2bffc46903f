"""The table behind a picture: headings for people, exact values."""

from collections.abc import Iterable
from typing import Any

from dwell.commands.report.shaping import Row, Rows
from dwell.commands.report.words import NOTHING, exact, moment
from dwell.site.dashboard.headings import heading
from dwell.warehouse.panels import Answer, Column, Selection

SHOWN = 100
"""Rows of a table; the rest is in the panel's files."""
OF_PROGRAMS = ("bucket", "local")
"""Columns that say to programs what others say to people."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def table(panel: str, answer: Answer, selection: Selection) -> dict[str, Any]:
    """Its `columns`, its `rows`, and how many `more` there are. Of a period that is not compared with the
    one before, that one is left out."""
    compared = selection.has_before(answer.publication.measured_since)
    rows = [row for row in answer.rows() if compared or not row.get("earlier")]
    columns = [
        _Telling(panel, each, rows, selection.timezone)
        for each in answer.columns
        if each.name not in OF_PROGRAMS and (each.name != "earlier" or compared)
    ]
    return {
        "columns": columns,
        "rows": [[each.cell(row) for each in columns] for row in rows[:SHOWN]],
        "more": max(0, len(rows) - SHOWN),
    }


class _Telling:
    """How a column is told."""

    def __init__(self, panel: str, column: Column, rows: Rows, timezone: str) -> None:
        values = [row[column.name] for row in rows]
        self._column = column
        self._timezone = timezone
        self._places = _places(values)
        self.heading = heading(panel, column)
        self.meaning = column.meaning
        self.is_number = any(map(_is_number, values)) and column.name not in ("weekday", "hour")

    def cell(self, row: Row) -> dict[str, Any]:
        value = row[self._column.name]
        return {"value": value, "told": self._told(value), "is_number": self.is_number}

    def _told(self, value: Any) -> str:
        if value in (None, ""):
            return NOTHING
        match self._column:
            case Column(name="earlier"):
                return "the one before" if value else "this period"
            case Column(name="weekday"):
                return WEEKDAYS[value - 1]
            case Column(name="hour"):
                return f"{value:02}:00"
            case Column(unit="time"):
                return moment(value, self._timezone)
        return exact(value, self._places) if _is_number(value) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _places(values: Iterable[Any]) -> int:
    """As many as the longest of them has behind the point, so that all stand under each other."""
    parts = (repr(each).partition(".")[2] for each in values if _is_number(each) and each % 1)
    return max(map(len, parts), default=0)
