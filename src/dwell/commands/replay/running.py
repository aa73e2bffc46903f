"""One run of `dwell replay`."""

import asyncio
import os
import time
from pathlib import Path

import click

from dwell.commands.replay.watching import Watching
from dwell.consumers.extent import Point
from dwell.consumers.replaying import Plan, Replay, Replayed
from dwell.errors import RulesInvalid
from dwell.rules import Rules
from dwell.settings import Settings


def replay(
    settings: Settings,
    out: Path,
    *,
    since: Point,
    until: Point,
    archive: bool,
    processes: int | None,
    dry_run: bool,
    rules: Path | None,
) -> int:
    """Make the file and say what came of it; returns the exit status: 0, or 130 after Ctrl-C.

    Raises:
        DwellError: it could not be made.
    """
    if rules and settings.share:
        raise RulesInvalid(
            f"{rules} is given with shard {settings.share}: expected none; rules are for a warehouse of "
            "one file"
        )
    made = Replay(
        settings,
        out,
        since=since,
        until=until,
        archive=archive,
        processes=processes or usable_processors(),
        rules=Rules.read(rules) if rules else None,
    )
    if dry_run:
        made.require_new()
        _foretell(made, asyncio.run(made.plan()))
        return 0
    began = time.monotonic()
    try:
        with Watching() as watching:
            done = made.run(watching)
    except KeyboardInterrupt:
        click.echo(
            f"dwell: stopped; the same command goes on where it ended, with {made.work}", err=True
        )
        return 130
    _sum_up(out, done, time.monotonic() - began)
    return 0


def usable_processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _foretell(replay: Replay, plan: Plan) -> None:
    sources = replay.sources_of(plan)
    click.echo("partition        from          to  of which in the archive")
    for span in plan.spans:
        archived = len(span) - sum(
            len(each) for each in sources.logged if each.partition == span.partition
        )
        click.echo(f"{span.partition:9}{span.first:12}{span.until:12}  {archived:23}")
    click.echo(f"{plan.records:,} offsets; nothing was made")


def _sum_up(out: Path, done: Replayed, seconds: float) -> None:
    records = done.archived + done.logged
    size = out.stat().st_size / 2**20
    click.echo(
        f"{records:,} records ({done.archived:,} from the archive, {done.logged:,} from the log) in "
        f"{seconds:.1f} s, {records / max(seconds, 0.001):,.0f}/s: {out}, {size:,.0f} MiB"
    )
