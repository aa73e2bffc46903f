"""The facts of a pageview in the log, found by the provenance of its rows."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dwell.commands.explain.warehouse import Row
from dwell.commands.facts.told import tell
from dwell.consumers.lookup import Record, records_between
from dwell.events.log import LogReader
from dwell.schemas.records import ReceivedGlimpse

NEAR = 2_000
"""Records between two that are wanted for which a second look-up would cost as much as reading on."""
MOST_BETWEEN = 1_000_000
"""Records between the first and the last delivery of a fact that are searched for more of them."""
MOST_IN_ALL = 20_000
"""Records between a pageview's first and last that are read whole, so that facts of it are found for
which `visibility_change` has no row."""
MOST_UNREAD = 200_000
"""Records of a partition that are searched of those which the published warehouse has not read."""

Span = tuple[int, int]
"""First and last offset, both included."""


class Place(NamedTuple):
    """A span in a partition."""

    partition: int
    first: int
    last: int


@dataclass(frozen=True)
class Fact:
    """A fact as it stands in the log.

    Attributes:
        read: whether the published warehouse has read it.
    """

    record: Record
    said: ReceivedGlimpse
    read: bool


@dataclass
class Evidence:
    """What the log has of a pageview.

    Attributes:
        facts: in the order of their seq, and of one seq in the order in which they were received.
        whole: whether everything that the warehouse's rows came from was looked at, and understood.
        gone: the positions of facts that the log has no more.
        unread: the records that the published warehouse has not read.
        unsearched: how many of these were not looked at.
    """

    facts: list[Fact] = field(default_factory=list)
    whole: bool = True
    gone: list[int] = field(default_factory=list)
    unread: int = 0
    unsearched: int = 0


async def gather(
    reader: LogReader,
    pageview: str,
    row: Row | None,
    changes: list[Row],
    positions: Mapping[int, int],
) -> Evidence:
    """The facts that the rows came from, and those that have come since.

    Args:
        row: the pageview's own.
        changes: its rows of visibility_change.
        positions: by partition, up to which offset the warehouse has read.

    Raises:
        LogGap: the log ends before what the rows came from.
        LogUnavailable: the log does not answer.
    """
    evidence = Evidence()
    starts = {each: await reader.start(each) for each in await reader.partitions()}
    spans = _spans(row, changes, starts, evidence)
    async for fact in _facts_in(reader, pageview, spans, evidence, read=True):
        evidence.facts.append(fact)
    unread = await _unread(reader, starts, positions, evidence)
    known = {fact.record.place for fact in evidence.facts}
    async for fact in _facts_in(reader, pageview, unread, evidence, read=False):
        if fact.record.place not in known:
            evidence.facts.append(fact)
    evidence.facts.sort(key=_order)
    return evidence


def _order(fact: Fact) -> tuple[int, int, int, int]:
    return fact.said.seq, fact.said.received_at, fact.record.partition, fact.record.offset


def _spans(
    own: Row | None, changes: list[Row], starts: Mapping[int, int], evidence: Evidence
) -> dict[int, list[Span]]:
    """By partition, where the facts of these rows lie, as far as the log still has them."""
    found: dict[int, list[Span]] = {each: [] for each in starts}

    def add(places: list[Place]) -> bool:
        """Whether any of it is still there."""
        there = [each for each in places if each.last >= starts.get(each.partition, each.last + 1)]
        for each in there:
            found[each.partition].append((max(each.first, starts[each.partition]), each.last))
        if any(each.first < starts.get(each.partition, each.last + 1) for each in places):
            evidence.whole = False
        return bool(there)

    for row in changes:
        places, whole = _places(row, MOST_BETWEEN)
        evidence.whole &= whole
        if not add(places):
            evidence.gone.append(row["seq"])
    if own is not None:
        add(_places(own, MOST_IN_ALL)[0])
    return {each: _joined(spans) for each, spans in found.items() if spans}


def _places(row: Row, most: int) -> tuple[list[Place], bool]:
    """Where a row came from, and whether that is all.

    What is between its first and its last record is left out if they lie across partitions, or with
    more than `most` records between them.
    """
    first = Place(row["partition"], row["first_offset"], row["first_offset"])
    last = Place(row["last_partition"], row["last_offset"], row["last_offset"])
    if first.partition == last.partition and last.last - first.first <= most:
        return [Place(first.partition, first.first, last.last)], True
    return [first, last], False


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + NEAR:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined


async def _unread(
    reader: LogReader,
    starts: Mapping[int, int],
    positions: Mapping[int, int],
    evidence: Evidence,
) -> dict[int, list[Span]]:
    """By partition, what the warehouse has not read."""
    found = {}
    for partition, start in starts.items():
        end = await reader.end(partition)
        first = max(start, positions.get(partition, start))
        last = min(end, first + MOST_UNREAD) - 1
        evidence.unread += max(0, end - first)
        evidence.unsearched += max(0, end - 1 - last)
        if first <= last:
            found[partition] = [(first, last)]
    return found


async def _facts_in(
    reader: LogReader,
    pageview: str,
    spans: Mapping[int, list[Span]],
    evidence: Evidence,
    *,
    read: bool,
) -> AsyncIterator[Fact]:
    """The pageview's facts in these spans.

    Args:
        read: whether the warehouse has read them.
    """
    needle = pageview.encode()
    for partition, several in spans.items():
        for first, last in several:
            async for record in records_between(reader, partition, first, last):
                if needle not in record.value.lower() and b"\\u" not in record.value:
                    continue
                told = tell(record)
                said = told.glimpse
                if read and told.refusal is not None and needle in record.value.lower():
                    evidence.whole = False  # the projector is more generous, and may have read it
                if said is not None and said.pageview_id == pageview:
                    yield Fact(record, said, read)
