"""The named queries: one SQL file each beside this one, named for the question it answers.

For a command and for a web page alike:

    query = find("engagement_by_view")
    values = bound(query, {"since": "28d"}, timezone="Europe/Berlin", now=datetime.now(UTC))
    rows = connection.execute(query.sql, values).fetchall()
"""

from dwell.warehouse.queries.binding import (
    bound,
    names_of_views,
    period,
    utc,
    view_named,
    with_whole_views,
)
from dwell.warehouse.queries.parameters import PARAMETERS, Parameter
from dwell.warehouse.queries.query import VIEWS, Query, find, queries

__all__ = [
    "PARAMETERS",
    "VIEWS",
    "Parameter",
    "Query",
    "bound",
    "find",
    "names_of_views",
    "period",
    "queries",
    "utc",
    "view_named",
    "with_whole_views",
]
