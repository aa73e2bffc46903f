"""The extent of a replay: from where to where, partition by partition."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from dwell.consumers.history import History
from dwell.consumers.spans import Span
from dwell.errors import LogGap

OUT_OF_ORDER = 300_000
"""Milliseconds that one record's time may lie before that of an earlier record, in a log in order: several
machines take facts in, each by its own clock."""
LOOKED_AT = 500
"""Records that are looked at, behind an end that a moment names."""
PLACES = 16, 256
"""Places further behind it at which one record is: of a partition, and of all of them, about."""

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

    def offset(self, partition: int) -> int | None:
        """The one that is given for this partition."""
        given = self.offsets or {}
        return given.get(partition, given.get(None))

    def is_given(self, partition: int) -> bool:
        """Whether a moment or an offset says where it is in this partition, and not an end."""
        return self.moment is not None or self.offset(partition) is not None


async def extent(
    history: History, since: Point, until: Point, current: Mapping[int, int]
) -> list[Span]:
    """A span for each partition.

    Args:
        current: by partition, where the published warehouse has come to.

    Raises:
        LogGap: an offset is not there, the end lies before the beginning, or nothing follows a moment.
        LogUnavailable: the log does not answer.
    """
    partitions = await history.partitions()
    for point in (since, until):
        for partition in point.offsets or ():
            if partition is not None and partition not in partitions:
                raise LogGap(
                    f"partition {partition} is not in {history.name}: expected "
                    f"{'one of ' if partitions[1:] else ''}{', '.join(map(str, partitions))}"
                )
    _refuse_earlier(since, until)
    spans = list(
        await asyncio.gather(*(_span(history, since, until, each, current) for each in partitions))
    )
    if since.moment is not None:
        await _refuse_nothing(history, spans)
    return spans


async def refuse_left_out(history: History, spans: Sequence[Span], moment: int) -> None:
    """Make sure that what was received before a moment is before the end that it names, as far as a look at
    some records tells: where clocks were wrong, and in partitions that were merged, it is not.

    Raises:
        LogGap: it is not.
    """
    most_of_one, most_of_all = PLACES
    places = max(1, min(most_of_one, most_of_all // max(1, len(spans))))
    for partition, _, until in spans:
        _, end = await history.bounds(partition)
        beyond = range(until + LOOKED_AT, end)
        for place in (until, *beyond[:: max(1, -(-len(beyond) // places))]):
            most = LOOKED_AT if place == until else 1
            for offset, received in await history.times(partition, place, most):
                if received < moment - OUT_OF_ORDER:
                    raise LogGap(
                        f"partition {partition} of {history.name} reaches {_told(moment)} at offset {until},"
                        f" and has facts behind it that were received before (offset {offset}:"
                        f" {_told(received)}): clocks were wrong, partitions were merged or dead letters"
                        " retried, so a moment names no end here; expected offsets, --to-offset"
                    )


def _refuse_earlier(since: Point, until: Point) -> None:
    if since.moment is not None and until.moment is not None and until.moment < since.moment:
        raise LogGap(
            f"{_told(until.moment)} lies before {_told(since.moment)}: expected a moment to replay up to "
            "that is not before the one to begin with"
        )


def _told(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


async def _span(
    history: History, since: Point, until: Point, partition: int, current: Mapping[int, int]
) -> Span:
    first = await _place(history, since, partition, current)
    end = await _place(history, until, partition, current)
    if end < first and until.is_given(partition):
        raise LogGap(
            f"partition {partition} would end at offset {end}, before offset {first}, where it begins: "
            "expected an end behind the beginning"
        )
    return Span(partition, first, max(first, end))


async def _refuse_nothing(history: History, spans: Iterable[Span]) -> None:
    """Make sure that something is left from a moment on, if the log has any fact: whoever names a
    beginning wants no warehouse without rows."""
    if any(map(len, spans)):
        return
    for each in spans:
        start, end = await history.bounds(each.partition)
        if start < end:
            raise LogGap(
                f"{history.name} has nothing between the two points: expected a moment after which facts"
                " were received, and an end behind it"
            )


async def _place(history: History, point: Point, partition: int, current: Mapping[int, int]) -> int:
    start, end = await history.bounds(partition)
    offset = point.offset(partition)
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
