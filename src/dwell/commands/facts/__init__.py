"""`dwell facts`: the log, read by people."""

import re
from datetime import datetime
from typing import Any

import click

from dwell.cli import with_settings
from dwell.commands.dead_letters import InOrder
from dwell.commands.moments import Moment
from dwell.schemas.facts import UUID_PATTERN
from dwell.settings import KAFKA, Settings

LAST = 10
"""Facts that are shown before those that come, unless told otherwise."""
TYPES = ("page.viewed", "page.visibility_changed", "visitor.forgotten")


class Place(click.ParamType[tuple[int, int]]):
    """A place in the log: `PARTITION:OFFSET`."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Partition and offset."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,18})", str(value))
        if not found:
            self.fail(f"{value!r}: expected PARTITION:OFFSET, such as 0:17")
        return int(found[1]), int(found[2])


class Uuid(click.ParamType[str]):
    """The id of a visitor, session or pageview."""

    name = "uuid"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same in lower case, as facts have it."""
        if not re.fullmatch(UUID_PATTERN, str(value)):
            self.fail(f"{value!r}: expected a UUID such as 0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01")
        return str(value).lower()


@click.group("facts", cls=InOrder)
def command() -> None:
    """Read the log itself: one record, or all that come.

    Nobody else is moved by it, and nothing is made: no topic, no group, no file.
    """


@command.command("show", short_help="Show one record of the log whole.")
@click.argument("place", type=Place(), metavar="PARTITION:OFFSET")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "raw"]),
    default="text",
    show_default=True,
    help="For people, as one JSON object, or the bytes of the record alone.",
)
@with_settings("data", "log", "archive", *KAFKA)
def show(settings: Settings, place: tuple[int, int], form: str) -> int:
    """Show one record of the log: where it stands, when it was received, and every field of it with
    what it means; or why it cannot be read.

    Exit status 1: there is no such record, and the bounds of the log are named.
    """
    from dwell.commands.facts.showing import show_record

    return show_record(settings, place, form)


@command.command("tail", short_help="Show the last facts, and those that come.")
@click.option("--visitor", type=Uuid(), metavar="UUID", help="Only this visitor's.")
@click.option("--session", type=Uuid(), metavar="UUID", help="Only those of this session.")
@click.option("--pageview", type=Uuid(), metavar="UUID", help="Only those of this pageview.")
@click.option(
    "--view",
    metavar="NAME",
    help="Only those of this view, which may be named by its end, or of those like shop.*",
)
@click.option("--type", "types", multiple=True, type=click.Choice(TYPES), help="Only those of this type; may be repeated.")  # fmt: skip
@click.option("--lines", type=click.IntRange(0), metavar="N", help=f"The last so many first, {LAST} if nothing is said.")  # fmt: skip
@click.option("--from-datetime", "moment", type=Moment(), metavar="TIME", help="Those received since, as 2026-03-01T12:00.")  # fmt: skip
@click.option("--from-offset", "places", multiple=True, type=Place(), metavar="PARTITION:OFFSET", help="From there on; may be repeated, once for each partition. Of the others what comes from now on.")  # fmt: skip
@click.option("--from-beginning", is_flag=True, help="All there are.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Go on with what comes, until Ctrl-C, or end with what is there now.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="A line for people, or the CloudEvents object on a line of its own.")  # fmt: skip
@with_settings("data", "log", "archive", *KAFKA)
def tail(
    settings: Settings,
    visitor: str | None,
    session: str | None,
    pageview: str | None,
    view: str | None,
    types: tuple[str, ...],
    lines: int | None,
    moment: datetime | None,
    places: tuple[tuple[int, int], ...],
    from_beginning: bool,
    follow: bool,
    form: str,
) -> int:
    """Show facts as they stand in the log, a line each: the last ones, then those that come.

    A log that is away is waited for, and partitions that are new are followed too. Times are UTC.
    """
    begins = [lines is not None, moment is not None, bool(places), from_beginning]
    if sum(begins) > 1:
        raise click.UsageError(
            "where to begin? Expected one of --lines, --from-datetime, --from-offset, --from-beginning"
        )
    offsets = dict(places)
    if len(offsets) < len(places):
        raise click.UsageError("--from-offset: expected one PARTITION:OFFSET for each partition")
    from dwell.commands.facts.tailing import Begin, tail_log
    from dwell.commands.facts.wanted import Wanted

    wanted = Wanted(visitor, session, pageview, view, types)
    begin = Begin(LAST if lines is None else lines, moment, offsets, from_beginning)
    return tail_log(settings, wanted, begin, follow=follow, form=form)
