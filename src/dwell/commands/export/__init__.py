"""`dwell export`: tables of the published warehouse as files, for tools that do not speak DuckDB."""

from datetime import datetime
from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.commands.dead_letters import Since
from dwell.settings import Settings

FORMATS = ("parquet", "csv", "csv.gz", "csv.zst")


@click.command("export")
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER|FILE",
    help="Where to: a folder with a file for each table, or, for one table, a file.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="How the tables are written.  [default: as FILE ends, else parquet]",
)
@click.option("--since", type=Since(), metavar="TIME", help="Only what was from then on: 12h, 30d, 2026-03-01.")  # fmt: skip
@click.option("--until", type=Since(), metavar="TIME", help="Only what was before.")
@click.option("--force", is_flag=True, help="Take the place of an earlier export.")
@with_settings("data")
def command(
    settings: Settings,
    tables: tuple[str, ...],
    target: Path,
    form: str | None,
    since: datetime | None,
    until: datetime | None,
    force: bool,
) -> int:
    """Write tables and views of the published warehouse to Parquet or CSV; all, if none is named.

    All files tell of one publication, and are there when they are whole. Times are UTC. --since and
    --until go by the started_at of a table, else by its occurred_at, else by its received_at; a
    table that has none of these is written whole.
    """
    from dwell.commands.export.export import export
    from dwell.warehouse.exporting import Period

    if since is not None and until is not None and since >= until:
        raise click.UsageError(
            f"--until is {until}, and --since is {since}: expected a later moment for --until"
        )
    return export(settings, tables, target, form, Period(since, until), force=force)
