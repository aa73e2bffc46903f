"""What stands above the columns of tables that people read; their names are for programs."""

from dwell.warehouse.panels import Column

_OF_A_PANEL = {
    ("completeness", "part"): "Of",
    ("completeness", "what"): "Which",
    ("funnel", "median"): "Median time since the step before",
    ("live", "part"): "Told by",
    ("transitions", "view_name"): "From view",
    ("retention", "visitors"): "New visitors",
    ("view_distribution", "percent"): "Share of the view’s pageviews",
    ("transitions", "percent"): "Share of the times it was seen",
    ("retention", "percent"): "Share of the new visitors",
    ("completeness", "percent"): "Share",
}
_OF_ANY = {
    "at_least": "At least",
    "begins_at": "Begins",
    "below": "Less than",
    "bounces": "With no other pageview",
    "count": "How many",
    "earlier": "Period",
    "entries": "Began with it",
    "exits": "Ended with it",
    "host": "Site",
    "hour": "Hour",
    "mean": "Mean",
    "median": "Median engaged",
    "next_view_name": "To view",
    "p90": "Nine in ten under",
    "path": "Page",
    "percent_bounced": "Share with no other",
    "percent_of_entries": "Share of beginnings",
    "percent_of_exits": "Share of ends",
    "percent_of_first": "Share of the first step",
    "percent_of_previous": "Share of the step before",
    "percent_of_time": "Share of the page’s time",
    "page": "Page with tabs",
    "returned": "Came back",
    "times": "Times",
    "total": "Total engaged",
    "view_name": "View",
    "week": "New in the week of",
    "weeks_later": "Weeks later",
}
UNITS = {"s": "s", "%": "%"}
"""What is said of a unit behind a heading."""


def heading(panel: str, column: Column) -> str:
    """What stands above a column, with its unit: "Median engaged (s)"."""
    usual = column.name.replace("_", " ").capitalize()
    told = _OF_A_PANEL.get((panel, column.name)) or _OF_ANY.get(column.name, usual)
    return f"{told} ({UNITS[column.unit]})" if column.unit in UNITS else told
