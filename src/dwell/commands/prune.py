"""`dwell prune`: the embedded log lets go of what is old, published and archived."""

import time
from datetime import UTC, datetime

import click

from dwell.cli import with_settings
from dwell.settings import KAFKA, Settings


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many read the log for the archive.",
)
@click.option("--before", type=click.IntRange(min=0), hidden=True)
@with_settings("data", "log", "archive", "keep_facts", *KAFKA)
def command(settings: Settings, dry_run: bool, processes: int, before: int | None) -> int:
    """Drop facts older than DWELL_KEEP_FACTS from the embedded log, once they are in the archive.

    A projector does the same once an hour if DWELL_KEEP_FACTS is set. How old a fact is counts from
    when it was received, in whole days (UTC) if a day or more is kept. Only what is published goes;
    site and projector go on meanwhile. It may be stopped: the same command goes on where it ended.
    """
    from dwell.commands.replay.watching import Watching
    from dwell.consumers.pruning import now_ms, plan, prune

    what = plan(settings, now_ms(), before)
    moment = f"{datetime.fromtimestamp(what.moment / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    unpublished = what.old - max(what.published, what.first)
    if unpublished > 0:
        click.echo(
            f"dwell: {unpublished:,} records older than {moment} are not published yet: they stay",
            err=True,
        )
    if dry_run or what.until <= what.first:
        number = what.until - what.first
        click.echo(f"{number:,} records from before {moment} {'would go' if number else 'to drop'}")
        return 0
    began = time.monotonic()
    with Watching() as watching:
        done = prune(settings, what, processes=processes, watcher=watching)
    click.echo(
        f"{done.dropped:,} records from before {moment} dropped from {settings.embedded_log} in "
        f"{time.monotonic() - began:.1f} s, {done.archived:,} of them came into the archive now"
    )
    return 0
