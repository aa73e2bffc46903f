"""Bringing together what the warehouse and the log say of a pageview."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID

import click

from dwell.commands.explain.evidence import Evidence, gather
from dwell.commands.explain.explanation import Explanation
from dwell.commands.explain.law import at
from dwell.commands.explain.telling import lines_of, object_of
from dwell.commands.explain.warehouse import Warehouse, opened
from dwell.commands.facts.reading import reading
from dwell.consumers.origin import misfit, require_there
from dwell.errors import LogMismatch, LogUnavailable
from dwell.events.log import LogReader
from dwell.events.opening import name_of
from dwell.settings import Settings

ANSWER_SECONDS = 10.0
"""How long the log may take to say which one it is."""


def explain(settings: Settings, pageview: str, form: str) -> int:
    """Write the explanation; returns 1 if log and warehouse disagree, or know of no such pageview.

    Raises:
        WarehouseError: nothing is published yet, or the file cannot be read.
        LogMismatch: the warehouse was made from another log.
        LogUnavailable: the log does not answer.
    """
    with opened(settings.published) as warehouse:
        explanation = asyncio.run(_explained(settings, warehouse, pageview))
    if not explanation.found:
        click.echo(f"dwell: {_nowhere(settings, explanation)}", err=True)
        return 1
    if form == "json":
        click.echo(json.dumps(object_of(explanation), indent=2, allow_nan=False))
    else:
        for line in lines_of(explanation):
            click.echo(line)
    return 1 if explanation.agrees is False else 0


async def _explained(settings: Settings, warehouse: Warehouse, pageview: str) -> Explanation:
    account, info = warehouse.account(pageview), warehouse.info()
    async with reading(settings) as reader:
        await _require(settings, reader, info.get("log_identity"))
        positions = warehouse.positions()
        evidence = await gather(reader, pageview, account.told, account.changes, positions)
    return Explanation(
        pageview,
        account,
        evidence,
        _forgotten(warehouse, evidence),
        info,
        warehouse.letters(pageview),
    )


async def _require(settings: Settings, reader: LogReader, identity: str | None) -> None:
    """Make sure that the warehouse was made from this log, or from none yet."""
    require_there(settings)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            found = await reader.identity()
    except TimeoutError:
        raise LogUnavailable(
            f"DWELL_LOG is '{settings.log}', and {name_of(settings)} does not answer within"
            f" {ANSWER_SECONDS:g} s: expected the one that {settings.published} was made from"
        ) from None
    if identity not in (None, found):
        raise LogMismatch(
            f"{misfit(settings, found, identity)}, which {settings.published} was made from"
        )


def _forgotten(warehouse: Warehouse, evidence: Evidence) -> frozenset[str]:
    """The places of facts that were received up to an erasure of their visitor."""
    erasures = warehouse.erasures({each.said.visitor_id for each in evidence.facts})
    return frozenset(
        each.record.place
        for each in evidence.facts
        if each.said.visitor_id in erasures
        and at(each.said.received_at) <= erasures[each.said.visitor_id]
    )


def _nowhere(settings: Settings, explanation: Explanation) -> str:
    searched = explanation.evidence.unread - explanation.evidence.unsearched
    said = (
        f"there is no pageview {explanation.pageview} in {settings.published}, nor among the"
        f" {searched:,} records of the log that it has not read yet"
    )
    if explanation.evidence.unsearched:
        said += f" and that were looked at; {explanation.evidence.unsearched:,} more were not"
    if explanation.letters:
        letter = explanation.letters[0]
        place = f"{letter['partition']}:{letter['offset']}"
        said += f"; the dead letter {place} names it: `dwell dead-letters show {place}`"
    return said + _dropped(explanation)


def _dropped(explanation: Explanation) -> str:
    """What to think of it where rows are not kept for ever: the row may have been there."""
    horizon = explanation.info.get("horizon")
    if horizon is None:
        return ""
    minted = _minted(explanation.pageview)
    finds = f"dwell facts tail --no-follow --pageview {explanation.pageview}"
    return (
        f"; sessions that began before {horizon[:10]} were dropped by DWELL_KEEP_ROWS, and by its id it"
        f" began on {minted}: `{finds} --from-datetime {minted}` shows its facts, which log and archive"
        " keep"
    )


def _minted(pageview: str) -> str:
    """The day, by the clock of its browser."""
    milliseconds = UUID(pageview).int >> 80
    return f"{datetime.fromtimestamp(min(milliseconds, 2**47) / 1000, UTC):%Y-%m-%d}"
