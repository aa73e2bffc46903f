"""How far a simulation is: a bar on a terminal, a line now and then elsewhere."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dwell.commands.simulate.sending import Tally

LINE_EVERY = 5.0
"""Seconds between two lines where there is no terminal."""


@asynccontextmanager
async def shown(tally: Tally, visits: int) -> AsyncIterator[None]:
    """Show the tally on standard error while the `with` lasts."""
    console = Console(stderr=True)
    follow = _bar(console, tally, visits) if console.is_terminal else _lines(tally, visits)
    task = asyncio.create_task(follow)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _bar(console: Console, tally: Tally, visits: int) -> None:
    columns = (
        TextColumn("visits"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    began = time.monotonic()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("visits", total=visits, pace="")
        try:
            while True:
                progress.update(task, completed=tally.visits, pace=pace(tally, began))
                await asyncio.sleep(0.25)
        finally:
            progress.update(task, completed=tally.visits, pace=pace(tally, began))


async def _lines(tally: Tally, visits: int) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(LINE_EVERY)
        passed = time.monotonic() - began
        left = passed * (visits - tally.visits) / tally.visits if tally.visits else None
        rest = "" if left is None else f", {left:.0f} s left"
        sys.stderr.write(f"{tally.visits:,} of {visits:,} visits, {pace(tally, began)}{rest}\n")
        sys.stderr.flush()


def pace(tally: Tally, began: float) -> str:
    """The facts so far, and how many a second since `began` on the monotonic clock."""
    rate = tally.facts / max(time.monotonic() - began, 0.001)
    retries = f", {tally.retries:,} tried again" if tally.retries else ""
    return f"{tally.facts:,} facts, {rate:,.0f}/s{retries}"
