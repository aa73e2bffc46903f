"""`dwell verify`: whether two warehouses are the same, and where they differ."""

from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.settings import Settings

FORMATS = ("table", "json", "csv")
TABLES = ("tracking_session", "pageview", "visibility_change", "browser_agent", "erasure")
SHOWN = 10
"""Rows of a table that are shown unless another limit is given."""


@click.command("verify")
@click.argument(
    "warehouses",
    nargs=-1,
    required=True,
    metavar="[A.duckdb] B.duckdb",
    type=click.Path(path_type=Path),
)
@click.option(
    "--table",
    "tables",
    type=click.Choice(TABLES),
    multiple=True,
    help="Only this table; may be given several times.",
)
@click.option(
    "--provenance",
    is_flag=True,
    help="Compare where the rows came from, too: partitions and offsets.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=SHOWN,
    show_default=True,
    help="Rows of each table that are shown; all are counted. 0 is all.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How it is written.",
)
@with_settings("data")
def command(
    settings: Settings,
    warehouses: tuple[Path, ...],
    tables: tuple[str, ...],
    provenance: bool,
    limit: int,
    form: str,
) -> int:
    """Say whether two warehouses are the same, and where they differ.

    With one file, it is compared with the published warehouse, which is A then. Neither is changed.
    Exit status 0: the same, 1: different, 2: could not tell.
    """
    if len(warehouses) > 2:
        raise click.UsageError(
            f"{len(warehouses)} files: expected two, or one for the published one"
        )
    from dwell.commands.verify.verdict import verify

    a, b = warehouses if len(warehouses) == 2 else (settings.published, *warehouses)
    return verify(a, b, tables or TABLES, provenance=provenance, limit=limit, form=form)
