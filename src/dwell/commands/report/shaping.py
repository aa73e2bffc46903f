"""From the rows of a panel to what its chart takes. What the dashboard's scripts do for its own."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from dwell.commands.report.words import count, duration, short
from dwell.warehouse.panels import Answer, Selection

Row = dict[str, Any]
Rows = list[Row]
Signals = Mapping[str, Any]
Shape = Callable[[Rows, str], tuple[Rows, Signals]]

FEW = 12
"""Bars of a ranking, and views of a matrix, at most."""

COUNTED = {"series": ("sessions", "pageviews"), "sessions_by_hour": ("sessions",)}
"""Of panels that have rows though nobody came, what is 0 then."""
SECONDS = ("median", "total")
"""Measures that are seconds."""
HOUR = timedelta(hours=1)
LENGTHS = {"hour": HOUR, "day": timedelta(days=1), "week": timedelta(weeks=1)}


def drawn(panel: str, answer: Answer, selection: Selection) -> Rows:
    """The rows of an answer that a picture shows; none, if there is nothing in any of them. Over time, the period before is left out if it was not
    measured from its beginning, what the period does not have the whole of is marked as `open`, and as
    `blank` what was before measuring began."""
    rows = answer.rows()
    if not any(row[name] for row in rows for name in COUNTED.get(panel, row)):
        return []
    if panel == "retention":
        return [row | {"open": _is_running(row, selection)} for row in rows]
    if panel != "series":
        return rows
    measured_since = answer.publication.measured_since or selection.until
    compared = selection.has_before(measured_since)
    begins = [_moment(row["begins_at"]) for row in rows if not row["earlier"]]
    lengths = [end - begin for begin, end in pairwise([*begins, selection.until])]
    # A day has 23 hours when clocks go forward.
    whole = LENGTHS[selection.bucket]
    least = whole - HOUR if whole > HOUR else whole
    now = [
        row | {"open": length < least, "blank": begin + length <= measured_since}
        for row, begin, length in zip(rows, begins, lengths, strict=False)
    ]
    now[-1]["open"] |= whole > HOUR and _ends_within(now[-1], whole, selection)
    before = [row | {"open": False, "blank": False} for row in rows if row["earlier"]]
    return [*now, *before] if compared else now


def _is_running(row: Row, selection: Selection) -> bool:
    """Whether the period ends within the week that is so many weeks after the row's."""
    ends = date.fromisoformat(str(row["week"])) + timedelta(weeks=row["weeks_later"] + 1)
    return ends > _ends_on(selection)


def _ends_within(row: Row, length: timedelta, selection: Selection) -> bool:
    """Whether the period ends before the day or week does that begins with the row."""
    return datetime.fromisoformat(row["local"]).date() + length > _ends_on(selection)


def _ends_on(selection: Selection) -> date:
    """The day in which the period ends, by the clocks of the zone."""
    return selection.until.replace(tzinfo=UTC).astimezone(ZoneInfo(selection.timezone)).date()


