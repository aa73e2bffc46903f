"""What the published warehouse lacks, told by its offsets and the log alone."""

import pytest

from dwell.consumers.freshness import overdue
from dwell.errors import LogMismatch, LogUnavailable
from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog
from tests.support.facts import NOW


@pytest.fixture
async def log() -> MemoryLog:
    """One partition with facts received a second apart: offset 0 at NOW, 1 a second later, …"""
    log = MemoryLog()
    await log.writer().append([NewRecord(b"v", b"{}", NOW + 1_000 * each) for each in range(3)])
    return log


async def test_what_is_published_is_not_overdue(log: MemoryLog) -> None:
    assert await overdue(log.reader(), {0: 3}, NOW + 10_000) == {}


async def test_a_young_fact_is_not_overdue_though_it_is_not_published(log: MemoryLog) -> None:
    assert await overdue(log.reader(), {0: 2}, NOW + 2_000) == {}


async def test_an_old_fact_that_is_not_published_is_overdue(log: MemoryLog) -> None:
    assert await overdue(log.reader(), {0: 1}, NOW + 10_000) == {0: 1}


async def test_a_log_that_is_shorter_than_what_was_read_is_named(log: MemoryLog) -> None:
    with pytest.raises(LogMismatch, match="lies beyond the end"):
        await overdue(log.reader(), {0: 9}, NOW)


async def test_a_record_from_the_future_hides_no_old_fact(log: MemoryLog) -> None:
    dated = [NewRecord(b"v", b"{}", NOW + each) for each in (10**9, 2_000, 10**9, 4_000)]
    await log.writer().append(dated)
    assert await overdue(log.reader(), {0: 3}, NOW + 10_000) == {0: 4}
    assert await overdue(log.reader(), {0: 5}, NOW + 10_000) == {0: 6}
    assert await overdue(log.reader(), {0: 5}, NOW + 3_000) == {}


async def test_a_partition_that_was_never_read_is_overdue_from_its_start(log: MemoryLog) -> None:
    assert await overdue(log.reader(), {}, NOW + 1) == {0: 0}


async def test_first_facts_of_a_partition_that_came_later_are_named_when_gone() -> None:
    log = MemoryLog(partitions=2)
    log.put([NewRecord(b"%d" % each, b"{}", NOW) for each in range(20)])
    log.truncate(3, partition=1)
    whole = {0: await log.reader().end(0)}
    with pytest.raises(LogMismatch, match="from 0 to 2 are gone"):
        await overdue(log.reader(), whole, NOW + 1)
    assert await overdue(log.reader(), {}, NOW + 1) == {0: 0, 1: 3}


async def test_what_another_projector_owns_is_not_looked_at() -> None:
    log = MemoryLog(partitions=2)
    log.put([NewRecord(b"%d" % each, b"{}", NOW) for each in range(20)])
    log.truncate(3, partition=1)
    held = {0: await log.reader().end(0), 1: 0}
    assert await overdue(log.reader(), held, NOW + 1, lambda each: each == 0) == {}


async def test_a_log_without_facts_is_never_overdue() -> None:
    assert await overdue(MemoryLog(partitions=3).reader(), {}, NOW) == {}


async def test_facts_that_are_gone_before_they_were_read_are_named(log: MemoryLog) -> None:
    log.truncate(2)
    with pytest.raises(LogMismatch, match="from 1 to 1 are gone"):
        await overdue(log.reader(), {0: 1}, NOW + 10_000)


async def test_a_log_that_does_not_answer_is_no_verdict(log: MemoryLog) -> None:
    log.fail("away")
    with pytest.raises(LogUnavailable, match="away"):
        await overdue(log.reader(), {0: 3}, NOW)
