"""Figures and times as people read them, as the dashboard shows them too."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

NOTHING = "–"


def count(value: float | None) -> str:
    """1204 is "1,204"."""
    return NOTHING if value is None else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """Seconds: "4.2 s", "2 m 14 s", "3 h 07 m", "1,204 h"."""
    if seconds is None:
        return NOTHING
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if round(seconds) < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} m {rest:02} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} m" if hours < 100 else f"{seconds / 3600:,.0f} h"


def percent(value: float | None) -> str:
    """ "12 %", "0.4 %"; what is nearly nothing or nearly all is not called 0 or 100: "< 0.1 %", "99.9 %"."""
    if value is None:
        return NOTHING
    if 0 < value < 0.05:
        return "< 0.1 %"
    if 99 < value < 100:
        return f"{math.floor(value * 10) / 10:.1f}".removesuffix(".0") + " %"
    return f"{value:.0f} %" if value >= 10 else f"{value:.1f}".removesuffix(".0") + " %"


def moment(text: str, timezone: str) -> str:
    """A moment of JSON, in the zone: "24 Nov 2026, 14:02"."""
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%b %Y, %H:%M}"


def in_unit(value: object, unit: str, timezone: str) -> str:
    """A value as its column's unit has it."""
    match value, unit:
        case None, _:
            return NOTHING
        case int() | float(), "s":
            return duration(value)
        case int() | float(), "%":
            return percent(value)
        case str(), "time":
            return moment(value, timezone)
        case bool(), _:
            return "yes" if value else "no"
        case float(), _:
            return f"{value:,.1f}".removesuffix(".0")
        case int(), _:
            return count(value)
    return str(value)


def short(view: str, others: list[str]) -> str:
    """The end of a view's dotted name, as much as tells it from the others."""
    parts = view.split(".")
    for begin in range(len(parts) - 1, 0, -1):
        end = ".".join(parts[begin:])
        if not any(f".{other}".endswith(f".{end}") for other in others if other != view):
            return end
    return view
