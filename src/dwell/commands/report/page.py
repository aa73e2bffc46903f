"""A report as one file of HTML: headline figures, pictures, and the tables behind them."""

import re
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dwell.commands.report.pictures import chart_of, svg
from dwell.commands.report.shaping import SHAPES, drawn
from dwell.commands.report.words import count, duration, in_unit, moment
from dwell.site.dashboard.specifications import Theme, palette
from dwell.warehouse.panels import Answer, Selection, find

TITLES = {
    "totals": "Headline figures",
    "series": "Over time",
    "views": "Views",
    "view_distribution": "How long each view is looked at",
    "pages": "Pages",
    "transitions": "Where visitors go next",
    "funnel": "Funnel",
    "entries_and_exits": "Where sessions begin and end",
    "sessions_by_hour": "When they come",
    "retention": "Who comes back",
    "devices": "Devices",
    "browsers": "Browsers",
    "systems": "Systems",
    "referrers": "Where they come from",
    "tabs": "Tabs, side by side",
    "completeness": "How complete this is",
}
FIGURES = {
    "visitors": ("Visitors", count),
    "sessions": ("Sessions", count),
    "pageviews": ("Pageviews", count),
    "median": ("Median engaged", duration),
    "total": ("Total engaged", duration),
}
SHOWN = 100
"""Rows of a table; the rest is in the panel's files."""


def page(
    answers: Mapping[str, Answer], selection: Selection, theme: Theme, measure: str, width: int
) -> str:
    """The file. Nothing in it comes from elsewhere."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [
        _section(name, answer, selection, theme, measure, width)
        for name, answer in answers.items()
        if name != "totals"
    ]
    return environment.get_template("report.html").render(
        period=_period(selection),
        filters=_filters(selection),
        published_at=_published_at(answers, selection.timezone),
        figures=_figures(answers["totals"], selection) if "totals" in answers else [],
        uncompared=_uncompared(answers, selection),
        sections=sections,
        theme=theme,
        palette=palette(theme),
        width=width,
    )


def _section(
    name: str, answer: Answer, selection: Selection, theme: Theme, measure: str, width: int
) -> dict[str, Any]:
    rows = answer.rows()
    title = TITLES.get(name, name.replace("_", " ").capitalize())
    if name == "series":
        title = f"{FIGURES[measure][0]} over time"
    question = find(name).question
    if name == "retention":
        question += " Over eight weeks at least, up to the end of the period."
    picture = ""
    if rows and name in SHAPES:
        shown = drawn(name, answer, selection)
        picture = _apart(name, svg(chart_of(name, shown, measure, width), theme))
    return {
        "name": name,
        "title": title,
        "question": question,
        "picture": Markup(picture),  # noqa: S704 - made by vl-convert, which escapes what it is given
        "columns": answer.columns,
        "rows": [
            [
                {
                    "value": row[each.name],
                    "told": in_unit(row[each.name], each.unit, selection.timezone),
                }
                for each in answer.columns
            ]
            for row in rows[:SHOWN]
        ],
        "more": max(0, len(rows) - SHOWN),
    }


def _apart(name: str, picture: str) -> str:
    """The picture with ids of its own: several in one page each have a `clip0`."""
    return re.sub(r'(\bid="|url\(#)', rf"\g<1>{name}-", picture)


def _figures(answer: Answer, selection: Selection) -> list[dict[str, Any]]:
    compared = selection.has_before(answer.publication.measured_since)
    now, before = sorted(answer.rows(), key=lambda row: bool(row["earlier"]))
    return [
        {
            "key": key,
            "name": name,
            "value": now[key],
            "told": tell(now[key]),
            "change": _change(now[key], before[key], tell(before[key])) if compared else "",
        }
        for key, (name, tell) in FIGURES.items()
    ]


def _change(now: float | None, before: float | None, told: str) -> str:
    if not now or not before:
        return f"{told} before"
    difference = 100 * (now - before) / before
    changed = f"{difference:+,.0f} %" if abs(difference) >= 10 else f"{difference:+.1f} %"
    return f"{changed}, {told} before"


def _uncompared(answers: Mapping[str, Answer], selection: Selection) -> str:
    """Since when there is something to compare with, if that is too short."""
    since = next(iter(answers.values())).publication.measured_since
    asked = {"totals", "series"} & answers.keys()
    if not asked or since is None or selection.has_before(since):
        return ""
    return moment(since.replace(tzinfo=UTC).isoformat(), selection.timezone)


def _period(selection: Selection) -> str:
    zone = ZoneInfo(selection.timezone)
    since, until = (
        each.replace(tzinfo=UTC).astimezone(zone) for each in (selection.since, selection.until)
    )
    return f"{since.day} {since:%b %Y, %H:%M} until {until.day} {until:%b %Y, %H:%M}, {selection.timezone}"


def _filters(selection: Selection) -> list[str]:
    return [
        f"{name} {text}"
        for name, text in selection.query().items()
        if name not in ("since", "until")
    ]


def _published_at(answers: Mapping[str, Answer], timezone: str) -> str:
    published = next(iter(answers.values())).publication.published_at
    zoned = published if published.tzinfo else published.replace(tzinfo=UTC)
    return moment(zoned.isoformat(), timezone)
