"""`dwell query`: the usual questions, each by its name."""

from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.commands.sql import FORMATS
from dwell.settings import Settings


@click.command("query")
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="List the queries and what each answers.")
@click.option("--since", metavar="TIME", help="When the period begins: 28d, 8w, 2026-03-01.  [default: 28d, today included]")  # fmt: skip
@click.option(
    "--until",
    metavar="TIME",
    help="When it ends, itself not included; now at the latest.  [default: now]",
)
@click.option("--by", metavar="UNIT", help="Rows by hour, day, week or month, where there are such.  [default: day]")  # fmt: skip
@click.option("--view", metavar="VIEW", help="One view alone, by its name or the end of it, as PageA.")  # fmt: skip
@click.option("--views", metavar="VIEW,VIEW", help="The steps of a funnel, the tabs to compare.")
@click.option("--bots", metavar="WHAT", help="Robots: exclude, include or only.  [default: exclude]")  # fmt: skip
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How the answer is written.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the answer there instead of to standard output.",
)
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL instead, for any client of DuckDB.")  # fmt: skip
@with_settings("data", "timezone")
def command(
    settings: Settings,
    name: str | None,
    listed: bool,
    form: str,
    output: Path | None,
    as_sql: bool,
    **given: str | None,
) -> int:
    """Ask the published warehouse one of the usual questions; without NAME, list them.

    Days, weeks and hours are those of the time zone. Robots that say so are left out, unless --bots
    says else.
    """
    from dwell.commands.query.asking import ask, list_queries, print_sql

    if name is None or listed:
        return list_queries()
    if as_sql:
        return print_sql(settings, name, given)
    return ask(settings, name, given, form, output)
