"""`dwell dead-letters`: the records that could not be read, and reading them after all."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from dwell.cli import with_settings
from dwell.schemas.refusals import OF_RECORDS
from dwell.settings import KAFKA, Settings

FORMATS = ("table", "json", "csv")
NEWEST = 100
"""Letters that are listed unless another limit is given."""

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}


class Letter(click.ParamType[str]):
    """A dead letter by the place of its record in the log: `PARTITION:OFFSET`."""

    name = "letter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same without leading zeros."""
        found = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,18})", str(value))
        if not found:
            self.fail(f"{value!r}: expected PARTITION:OFFSET as the list shows it, such as 0:17")
        return f"{int(found[1])}:{int(found[2])}"


class Since(click.ParamType[datetime]):
    """A moment: so long ago, as 90m, 12h, 30d or 8w, or a date and time, UTC unless it says else."""

    name = "since"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment in UTC, without a zone, as the warehouse writes it."""
        try:
            if found := re.fullmatch(r"([0-9]{1,6})([mhdw])", str(value)):
                ago = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
                return datetime.now(UTC).replace(tzinfo=None) - ago
            moment = datetime.fromisoformat(str(value))
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r}: expected so long ago, as 90m, 12h, 30d or 8w, or a time such as"
                " 2026-03-01 or 2026-03-01T12:00"
            )


_reason = click.option(
    "--reason",
    type=click.Choice([each.value for each in OF_RECORDS]),
    help="Only those set aside for this reason.",
)


class InOrder(click.Group):
    """Its commands in the order in which they are written."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names."""
        return list(self.commands)


@click.group("dead-letters", cls=InOrder)
def command() -> None:
    """List, show or retry the records that could not be read.

    They were set aside in the published warehouse, which is read here; nothing of it is changed.
    """


@command.command("list")
@_reason
@click.option("--since", type=Since(), metavar="TIME", help="Only those received since: 12h, 30d, 2026-03-01.")  # fmt: skip
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=NEWEST,
    show_default=True,
    help="The newest so many; 0 is all.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How the list is written.",
)
@with_settings("data")
def list_(
    settings: Settings, reason: str | None, since: datetime | None, limit: int, form: str
) -> int:
    """List dead letters, the newest first. Times are UTC."""
    from dwell.commands.dead_letters.listing import list_letters

    return list_letters(settings, reason, since, limit, form)


@command.command("show", short_help="Show one of them whole.")
@click.argument("letter", type=Letter(), metavar="PARTITION:OFFSET")
@with_settings("data")
def show(settings: Settings, letter: str) -> int:
    """Show one dead letter whole: why, what, where, when, and the record itself.

    Exit status 1: there is no such letter.
    """
    from dwell.commands.dead_letters.showing import show_letter

    return show_letter(settings, letter)


@command.command("retry", short_help="Append to the log again what can be read by now.")
@click.argument("letters", type=Letter(), metavar="[PARTITION:OFFSET]...", nargs=-1)
@_reason
@click.option("--all", "everything", is_flag=True, help="All there are.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and append nothing.")
@with_settings("data", "log", *KAFKA, "durable_within", "waiting_bytes")
def retry(
    settings: Settings,
    letters: tuple[str, ...],
    reason: str | None,
    everything: bool,
    dry_run: bool,
) -> int:
    """Append what this version can read to the log again, for the projector to read.

    The letter is gone from the warehouse as soon as its record has been read. Retrying twice does
    no harm. Exit status 1: some still cannot be read, or there are none.
    """
    if everything == bool(letters or reason):
        raise click.UsageError("which ones? Expected PARTITION:OFFSET or --reason, or --all alone")
    from dwell.commands.dead_letters.retrying import retry_letters

    return retry_letters(settings, letters, reason, dry_run=dry_run)
