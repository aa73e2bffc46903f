"""Where the commands that show facts read them from: the log, and its archive where the log ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from dwell.consumers.archived import ArchivedReader
from dwell.events.log import LogReader
from dwell.events.opening import open_reader, quiet
from dwell.settings import Settings
from dwell.warehouse.archive import Archive

LET_GO_SECONDS = 1.0
"""How long letting go of the log may take: whoever pressed Ctrl-C does not wait for a broker."""


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[LogReader]:
    """A reader of the log, and of its archive, for the time of a `with`. It makes no topic.

    Raises:
        WarehouseError: the archive's manifest cannot be read.
    """
    quiet(settings)
    archive = Archive.open(settings.archive_folder)
    reader = open_reader(settings)
    if archive is not None:
        reader = ArchivedReader(reader, archive)
    try:
        yield reader
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.close(), LET_GO_SECONDS)
