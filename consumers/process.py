"""The projector as a process: opened, run until a signal, closed in order."""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from dwell import messages
from dwell.consumers.origin import refuse_other
from dwell.consumers.projector import Projector
from dwell.consumers.pruner import prune_regularly
from dwell.consumers.tally import Tally
from dwell.events.embedded import PARTITION
from dwell.events.opening import open_dead_letters, open_reader, quiet
from dwell.health import Health
from dwell.settings import Settings
from dwell.warehouse import layout
from dwell.warehouse.live import LiveWarehouse

logger = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Project until SIGINT or SIGTERM, then publish a last time.

    A file that waits for the warehouse's place takes it meanwhile.

    Raises:
        WarehouseError: the warehouse is held by another process, or cannot be opened or written.
        LogMismatch: its offsets do not fit the log.
        SettingInvalid: dead letters are to be sent to a topic that this log cannot have.
    """
    spare_the_collector()
    messages.begin(settings.messages, "project", logging.INFO)
    quiet(settings)
    open_dead_letters(settings)  # what cannot be is refused before anything is made
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    tally = Tally()
    async with _operators(settings, tally):
        await _hold(settings, told, tally)


@asynccontextmanager
async def _operators(settings: Settings, tally: Tally) -> AsyncIterator[None]:
    """The operators' port, if there is to be one."""
    if not settings.projector_figures_port:
        yield
        return
    # What nobody asks for is not imported.
    from dwell.consumers.figures import ProjectorFigures
    from dwell.figures.exposition import Exposition
    from dwell.figures.port import operators_port

    figures = ProjectorFigures(settings, tally)
    exposition = Exposition(Health(tally.unready), figures)
    try:
        async with operators_port(settings, "projector_figures_port", lambda: exposition):
            yield
    finally:
        await figures.close()


async def _hold(settings: Settings, told: asyncio.Event, tally: Tally) -> None:
    """Project into the warehouse, whichever is live, until the process is `told` to stop."""
    share = settings.share
    with (
        layout.holding(settings.live, share),
        LiveWarehouse(settings.warehouse, share) as warehouse,
    ):
        refuse_other(settings, warehouse.path, warehouse.info("log_identity"), ask=False)
        pruning = asyncio.create_task(prune_regularly(settings, partial(_committed, tally)))
        try:
            while await _project(settings, warehouse, told, tally):
                warehouse.reopen()
        finally:
            pruning.cancel()
            await asyncio.wait({pruning})


async def _project(
    settings: Settings, warehouse: LiveWarehouse, told: asyncio.Event, tally: Tally
) -> bool:
    """Project into the warehouse as it is now until the process is `told` to stop; returns True if
    something waits for the warehouse's place before."""
    dead_letters = open_dead_letters(settings)
    reader = open_reader(settings, make=warehouse.info("log_identity") is None)
    try:
        projector = Projector(settings, reader, warehouse, dead_letters, tally)
        tally.at_work = projector
        stopping = asyncio.create_task(_stop_when(told, projector))
        logger.info("projecting %s into %s", settings.log, settings.publication)
        try:
            return await projector.run()
        finally:
            stopping.cancel()
    finally:
        tally.at_work = None
        closing = [reader.close(), *([dead_letters.close()] if dead_letters else [])]
        await asyncio.gather(*closing)


def _committed(tally: Tally) -> int | None:
    """Up to where an embedded log has been read."""
    return tally.at_work.positions.get(PARTITION) if tally.at_work else None


async def _stop_when(told: asyncio.Event, projector: Projector) -> None:
    await told.wait()
    projector.stop()


def spare_the_collector() -> None:
    """Have Python look for cycles seldom: a batch is tens of thousands of records, none in a cycle. It
    saves some 0.4 µs a record."""
    gc.set_threshold(100_000, 20, 20)
