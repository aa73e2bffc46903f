"""`dwell archive`: the log's facts in Parquet."""

import time
from datetime import datetime

import click

from dwell.cli import with_settings
from dwell.commands.moments import Moment
from dwell.commands.replay.points import point
from dwell.settings import KAFKA, Settings


@click.command("archive")
@click.option("--to-datetime", type=Moment(), metavar="TIME", help="Up to what was received then.")
@click.option("--to-latest", is_flag=True, help="Up to the end as it is now: the default.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="How many read the log.  [default: as many as there are processors]",
)
@with_settings("data", "log", "archive", *KAFKA)
def command(
    settings: Settings, to_datetime: datetime | None, to_latest: bool, processes: int | None
) -> int:
    """Write the log's facts to Parquet, a folder a day: what is not in the archive yet.

    Run it before the log's retention ends, every day for example. It may be stopped: the same
    command goes on where it ended. TIME is UTC unless it says else.
    """
    from dwell.commands.replay.running import usable_processors
    from dwell.commands.replay.watching import Watching
    from dwell.consumers.archiving import archive

    until = point("--to", "latest", to_datetime, None, latest=to_latest)
    began = time.monotonic()
    try:
        with Watching() as watching:
            done = archive(
                settings, until, processes=processes or usable_processors(), watcher=watching
            )
    except KeyboardInterrupt:
        click.echo("dwell: stopped; the same command goes on where it ended", err=True)
        return 130
    click.echo(
        f"{done.added:,} records archived in {time.monotonic() - began:.1f} s; {settings.archive_folder} "
        f"holds {done.records:,} in {done.files:,} files, {done.bytes / 2**20:,.0f} MiB"
    )
    return 0
