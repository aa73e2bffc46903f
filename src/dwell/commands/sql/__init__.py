"""`dwell sql`: the published warehouse, asked in SQL."""

import sys
from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.errors import DwellError
from dwell.settings import Settings

FORMATS = ("table", "csv", "json", "parquet")


@click.command("sql")
@click.argument("statement", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How the result is written.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the result there instead of to standard output.",
)
@with_settings("data")
def command(settings: Settings, statement: str | None, form: str, output: Path | None) -> int:
    """Ask the published warehouse in SQL. Times are UTC.

    Without STATEMENT it reads statements from standard input: a prompt on a terminal, all at once
    from a pipe. Nothing that is asked here can change the warehouse or slow what comes in.
    """
    from dwell.commands.sql.answers import answer, check_destination
    from dwell.commands.sql.prompt import converse
    from dwell.warehouse.session import Session

    if output is not None:
        check_destination(output, settings)
    if statement is None and sys.stdin.isatty():
        if output is not None or form == "parquet":
            raise DwellError(
                "--output and --format parquet need a statement: dwell sql … 'select …'"
            )
        with Session(settings.published) as session:
            return converse(session, form)
    asked = sys.stdin.read() if statement is None else statement
    with Session(settings.published) as session:
        return answer(session, asked, form, output)
