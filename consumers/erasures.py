"""Who is to be forgotten, as far as the records that are replayed do not say it.

A replay to a moment leaves out whoever was forgotten after that moment, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dwell.consumers.history import History
from dwell.consumers.judge import judge
from dwell.consumers.scan import scan
from dwell.consumers.spans import Span
from dwell.errors import WarehouseError
from dwell.events.log import LogReader
from dwell.settings import Settings
from dwell.warehouse.published import Published
from dwell.warehouse.reading import ERASURE, Forgotten

SCAN_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class PublishedState:
    """What the published warehouse knows: up to where it has read, and who is forgotten."""

    positions: Mapping[int, int] = field(default_factory=dict)
    forgotten: Sequence[Forgotten] = ()


def published(settings: Settings, identity: str) -> PublishedState:
    """What the published warehouse knows of this log; nothing, if there is none or it is another's."""
    try:
        warehouse = Published(settings.published)
    except WarehouseError:
        return PublishedState()
    try:
        known = warehouse.query("select value from projection_info where name = 'log_identity'")
        if known != [(identity,)]:
            return PublishedState()
        erasures = warehouse.query("select visitor_id::varchar, epoch_ms(received_at) from erasure")
        return PublishedState(
            dict(warehouse.query("select partition, next_offset from log_offset")),
            [Forgotten(*each) for each in erasures],
        )
    except WarehouseError:
        return PublishedState()
    finally:
        warehouse.close()


async def erasures_beside(
    settings: Settings, history: History, spans: Iterable[Span]
) -> list[Forgotten]:
    """Who is forgotten by a record outside of the spans.

    What the published warehouse has read it says; what the archive has is looked up there; the rest
    of the log is searched.

    Raises:
        LogError: as the log has it.
    """
    known = published(settings, await history.identity())
    found = list(known.forgotten)
    held: list[Span] = list(spans)
    held += [Span(each, 0, position) for each, position in known.positions.items()]
    if history.archive is not None:
        found += _forgotten(value for _, _, value in history.archive.erasures())
        held += [Span(*each) for each in history.archive.held.values()]
    for partition, (start, end) in (await history.logged()).items():
        for left in Span(partition, start, end).less(held):
            found += await searched(history.reader, left)
    return found


async def searched(reader: LogReader, span: Span) -> list[Forgotten]:
    """Who is forgotten by a record of a span; the reader's positions are moved."""
    found: list[Forgotten] = []
    async for batches, _ in scan(reader, span, SCAN_RECORDS):
        for batch in batches:
            found += _forgotten(batch.values)
    return found


def _forgotten(values: Iterable[bytes]) -> list[Forgotten]:
    verdicts = (judge(value) for value in values if ERASURE.encode() in value)
    return [each for each in verdicts if isinstance(each, Forgotten)]
