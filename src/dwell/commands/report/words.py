"""Figures and times as people read them, as the dashboard shows them too."""

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


def moment(text: str, timezone: str) -> str:
    """A moment of JSON, in the zone: "24 Nov 2026, 14:02"."""
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%b %Y, %H:%M}"


def exact(value: float, places: int) -> str:
    """A number as it is, with so many places behind the point: "1,204.250"."""
    return f"{value:,.{places}f}"


def short(view: str, others: list[str]) -> str:
    """The end of a view's dotted name, as much as tells it from the others."""
    parts = view.split(".")
    for begin in range(len(parts) - 1, 0, -1):
        end = ".".join(parts[begin:])
        if not any(f".{other}".endswith(f".{end}") for other in others if other != view):
            return end
    return view
