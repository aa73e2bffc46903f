"""The extent of a replay: from where to where, partition by partition."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dwell.consumers.history import History
from dwell.consumers.spans import Span
from dwell.errors import LogGap

End = Literal["earliest", "latest", "current"]
"""`earliest` is the oldest record there is, `latest` the end as it is now, `current` where the
published warehouse has come to."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the log.

    Attributes:
        end: unless one of the others is given.
        moment: the first record received then or later, in milliseconds since 1970.
        offsets: by partition; `None` is every one that is not named, else these are at `end`.
    """

    end: End
    moment: int | None = None
    offsets: Mapping[int | None, int] | None = None


async def extent(
    history: History, since: Point, until: Point, current: Mapping[int, int]
) -> list[Span]:
    """A span for each partition.

    Args:
        current: by partition, where the published warehouse has come to.

    Raises:
        LogGap: an offset is not there, or the point lies before `since`; the message names it.
        LogUnavailable: the log does not answer.
    """
    partitions = await history.partitions()
    for point in (since, until):
        for partition in point.offsets or ():
            if partition is not None and partition not in partitions:
                raise LogGap(
                    f"partition {partition} is not in {history.name}: expected one of "
                    f"{', '.join(map(str, partitions))}"
                )
    spans = []
    for partition in partitions:
        first = await _place(history, since, partition, current)
        end = await _place(history, until, partition, current)
        spans.append(Span(partition, first, max(first, end)))
    return spans


async def _place(history: History, point: Point, partition: int, current: Mapping[int, int]) -> int:
    start, end = await history.bounds(partition)
    given = point.offsets or {}
    offset = given.get(partition, given.get(None))
    if offset is not None:
        if not start <= offset <= end:
            raise LogGap(
                f"offset {offset} of partition {partition} is not in {history.name}: expected one "
                f"from {start} to {end}"
            )
        return offset
    if point.moment is not None:
        return await history.offset_at(partition, point.moment)
    match point.end:
        case "earliest":
            return start
        case "current":
            return min(max(current.get(partition, start), start), end)
        case "latest":
            return end
