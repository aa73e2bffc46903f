"""How fresh the published warehouse is: does it hold what the log had some time ago?"""

from collections.abc import Callable, Mapping
from pathlib import Path

from dwell.consumers.beginning import beginning
from dwell.consumers.origin import at_hand, identity_in, misfit
from dwell.consumers.scan import scan
from dwell.consumers.spans import Span
from dwell.errors import LogMismatch
from dwell.events.log import LogReader
from dwell.settings import Settings
from dwell.warehouse.published import Published

LOOKED_AT = 1000
"""Records that are looked at, behind what the warehouse holds."""


def published_positions(path: Path) -> dict[int, int]:
    """By partition, the offset up to which the published warehouse holds everything.

    Raises:
        WarehouseError: nothing is published yet, or the file cannot be read.
    """
    published = Published(path)
    try:
        return dict(published.query("select partition, next_offset from log_offset"))
    finally:
        published.close()


async def refuse_other(settings: Settings, reader: LogReader) -> None:
    """Make sure that the published positions are this log's.

    Raises:
        LogMismatch: the warehouse was made from another log, or there is none.
        LogUnavailable: the log does not answer.
    """
    path, identity = settings.published, identity_in(settings.published)
    if identity is None:
        return
    found = at_hand(settings, identity)
    if found is None:
        found = await reader.identity()
    if found != identity:
        raise LogMismatch(f"{misfit(settings, found, identity)}, which {path} was made from")


async def overdue(
    reader: LogReader,
    held: Mapping[int, int],
    before: int,
    owns: Callable[[int], bool] = lambda _: True,
) -> dict[int, int]:
    """The partitions of which facts are missing, each with the first missing offset.

    A fact is missing if it was received before `before` (milliseconds) and lies beyond what is
    `held`, among the next LOOKED_AT there: clocks may have been ahead for some of them. Only
    partitions that the projector `owns` are looked at. A reader that does nothing else is wanted: its
    positions are moved.

    Raises:
        LogMismatch: facts that were never read are gone from the log.
        LogUnavailable: the log does not answer.
    """
    found = {}
    begun = any(map(owns, held))
    ends = await reader.bounds(list(filter(owns, await reader.partitions())))
    for partition in ends:
        position = held.get(partition)
        if position is None:
            position = await beginning(reader, partition, begun=begun)
        if position != ends[partition][1]:
            unread = Span(partition, position, ends[partition][1])
            missing = await _first_before(reader, unread, before)
            if missing is not None:
                found[partition] = missing
    return found


async def _first_before(reader: LogReader, span: Span, moment: int) -> int | None:
    """The offset of the first record received before a moment, among the first of a span."""
    async for batches, _ in scan(reader, span, LOOKED_AT, patience=0):
        for batch in batches:
            for offset, timestamp in zip(batch.offsets, batch.timestamps, strict=True):
                if timestamp < moment:
                    return offset
        break
    return None