def _moment(text: str) -> datetime:
    """In UTC without a zone, as a selection has it."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _series(rows: Rows, measure: str) -> tuple[Rows, Signals]:
    """The period before lies under the period, bucket by bucket; clocks of the zone are taken for UTC."""
    now = [datetime.fromisoformat(row["local"]) for row in rows if not row["earlier"]]
    step = max((later - begin for begin, later in pairwise(now)), default=timedelta(days=1))
    unit, seconds = _unit_for(max((row[measure] or 0 for row in rows), default=0), measure)
    ends = [*now[1:], now[-1] if len(now) > 1 else now[-1] + step] if now else []
    shown = [
        {
            "at": f"{now[row['bucket']].isoformat()}Z",
            "from": f"{now[row['bucket']].isoformat()}Z",
            "to": f"{ends[row['bucket']].isoformat()}Z",
            # Of no pageviews there is no median.
            "value": None if row[measure] is None else row[measure] / seconds,
            "before": row["earlier"],
            "open": row["open"] or row["blank"],
            # What is open is dotted, from its neighbour on.
            "lead": rows[0]["open"] and not rows[0]["blank"] and row["bucket"] < 2,
            "tail": rows[len(now) - 1]["open"]
            and not row["blank"]
            and row["bucket"] >= len(now) - 2,
        }
        for row in rows
        if row["bucket"] < len(now)
    ]
    return shown, {"told_in": unit, "hourly": step < timedelta(days=1)}


def _unit_for(most: float, measure: str) -> tuple[str, int]:
    """The unit of time in which an axis has round numbers, and its seconds."""
    if measure not in SECONDS:
        return "", 1
    if most < 120:
        return "s", 1
    return ("min", 60) if most < 7200 else ("h", 3600)


def _as_they_are(rows: Rows, measure: str) -> tuple[Rows, Signals]:
    return rows, {}


def _ranked(name: str, value: str, tell: Callable[[Row], str]) -> Shape:
    def shape(rows: Rows, measure: str) -> tuple[Rows, Signals]:
        names = [row[name] for row in rows if row[name]]
        called = {each: short(each, names) if name == "view_name" else each for each in names}
        best = sorted(rows, key=lambda row: -row[value])[:FEW]
        return [
            {
                "name": called.get(row[name], "(none)"),
                "value": row[value],
                "label": tell(row),
            }
            for row in best
        ], {}

    return shape


def _visitors(row: Row) -> str:
    return f"{count(row['visitors'])}, median {duration(row['median'])}"


def _come(row: Row) -> str:
    return f"{count(row['visitors'])}, {count(row['pageviews'])} pageviews"


def _pageviews(row: Row) -> str:
    return f"{count(row['pageviews'])}, median {duration(row['median'])}"


def _distribution(rows: Rows, measure: str) -> tuple[Rows, Signals]:
    pageviews: Counter[str] = Counter()
    for row in rows:
        pageviews[row["view_name"]] += row["pageviews"]
    names = [name for name, _ in pageviews.most_common()]
    return [
        row
        | {
            "name": short(row["view_name"], names),
            "rank": names.index(row["view_name"]),
        }
        for row in rows
        if row["view_name"] in names[:FEW]
    ], {}


def _transitions(rows: Rows, measure: str) -> tuple[Rows, Signals]:
    every = list({row[end] for row in rows for end in ("view_name", "next_view_name") if row[end]})
    froms, tos = (_busiest(rows, end) for end in ("view_name", "next_view_name"))
    return [
        row
        | {
            "from": short(row["view_name"], every) if row["view_name"] else "(start)",
            "to": short(row["next_view_name"], every) if row["next_view_name"] else "(end)",
            "from_rank": froms.index(row["view_name"]) if row["view_name"] else -1,
            "to_rank": tos.index(row["next_view_name"]) if row["next_view_name"] else FEW,
        }
        for row in rows
        if row["view_name"] in (None, *froms) and row["next_view_name"] in (None, *tos)
    ], {}


def _busiest(rows: Rows, end: str) -> list[str]:
    times: dict[str, int] = {}
    for row in rows:
        if row[end]:
            times[row[end]] = times.get(row[end], 0) + row["times"]
    return sorted(times, key=lambda view: -times[view])[: FEW - 1]


def _funnel(rows: Rows, measure: str) -> tuple[Rows, Signals]:
    names = [row["view_name"] for row in rows]
    return [row | {"name": f"{row['step']}. {short(row['view_name'], names)}"} for row in rows], {}


SHAPES: Mapping[str, tuple[str, Shape]] = {
    "series": ("series", _series),
    "views": ("ranked", _ranked("view_name", "pageviews", _pageviews)),
    "view_distribution": ("distribution", _distribution),
    "pages": ("ranked", _ranked("path", "pageviews", _pageviews)),
    "transitions": ("transitions", _transitions),
    "funnel": ("funnel", _funnel),
    "sessions_by_hour": ("sessions_by_hour", _as_they_are),
    "retention": ("retention", _as_they_are),
    "referrers": ("ranked", _ranked("host", "visitors", _come)),
    "devices": ("ranked", _ranked("device", "visitors", _visitors)),
    "browsers": ("ranked", _ranked("browser", "visitors", _visitors)),
    "systems": ("ranked", _ranked("system", "visitors", _visitors)),
}
"""The panels that have a picture: the name of its chart, and what becomes of the rows."""
