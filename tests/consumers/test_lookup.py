"""Records are found by their places, and what is not there is said with the bounds."""

import pytest

from dwell.consumers.lookup import record_at, records_between
from dwell.errors import NoRecord
from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog


def log_of(count: int) -> MemoryLog:
    log = MemoryLog()
    log.put([NewRecord(b"key", b"%d" % number, 1000 + number) for number in range(count)])
    return log


async def test_a_record_is_found_by_its_place() -> None:
    record = await record_at(log_of(5).reader(), "the log", 0, 3)
    assert (record.place, record.timestamp, record.key, record.value) == ("0:3", 1003, b"key", b"3")


@pytest.mark.parametrize(
    ("partition", "offset", "line"),
    [
        (0, 1, "the record 0:1 is no longer there: the log holds 0:2 to 0:8, what was before is gone"),
        (0, 9, "there is no record 0:9 yet: the log holds 0:2 to 0:8"),
        (0, 5, "there is no record 0:5: the log holds 0:2 to 0:8, and has a gap, and the next record is 0:7"),
        (1, 0, "there is no partition 1 in the log: expected 0 alone"),
    ],
)  # fmt: skip
async def test_what_is_not_there_is_said_with_the_bounds(
    partition: int, offset: int, line: str
) -> None:
    log = log_of(5)
    log.skip(2)
    log.put([NewRecord(b"key", b"after the gap", 2000 + number) for number in range(2)])
    log.truncate(2)
    with pytest.raises(NoRecord) as raised:
        await record_at(log.reader(), "the log", partition, offset)
    assert str(raised.value) == line


async def test_an_empty_partition_has_no_bounds() -> None:
    with pytest.raises(NoRecord, match="there is no record 0:0: partition 0 of the log is empty"):
        await record_at(log_of(0).reader(), "the log", 0, 0)


async def test_the_records_of_a_span_come_and_none_besides() -> None:
    found = [each.offset async for each in records_between(log_of(30).reader(), 0, 11, 13)]
    assert found == [11, 12, 13]


async def test_a_gap_may_be_at_the_end_of_a_span() -> None:
    log = log_of(3)
    log.skip(2)
    found = [each.offset async for each in records_between(log.reader(), 0, 1, 4)]
    assert found == [1, 2]
