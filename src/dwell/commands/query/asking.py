"""A named query, asked of the published warehouse."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from dwell.commands.sql.answers import answer, check_destination
from dwell.commands.sql.forms import rows_of
from dwell.settings import Settings
from dwell.warehouse.queries import VIEWS, Query, bound, find, queries, with_whole_views
from dwell.warehouse.session import Session

Given = Mapping[str, str | None]

_ROBOTS = {"exclude": "without robots", "include": "robots too", "only": "robots alone"}


def list_queries() -> int:
    """Print the queries, one a line."""
    width = max(len(query.name) for query in queries())
    for query in queries():
        click.echo(f"{query.name.ljust(width)}  {query.question}")
    return 0


def ask(settings: Settings, name: str, given: Given, form: str, output: Path | None) -> int:
    """Write the answer, and on standard error what a table is of.

    Raises:
        QuestionInvalid: there is no such query, or it cannot be asked like this.
    """
    query = find(name)
    values = _bound(query, given, settings)
    if output is not None:
        check_destination(output, settings)
    with Session(settings.published) as session:
        values = _with_whole_views(session, values)
        answer(session, query.sql, form, output, values)
    if form == "table" and output is None:
        sys.stdout.flush()
        click.echo(_about(values, settings.timezone), err=True)
    return 0


def print_sql(settings: Settings, name: str, given: Given) -> int:
    """Print the SQL with the values it would be asked with.

    The warehouse is opened only if views are named.

    Raises:
        QuestionInvalid: there is no such query, or it cannot be asked like this.
    """
    query = find(name)
    values = _bound(query, given, settings)
    if values.get("view") or values.get("views"):
        with Session(settings.published) as session:
            values = _with_whole_views(session, values)
    click.echo(query.script(values), nl=False)
    return 0


def _bound(query: Query, given: Given, settings: Settings) -> dict[str, Any]:
    return bound(query, given, timezone=settings.timezone, now=datetime.now(UTC))


def _with_whole_views(session: Session, values: dict[str, Any]) -> dict[str, Any]:
    if not (values.get("view") or values.get("views")):
        return values
    known = [name for result in session.run(VIEWS) for (name,) in rows_of(result)]
    return with_whole_views(values, known)


def _about(values: Mapping[str, Any], timezone: str) -> str:
    """The period in the time zone, and whether robots are in it."""
    zone = ZoneInfo(timezone)
    since, until = (
        values[name].replace(tzinfo=UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
        for name in ("since", "until")
    )
    return f"from {since} until {until}, {timezone}; {_ROBOTS[values['bots']]}"
