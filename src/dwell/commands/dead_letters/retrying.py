"""Re-driving: the records that can be read now go into the log again."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from dwell.commands.dead_letters.questions import question
from dwell.commands.sql.forms import safe
from dwell.consumers.origin import misfit, require_there
from dwell.errors import LogError, LogMismatch, LogUnavailable
from dwell.events.log import LogWriter, NewRecord
from dwell.events.opening import open_reader, open_writer, quiet
from dwell.schemas.records import read_record
from dwell.schemas.refusals import Refusal
from dwell.settings import Settings
from dwell.warehouse.asking import asking

TOGETHER = 500
"""Records that are appended in one call."""


@dataclass
class Retried:
    """What came of it: how many records can be read now, and how many still cannot."""

    readable: int = 0
    unreadable: int = 0


def retry_letters(
    settings: Settings, letters: Sequence[str], reason: str | None, *, dry_run: bool
) -> int:
    """Judge letters anew and append what can be read; returns the exit status.

    Args:
        letters: those that are meant, as `PARTITION:OFFSET`; none is all of them.

    Raises:
        LogMismatch: the log at hand is not the one that the letters were read from.
        LogError: the log did not take them all. What it took does no harm when it comes again.
    """
    quiet(settings)
    meant = {"letters": list(letters) or None, "reason": reason}
    with asking(settings.published) as warehouse:
        missing = warehouse.execute(question("missing"), meant).fetchall() if letters else []
        for (letter,) in missing:
            why = f" set aside for {reason}" if reason else ""
            click.echo(f"dwell: there is no dead letter {letter}{why}", err=True)
        known = warehouse.execute(question("log_identity")).fetchall()
        found = warehouse.execute(question("chosen"), meant)
        batches = iter(lambda: found.fetchmany(TOGETHER), [])
        retried = (
            _try(batches)
            if dry_run
            else asyncio.run(_append(settings, str(known[0][0]) if known else "none", batches))
        )
    if retried.readable or retried.unreadable:
        _say(retried, dry_run)
    elif not missing:
        click.echo("dwell: there is no such dead letter", err=True)
    return 1 if missing or retried.unreadable or not retried.readable else 0


def _try(batches: Iterator[list[Any]]) -> Retried:
    """Say of each record what would become of it."""
    retried = Retried()
    for batch in batches:
        for letter, record in _readable(batch, retried):
            click.echo(f"{letter}  can be read now: {_named(record.value)}")
    return retried


async def _append(settings: Settings, identity: str, batches: Iterator[list[Any]]) -> Retried:
    """Append what can be read, each batch durable before the next."""
    retried = Retried()
    writer: LogWriter | None = None
    try:
        for batch in batches:
            before = retried.readable
            records = [record for _, record in _readable(batch, retried)]
            if records and writer is None:
                await _require(settings, identity)
                writer = open_writer(settings)
            if records and writer is not None:
                await _appended(writer, records, before)
    finally:
        if writer is not None:
            await writer.close()
    return retried


async def _appended(writer: LogWriter, records: list[NewRecord], before: int) -> None:
    try:
        await writer.append(records)
    except LogError as error:
        raise type(error)(
            f"{error}; {before} records were appended before that: retry again, which does no harm"
        ) from None


async def _require(settings: Settings, identity: str) -> None:
    """Make sure that these letters are this log's.

    Raises:
        LogMismatch: they are another log's.
        LogUnavailable: the log does not say, or there is none.
    """
    require_there(settings)
    reader = open_reader(settings)
    try:
        async with asyncio.timeout(settings.durable_within):
            found = await reader.identity()
    except TimeoutError:
        raise LogUnavailable(
            f"DWELL_LOG is '{settings.log}', and no log answers there within"
            f" {settings.durable_within:g} s: expected {identity}, which the letters were read from"
        ) from None
    finally:
        await reader.close()
    if found != identity:
        raise LogMismatch(f"{misfit(settings, found, identity)}, which the letters were read from")


def _readable(batch: list[Any], retried: Retried) -> Iterator[tuple[str, NewRecord]]:
    """Those that this version can read, as they go into the log again; says why of the others.

    A fact from the future, by the clock here, goes with the time it is now: Kafka takes no record that
    is more than an hour ahead, and refuses those that it comes with. Its own time stays in its bytes.
    """
    now = int(1000 * time.time())
    for letter, payload in batch:
        try:
            data = read_record(payload).data
        except Refusal as refusal:
            retried.unreadable += 1
            click.echo(
                f"{letter}  still cannot be read, {refusal.reason.value}: {safe(refusal.detail)}"
            )
        else:
            retried.readable += 1
            yield letter, NewRecord(data.visitor_id.encode(), payload, min(data.received_at, now))


def _named(value: bytes) -> str:
    record = read_record(value)
    return f"{record.type} of {safe(record.subject)}"


def _say(retried: Retried, dry_run: bool) -> None:
    """What came of it, in one line."""
    fate = "would be appended to the log again" if dry_run else "appended to the log again"
    said = f"{_counted(retried.readable)} {fate}"
    if retried.unreadable:
        said += f", {retried.unreadable} still cannot be read"
    click.echo(said)


def _counted(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
