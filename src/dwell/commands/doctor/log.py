"""The log, and how far what is published is behind it."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from dwell.commands.doctor.clock import now_ms
from dwell.consumers.beginning import beginning
from dwell.consumers.history import History
from dwell.consumers.lag import Lag, lags
from dwell.consumers.pruning import old_before
from dwell.errors import DwellError, LogGap, LogMismatch, LogUnavailable, WarehouseError
from dwell.events.log import LogReader, Retention
from dwell.events.opening import name_of, open_reader
from dwell.settings import Settings
from dwell.warehouse.archive import Archive
from dwell.warehouse.manifest import Manifest

ANSWER_SECONDS = 15.0
OVERDUE_MS = 3 * 3_600_000
"""A projector prunes once an hour, and may begin with an archive that takes a while."""


@dataclass
class Log:
    """What the log says.

    Attributes:
        name: as messages call it.
        trouble: why it could not be asked.
        unreadable: whether that is because its file is damaged, or is no log of Dwell's.
        missing: whether there is no file of an embedded log.
        bounds: by partition, the oldest offset and the next one to be written.
        lags: by partition, what is not published; `None` if the log could not be asked for it.
        gap: why it could not be.
        future: by partition, the first offset that was received later than now.
        overdue: how many records are older than the log is to keep them, and were so OVERDUE_MS ago.
        retention: what it lets go of by itself; `None` if it does not say.
        ahead: seconds ahead of its own clock from which on it refuses a fact; `None`: it refuses none,
            or does not say.
        archive: what the folder of the archive has of this log; `None` if there is none.
        archive_trouble: why that cannot be read, or does not go with the log.
        unarchived: by partition, what the archive has not; as far as the log has it.
    """

    name: str
    identity: str = ""
    trouble: str = ""
    unreadable: bool = False
    missing: bool = False
    bounds: dict[int, tuple[int, int]] = field(default_factory=dict)
    lags: dict[int, Lag] | None = None
    gap: str = ""
    future: dict[int, int] | None = None
    overdue: int = 0
    retention: Retention | None = None
    ahead: float | None = None
    archive: Manifest | None = None
    archive_trouble: str = ""
    unarchived: dict[int, Lag] = field(default_factory=dict)


async def ask(settings: Settings, held: Mapping[int, int] | None) -> Log:
    """Ask the log, which answers within ANSWER_SECONDS or does not.

    Args:
        held: by partition, what is published of it; `None` if that cannot be read.
    """
    found = Log(name_of(settings))
    if not settings.kafka_servers and not settings.embedded_log.exists():
        found.missing = True  # whoever asked for it would wait until it is there
        return found
    reader = None
    try:
        reader = open_reader(settings)
        async with asyncio.timeout(ANSWER_SECONDS):
            await _ask(found, reader, settings, held)
    except TimeoutError:
        found.trouble = f"{found.name} did not answer within {ANSWER_SECONDS:g} s"
    except DwellError as error:
        found.trouble = str(error)
        found.unreadable = not settings.kafka_servers and _is_of_the_file(error)
    finally:
        if reader is not None:
            await reader.close()
    return found


def _is_of_the_file(error: DwellError) -> bool:
    """And not of facts that were let go of in between."""
    return isinstance(error, LogMismatch) and not isinstance(error, LogGap)


async def _ask(
    found: Log, reader: LogReader, settings: Settings, held: Mapping[int, int] | None
) -> None:
    found.identity = await reader.identity()
    partitions = await reader.partitions()
    for each in partitions:
        found.bounds[each] = await reader.start(each), await reader.end(each)
    await _look_ahead(found, reader)
    await _look_back(found, reader, settings)
    await _look_at_the_archive(found, reader, settings)
    await _look_for_the_end(found, reader)
    if held is None:
        return
    owned = [each for each in partitions if settings.owns(each)]
    try:
        positions = {
            each: held[each] if each in held else await beginning(reader, each, begun=bool(held))
            for each in owned
        }
        found.lags = await lags(reader, positions, int(time.time() * 1_000))
    except LogMismatch as error:
        found.gap = str(error)


async def _look_back(found: Log, reader: LogReader, settings: Settings) -> None:
    """What a projector at work would have pruned in its last hours."""
    if settings.keep_facts_ms is None or settings.kafka_servers:
        return
    moment = old_before(settings.keep_facts_ms, now_ms() - OVERDUE_MS)
    for each, (start, end) in found.bounds.items():  # the newest record always stays
        old = min(await reader.offset_at(each, moment), end - 1)
        found.overdue += max(0, old - start)


async def _look_at_the_archive(found: Log, reader: LogReader, settings: Settings) -> None:
    try:
        archive = Archive.open(settings.archive_folder)
        if archive is None:
            return
        found.archive = archive.manifest
        history = History(reader, archive, found.name)
        await history.identity()
        for each in await history.partitions():
            await history.bounds(each)
    except (LogMismatch, WarehouseError) as error:
        found.archive_trouble = str(error)


async def _look_for_the_end(found: Log, reader: LogReader) -> None:
    """What a log that lets go of facts by itself has, and the archive has not."""
    with suppress(LogUnavailable):  # whoever asks may not be allowed to
        found.retention = await reader.retention()
        found.ahead = await reader.ahead()
    if found.archive_trouble or found.retention in (None, Retention()):
        return
    held = found.archive.held if found.archive else {}
    positions = {
        each: max(held[each].until, start) if each in held else start
        for each, (start, _) in found.bounds.items()
    }
    found.unarchived = await lags(reader, positions, now_ms())


async def _look_ahead(found: Log, reader: LogReader) -> None:
    found.future = {}
    for each, (_, end) in found.bounds.items():
        offset = await reader.offset_at(each, now_ms())
        if offset < end:
            found.future[each] = offset
