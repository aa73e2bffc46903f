"""How far the projector is behind the log, by the log's own account."""

from collections.abc import Mapping
from typing import NamedTuple

from dwell.consumers.scan import first
from dwell.consumers.spans import Span
from dwell.events.log import LogReader


class Lag(NamedTuple):
    """What of a partition is not committed.

    Attributes:
        records: offsets, to be exact: there may be gaps.
        seconds: since the oldest such record was received; 0 if there is none.
    """

    records: int
    seconds: float


async def lags(reader: LogReader, positions: Mapping[int, int], now: int) -> dict[int, Lag]:
    """By partition, what the log has from these positions on, at `now` (milliseconds).

    A reader that does nothing else is wanted: its positions are moved.

    Raises:
        LogMismatch: facts that were never read are gone from the log.
        LogUnavailable: the log does not answer.
    """
    bounds = await reader.bounds(positions)
    return {
        each: await _lag(reader, Span(each, position, bounds[each][1]), now)
        for each, position in positions.items()
    }


async def _lag(reader: LogReader, span: Span, now: int) -> Lag:
    found = await first(reader, span) if len(span) else None
    if found is None:  # a gap at most
        return Lag(0, 0.0)
    offset, timestamp = found
    return Lag(span.until - offset, max(now - timestamp, 0) / 1_000)
