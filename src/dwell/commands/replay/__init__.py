"""`dwell replay`: a new warehouse from the log."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from dwell.cli import with_settings
from dwell.commands.moments import Moment
from dwell.commands.replay.points import Offsets, point
from dwell.settings import KAFKA, Settings


def _from_options(function: Any) -> Any:
    for option in (
        click.option("--from-offset", type=Offsets(), metavar="OFFSET|P:O,…", help="From these offsets."),
        click.option("--from-datetime", type=Moment(), metavar="TIME", help="From what was received then."),
        click.option("--from-earliest", is_flag=True, help="From the oldest record there is: the default."),
    ):  # fmt: skip
        function = option(function)
    return function


def _to_options(function: Any) -> Any:
    for option in (
        click.option("--to-offset", type=Offsets(), metavar="OFFSET|P:O,…", help="Up to these offsets, without them."),
        click.option("--to-datetime", type=Moment(), metavar="TIME", help="Up to what was received then: the tables as they stood."),
        click.option("--to-current", is_flag=True, help="Up to where the published warehouse has come."),
        click.option("--to-latest", is_flag=True, help="Up to the end as it is now: the default."),
    ):  # fmt: skip
        function = option(function)
    return function


@click.command("replay")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.duckdb")
@_from_options
@_to_options
@click.option("--no-archive", is_flag=True, help="Read the log alone, not the archive.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="How many read the log.  [default: as many as there are processors]",
)
@click.option(
    "--rules",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Count by the rules in this file, and not as the browsers told.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be read, and make nothing.")
@with_settings("data", "log", "archive", "keep_rows", *KAFKA, "shard")
def command(
    settings: Settings,
    out: Path,
    from_earliest: bool,
    from_datetime: datetime | None,
    from_offset: dict[int | None, int] | None,
    to_latest: bool,
    to_current: bool,
    to_datetime: datetime | None,
    to_offset: dict[int | None, int] | None,
    no_archive: bool,
    processes: int | None,
    rules: Path | None,
    dry_run: bool,
) -> int:
    """Make a new warehouse from archive and log, while the live one goes on.

    It may be stopped: the same command goes on where it ended. TIME is UTC unless it says else.
    """
    from dwell.commands.replay.running import replay

    since = point("--from", "earliest", from_datetime, from_offset, earliest=from_earliest)
    until = point("--to", "latest", to_datetime, to_offset, latest=to_latest, current=to_current)
    return replay(
        settings,
        out,
        since=since,
        until=until,
        archive=not no_archive,
        processes=processes,
        dry_run=dry_run,
        rules=rules,
    )
