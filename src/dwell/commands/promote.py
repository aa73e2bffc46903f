"""`dwell promote`: another file takes the place of the live warehouse."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwell.cli import with_settings
from dwell.errors import WarehouseError
from dwell.settings import KAFKA, Settings

if TYPE_CHECKING:
    from dwell.consumers.promoting import Examined, Promoted

WAIT_SECONDS = 30.0


@click.command("promote")
@click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False), metavar="[FILE.duckdb]", required=False
)
@click.option("--back", is_flag=True, help="Put the one back that was live before.")
@click.option("--partial", is_flag=True, help="Even if it lacks older facts.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and move nothing.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long the projector at work may take to change over.",
)
@with_settings("data", "log", "archive", *KAFKA, "shard")
def command(
    settings: Settings, file: Path | None, back: bool, partial: bool, dry_run: bool, wait: float
) -> int:
    """Put FILE in the place of the live warehouse; that one is kept for --back.

    The projector may be at work: it changes over between two transactions and reads on from where FILE
    ends. FILE is moved.
    """
    if (file is None) != back:
        raise click.UsageError("which one? Expected FILE.duckdb, or --back alone")

    from dwell.consumers.promoting import examine, put

    path = _former(settings) if file is None else file.resolve()
    examined = asyncio.run(examine(settings, path, partial=partial))
    _compare(examined)
    if dry_run:
        click.echo(f"nothing was moved: {_reading(examined)}")
        return 0
    _sum_up(settings, examined, put(settings, path, wait))
    return 0


def _former(settings: Settings) -> Path:
    """The warehouse that was live before.

    Raises:
        WarehouseError: there is none.
    """
    from dwell.warehouse.promotion import former, way_back

    path = way_back(settings.warehouse)
    if path is None:
        raise WarehouseError(
            f"{former(settings.warehouse)} is not there: expected the warehouse that was live before "
            "the last promotion"
        )
    return path


def _compare(examined: "Examined") -> None:
    """Print how many rows each table has now and would have."""
    click.echo(f"{'rows':20}{'published now':>15}{'then':>15}")
    for table, rows in examined.rows.items():
        now = examined.rows_before.get(table)
        click.echo(f"{table:20}{'none' if now is None else f'{now:,}':>15}{rows:>15,}")


def _reading(examined: "Examined") -> str:
    """How far it is behind, in words."""
    left = sum(examined.to_read.values())
    if not left:
        return "it has read all of the log"
    where = ", ".join(
        f"{many:,} of partition {each}" for each, many in examined.to_read.items() if many
    )
    told = f"it has {left:,} offsets of the log still to read ({where})"
    if not examined.until_published:
        return told
    return f"{told}; until it has read {examined.until_published:,} of them, people see what they see now"


def _sum_up(settings: Settings, examined: "Examined", promoted: "Promoted") -> None:
    who = "the projector has taken it" if promoted.by_projector else "no projector is at work"
    click.echo(f"{examined.path} is live now ({who}): {_reading(examined)}")
    if promoted.published:
        click.echo(f"published: {settings.publication}")
    click.echo("the former one is kept: `dwell promote --back` puts it in this one's place")
