"""A report as one file of HTML: headline figures, pictures, and the tables behind them."""

import re
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dwell.commands.report.captions import (
    FIGURES,
    filters_of,
    measured_since,
    period,
    title,
)
from dwell.commands.report.pictures import chart_of, svg
from dwell.commands.report.shaping import SHAPES, drawn
from dwell.commands.report.tables import table
from dwell.commands.report.words import moment
from dwell.site.dashboard.specifications import Theme, palette
from dwell.warehouse.panels import Answer, Selection, find


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
        period=period(selection),
        filters=filters_of(selection),
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
    question = find(name).question
    if name == "retention":
        question += " Over eight weeks at least, up to the end of the period."
    picture = ""
    if name in SHAPES and (shown := drawn(name, answer, selection)):
        picture = _apart(name, svg(chart_of(name, shown, measure, width), theme))
    return {
        "name": name,
        "title": title(name, measure),
        "question": question,
        "picture": Markup(picture),  # noqa: S704 - made by vl-convert, which escapes what it is given
        **table(name, answer, selection),
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
    """Since when there is something to compare with, if something is compared and that is too short."""
    compared = {"totals", "series"} & answers.keys()
    return measured_since(answers[min(compared)], selection) if compared else ""


def _published_at(answers: Mapping[str, Answer], timezone: str) -> str:
    published = next(iter(answers.values())).publication.published_at
    zoned = published if published.tzinfo else published.replace(tzinfo=UTC)
    return moment(zoned.isoformat(), timezone)
