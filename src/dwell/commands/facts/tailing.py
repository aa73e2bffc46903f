"""Following the log."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from dwell.commands.facts.lines import Lines
from dwell.commands.facts.reading import reading
from dwell.commands.facts.told import event_line
from dwell.commands.facts.wanted import Wanted
from dwell.consumers.lookup import Record
from dwell.consumers.origin import require_there
from dwell.consumers.tail import Tail
from dwell.events.opening import name_of
from dwell.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Begin:
    """Where to begin: everything, some offsets, a moment, or else so many lines before the end."""

    lines: int
    moment: datetime | None
    offsets: Mapping[int, int]
    everything: bool


def tail_log(settings: Settings, wanted: Wanted, begin: Begin, *, follow: bool, form: str) -> int:
    """Write the wanted facts; ends with the log if it is not to `follow`.

    Raises:
        LogMismatch: the log does not have what was asked for, or is another one by now.
        LogUnavailable: it does not answer or is not there, and was not to be followed.
    """
    write = _write_events if form == "json" else _writing_lines()
    asyncio.run(_tail(settings, wanted, begin, write, follow=follow))
    return 0


async def _tail(
    settings: Settings,
    wanted: Wanted,
    begin: Begin,
    write: Callable[[list[Record]], None],
    *,
    follow: bool,
) -> None:
    async with reading(settings) as reader:
        if not follow:
            require_there(settings)
        tail = Tail(reader, wanted.keep, _say, patient=follow)
        write(await _begin(tail, begin))
        ends = await tail.ends()
        if not any(ends.values()):
            _say(f"there is nothing in {name_of(settings)} yet")
        async for records in tail.follow() if follow else tail.up_to(ends):
            write(records)


async def _begin(tail: Tail, begin: Begin) -> list[Record]:
    """Place the reader; returns what comes first."""
    if begin.everything:
        await tail.begin_at_starts()
    elif begin.offsets:
        await tail.begin_at(begin.offsets)
    elif begin.moment is not None:
        await tail.begin_at_time(max(0, (begin.moment - _EPOCH) // _MILLISECOND))
    else:
        return await tail.begin_behind_last(begin.lines)
    return []


_MILLISECOND = datetime.resolution * 1000


def _writing_lines() -> Callable[[list[Record]], None]:
    lines = Lines()
    if sys.stdout.isatty():
        click.secho(lines.head(), dim=True)

    def write(records: list[Record]) -> None:
        for record in records:
            sys.stdout.write(f"{lines.line(record)}\n")
        sys.stdout.flush()

    return write


def _write_events(records: list[Record]) -> None:
    """Objects on standard output; what is none is named on standard error."""
    lines = Lines()
    for record in records:
        line = event_line(record)
        if line is None:
            _say(lines.line(record))
        else:
            sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    click.echo(text, err=True)
