"""The pruner: has the embedded log pruned once an hour, beside the projector."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from contextlib import closing

from dwell.lifeline import Lifeline
from dwell.settings import Settings

FIRST_AFTER = 60.0
"""Seconds from the beginning: a projector that is started has other things to do."""
EVERY = 3_600.0
"""Seconds between two runs. Most find nothing to do, for a day goes as a whole."""

logger = logging.getLogger(__name__)


async def prune_regularly(settings: Settings, committed: Callable[[], int | None]) -> None:
    """Run `dwell prune` now and then, a process that ends with this one; until cancelled.

    What goes wrong is said, and tried again the next time. Returns at once where nothing is pruned.

    Args:
        committed: the offset up to which the projector has read the log; `None` if it is not at work.
            It may be behind what is published: a warehouse that was promoted, or an erasure.
    """
    if settings.kafka_servers or settings.keep_facts_ms is None:
        return
    with closing(Lifeline()) as lifeline:
        await asyncio.sleep(FIRST_AFTER)
        while True:
            read = committed()
            if read is None:
                await asyncio.sleep(FIRST_AFTER)
                continue
            try:
                await _prune(settings, lifeline, read)
            except OSError as error:
                logger.warning("old facts stay in the log for another hour: %s", error)
            await asyncio.sleep(EVERY)


async def _prune(settings: Settings, lifeline: Lifeline, read: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "dwell.cli", "prune", "--before", str(read)),
        env=os.environ | settings.environment() | lifeline.environment(),
        pass_fds=[lifeline.descriptor],
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        said, complained = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        lines = complained.decode(errors="replace").strip().splitlines() or ["it was killed"]
        logger.warning("old facts stay in the log for another hour: %s", lines[-1])
    elif b"dropped" in said:
        logger.info("%s", said.decode(errors="replace").strip())
