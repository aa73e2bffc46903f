"""What is said above a picture that stands alone: its title, its unit, the period, what is selected."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dwell.commands.report.shaping import SECONDS, Rows
from dwell.commands.report.words import count, duration, moment
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
_LOOKED_AT = "Pageviews, and the median of their engaged time"
_CAME = "Visitors, and the median of their pageviews’ engaged time"
UNITS = {
    "views": _LOOKED_AT,
    "view_distribution": "Pageviews by how long they were looked at: the areas of the bars say how many",
    "pages": _LOOKED_AT,
    "transitions": "Percent of all the times that a view was looked at",
    "funnel": "Sessions, and percent of those that took the first step",
    "retention": "Percent of the visitors who were new in a week, with a session so many weeks later; what is not whole is dotted",
    "devices": _CAME,
    "browsers": _CAME,
    "systems": _CAME,
    "referrers": "Visitors, and the pageviews of their sessions",
}
"""What the numbers of a picture are."""


def title(panel: str, measure: str) -> str:
    """What a panel is called."""
    if panel == "series":
        return f"{FIGURES[measure][0]} over time"
    return TITLES.get(panel, panel.replace("_", " ").capitalize())


def caption(
    panel: str, measure: str, answer: Answer, rows: Rows, selection: Selection
) -> list[str]:
    """What is said under the title of a picture, line by line."""
    lines = [_unit(panel, measure, rows, selection), period(selection)]
    if filters := filters_of(find(panel).heeded(selection)):
        lines.append(", ".join(filters))
    if panel == "series":
        lines.append(_comparison(answer, selection))
    return lines


def period(selection: Selection) -> str:
    """From when until when, in its time zone."""
    zone = selection.timezone
    return f"{_span(selection.since, selection.until, zone)}, {zone}"


def filters_of(selection: Selection) -> list[str]:
    """What is selected beside the period: "device phone"."""
    return [f"{name} {text}" for name, text in selection.filters().items()]


def measured_since(answer: Answer, selection: Selection) -> str:
    """Since when there is something to compare with, if that is too short."""
    since = answer.publication.measured_since
    if since is None or selection.has_before(since):
        return ""
    return moment(since.replace(tzinfo=UTC).isoformat(), selection.timezone)


def _unit(panel: str, measure: str, rows: Rows, selection: Selection) -> str:
    if panel == "series":
        what = "Engaged time" if measure in SECONDS else "How many"
        return f"{what} by {selection.bucket}; what is not whole is dotted"
    if panel == "sessions_by_hour":
        most = max(row["sessions"] for row in rows)
        return f"Sessions begun in each hour of the week: the darkest is {count(most)}"
    return UNITS[panel]


def _comparison(answer: Answer, selection: Selection) -> str:
    if since := measured_since(answer, selection):
        return f"Measured since {since}, so not compared with the period before"
    zone = selection.timezone
    return f"Dashed: the period before, {_span(selection.before, selection.before_until, zone)}"


def _span(since: datetime, until: datetime, timezone: str) -> str:
    zone = ZoneInfo(timezone)
    begin, end = (each.replace(tzinfo=UTC).astimezone(zone) for each in (since, until))
    return f"{begin.day} {begin:%b %Y, %H:%M} until {end.day} {end:%b %Y, %H:%M}"
