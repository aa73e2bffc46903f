"""The projector between a log that has its moods and a real warehouse."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from zlib import crc32

import pytest

from dwell.consumers.projector import Projector
from dwell.consumers.tally import Tally
from dwell.errors import LogMismatch, LogUnavailable
from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog, MemoryReader
from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7
from tests.support.watching import Watched

Started = Callable[..., Awaitable["Running"]]


def new(*stored: Stored) -> list[NewRecord]:
    return [NewRecord(each.key, each.value, each.timestamp) for each in stored]


class Running:
    """A projector at work on a memory log."""

    def __init__(self, log: MemoryLog, settings: Settings) -> None:
        self.log = log
        self.published = settings.published
        self._watched = Watched(settings.published)
        self._settings = settings
        self._warehouse = LiveWarehouse(settings.warehouse, settings.share)
        self.stopped = False
        self.tally = Tally()
        self._begin()
        self.task = asyncio.create_task(self._run())

    def _begin(self) -> None:
        self._reader = self.log.reader()
        self._projector = Projector(self._settings, self._reader, self._warehouse, tally=self.tally)

    async def _run(self) -> None:
        """As the process does it: what waits for the warehouse's place takes it."""
        while await self._projector.run():
            await self._reader.close()
            self._warehouse.reopen()
            self._begin()

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What the publication that stands now says; nothing before there is one."""
        return self._watched.rows(sql)

    async def shows(
        self, sql: str, expected: list[tuple[object, ...]], within: float = 100
    ) -> None:
        """Wait until the published rows are these."""
        async with asyncio.timeout(within):
            while self.rows(sql) != expected:
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.05)

    async def reaches(self, positions: dict[int, int], within: float = 100) -> None:
        """Wait until everything before these offsets is committed."""
        async with asyncio.timeout(within):
            while self._projector.positions != positions:
                await asyncio.sleep(0.05)

    async def has_taken(self, offset: int, within: float = 100) -> None:
        """Wait until everything in partition 0 before this offset was read, committed or not."""
        async with asyncio.timeout(within):
            while True:
                with suppress(KeyError):  # it has not begun
                    if await self._reader.position(0) >= offset:
                        return
                await asyncio.sleep(0.01)

    async def is_troubled(self, why: str | None, within: float = 100) -> None:
        """Wait until it says this of itself."""
        async with asyncio.timeout(within):
            while self._projector.trouble != why:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop as the process does; once."""
        self._projector.stop()
        await asyncio.wait([self.task])
        await self._reader.close()
        self._warehouse.close()
        self.stopped = True


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Started]:
    """Start a projector; the same folder again is the same warehouse."""
    running: list[Running] = []

    async def begin(log: MemoryLog, **settings: object) -> Running:
        for former in running:
            if not former.stopped:
                await former.stop()
        running[:] = [
            Running(
                log,
                Settings.read(
                    {"data": tmp_path / "data", "batch_seconds": 0.01, "publish_seconds": 0.05}
                    | settings,
                    environ={},
                ),
            )
        ]
        return running[0]

    yield begin
    for last in running:
        if not last.stopped:
            await last.stop()


PAGEVIEWS = "select count(*) from pageview"


async def test_records_that_are_large_are_not_gathered_until_they_are_many(
    start: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.consumers.projector.BATCH_BYTES", 1)
    log = MemoryLog()
    log.put(new(glimpse(1)))
    projector = await start(log, batch_seconds=3_600)
    await projector.reaches({0: 1})


async def test_an_empty_warehouse_is_published_before_the_first_fact(start: Started) -> None:
    projector = await start(MemoryLog())
    await projector.shows(PAGEVIEWS, [(0,)])


async def test_facts_are_published_as_they_come(start: Started) -> None:
    log = MemoryLog()
    projector = await start(log)
    for n in range(1, 4):
        log.put(new(glimpse(n)))
        await projector.shows(PAGEVIEWS, [(n,)])


async def test_it_goes_on_where_it_stopped(start: Started) -> None:
    log = MemoryLog()
    log.put(new(glimpse(1), Stored(b"junk", NOW), glimpse(2)))
    await (await start(log)).shows(PAGEVIEWS, [(2,)])
    log.put(new(glimpse(3)))
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(3,)])
    assert projector.rows("select count(*) from dead_letter") == [(1,)]
    assert projector.rows("select * from log_offset") == [(0, 4)]


@pytest.mark.parametrize("claimed", [-(2**62), pytest.param(2**62, marks=pytest.mark.long)])
async def test_a_foreign_record_with_an_absurd_time_stops_nothing(
    start: Started, claimed: int
) -> None:
    log = MemoryLog()
    log.put(new(Stored(b"junk", claimed), glimpse(1)))
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(1,)])
    assert projector.rows("select count(received_at) from dead_letter") == [(1,)]


async def test_what_was_read_before_a_gap_is_kept(start: Started) -> None:
    log = MemoryLog()
    projector = await start(log, batch_seconds=5)
    log.put(new(glimpse(1)))
    await projector.has_taken(1)
    log.put(new(glimpse(2), glimpse(3)))
    log.truncate(2)
    with pytest.raises(LogMismatch, match="from 1 to 1 are gone"):
        await projector.task
    await projector.reaches({0: 1})


async def test_stopping_publishes_all_that_the_log_has(start: Started) -> None:
    log = MemoryLog()
    projector = await start(log, publish_seconds=3600, batch_seconds=3600)
    await projector.shows(PAGEVIEWS, [(0,)])
    log.put(new(glimpse(1)))
    await projector.has_taken(1)
    log.put(new(glimpse(2)))
    await projector.stop()
    assert projector.rows(PAGEVIEWS) == [(2,)]


async def test_a_silent_log_is_waited_for(
    start: Started, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.consumers.projector.RETRY_AFTER", 0.05)
    log = MemoryLog()
    log.put(new(glimpse(1)))
    log.fail("away")
    projector = await start(log)
    await told("trying again: ", caplog)
    log.resume()
    await projector.shows(PAGEVIEWS, [(1,)])
    caplog.clear()
    log.fail("away again")
    await told("trying again: ", caplog)
    log.resume()
    log.put(new(glimpse(2)))
    await projector.shows(PAGEVIEWS, [(2,)])


async def told(what: str, caplog: pytest.LogCaptureFixture, within: float = 20) -> None:
    """Wait until a warning says it."""
    async with asyncio.timeout(within):
        while what not in caplog.text:
            await asyncio.sleep(0.01)


async def test_a_log_away_during_an_erasure_is_waited_for_too(
    start: Started, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.consumers.projector.RETRY_AFTER", 0.05)
    log = MemoryLog()
    ask = MemoryReader.start
    asked = 0

    async def moody(reader: MemoryReader, partition: int) -> int:
        nonlocal asked
        asked += 1
        if asked == 2:  # the first time is when reading begins
            raise LogUnavailable("a new leader is being chosen")
        return await ask(reader, partition)

    monkeypatch.setattr(MemoryReader, "start", moody)
    projector = await start(log, batch_facts=1)
    log.put(new(*shared_by_two()))
    await told("a new leader is being chosen", caplog)
    await projector.shows("select engagement_time, first_seq from pageview", [(7.0, 1)])


def shared_by_two() -> list[Stored]:
    """A pageview of two visitors, of whom one is forgotten: a row that must be rebuilt."""
    return [
        glimpse(1, 0, visitor=1, received_at=NOW),
        glimpse(1, 1, visitor=2, engagement_ms=7000, received_at=NOW + 7000),
        forgotten(1, NOW + 9000),
    ]


@pytest.mark.parametrize(("seed", "times"), [(1, 4), pytest.param(2, 8, marks=pytest.mark.long)])
async def test_erasures_over_partitions_and_stops_at_any_moment_lose_no_row(
    start: Started, tmp_path: Path, seed: int, times: int
) -> None:
    rng = Random(seed)
    records = [
        glimpse(
            rng.randint(1, 12),
            seq,
            session=rng.randint(1, 5),
            visitor=rng.randint(1, 4),
            engagement_ms=seq * 1000,
            received_at=NOW + rng.randint(0, 50) * 1000,
        )
        for seq in range(6)
        for _ in range(times)
    ]
    for visitor in (1, 2, 3):
        records.insert(
            rng.randrange(len(records)), forgotten(visitor, NOW + rng.randint(0, 50_000))
        )
    with Projected(tmp_path / "expected.duckdb") as projected:
        expected = projected.append(records).project().tables()

    log = MemoryLog(partitions=3)
    log.put(new(*records))
    ends = {each: await log.reader().end(each) for each in range(3)}
    for _ in range(4):
        projector = await start(log, batch_facts=rng.randint(3, 8))
        await asyncio.sleep(rng.uniform(0, 0.6))
    await projector.reaches(ends, within=100)
    await projector.stop()
    with Projected(tmp_path / "data" / "live" / "warehouse.duckdb") as live:
        assert live.tables() == expected


async def test_partitions_that_appear_are_read_from_their_start(
    start: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.consumers.projector.PARTITIONS_EVERY", 0.1)
    log = MemoryLog()
    projector = await start(log)
    log.put(new(glimpse(1, visitor=1)))
    await projector.shows(PAGEVIEWS, [(1,)])
    log.add_partition()
    log.put(new(*(glimpse(n, visitor=n, session=n) for n in range(2, 30))))
    await projector.shows(PAGEVIEWS, [(29,)])
    assert len(projector.rows("select * from log_offset")) == 2


async def test_nothing_is_lost_when_the_log_fails_while_partitions_appear(
    start: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.consumers.projector.PARTITIONS_EVERY", 0.1)
    monkeypatch.setattr("dwell.consumers.projector.RETRY_AFTER", 0.1)
    asked, assign = MemoryReader.partitions, MemoryReader.assign
    numbers, failures = itertools.count(1), iter([True, True])
    log = MemoryLog()

    async def facts_come() -> None:
        while True:
            log.put(new(glimpse(number := next(numbers), visitor=number, session=number)))
            await asyncio.sleep(0.01)

    async def slowly(reader: MemoryReader) -> list[int]:
        partitions = await asked(reader)
        if len(partitions) == 2:
            await asyncio.sleep(0.1)  # facts are gathered meanwhile
        return partitions

    async def fails_twice(reader: MemoryReader, positions: dict[int, int]) -> None:
        if len(positions) == 2 and next(failures, False):
            raise LogUnavailable("no leader")
        await assign(reader, positions)

    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(0,)])
    monkeypatch.setattr(MemoryReader, "partitions", slowly)
    monkeypatch.setattr(MemoryReader, "assign", fails_twice)
    coming = asyncio.create_task(facts_come())
    await asyncio.sleep(0.2)
    log.add_partition()
    await projector.shows("select count(*) from log_offset", [(2,)])
    coming.cancel()
    await projector.shows(PAGEVIEWS, [(next(numbers) - 1,)])


async def test_another_log_stops_it_before_anything_is_read(start: Started) -> None:
    first = await start(MemoryLog(identity="one"))
    await first.reaches({0: 0})
    await first.shows(PAGEVIEWS, [(0,)])
    other = MemoryLog(identity="two")
    other.put(new(glimpse(1)))
    projector = await start(other)
    with pytest.raises(LogMismatch, match="made from log one, and the log at hand is two"):
        await projector.task
    assert projector.rows(PAGEVIEWS) == [(0,)]


async def test_a_gap_in_the_log_stops_it_and_is_named(start: Started) -> None:
    log = MemoryLog()
    log.put(new(glimpse(1)))
    await (await start(log)).shows(PAGEVIEWS, [(1,)])
    log.put(new(glimpse(2), glimpse(3)))
    log.truncate(2)
    projector = await start(log)
    with pytest.raises(LogMismatch, match="1"):
        await projector.task
    assert projector.rows(PAGEVIEWS) == [(1,)]


async def test_facts_of_a_partition_that_was_empty_are_missed_when_they_are_gone(
    start: Started,
) -> None:
    log = MemoryLog(partitions=2)
    first, second = visitors_of(2)
    log.put(new(glimpse(1, visitor=first)))
    projector = await start(log)
    await projector.shows("from log_offset order by all", [(0, 1), (1, 0)])
    await projector.stop()
    log.put(new(*(glimpse(n, visitor=second) for n in range(2, 12))))
    log.truncate(6, partition=1)
    projector = await start(log)
    with pytest.raises(LogMismatch, match=r"offset 0 of partition 1 .* from 0 to 5 are gone"):
        await projector.task
    assert projector.rows(PAGEVIEWS) == [(1,)]


async def test_facts_of_a_new_partition_are_missed_when_they_are_gone(start: Started) -> None:
    log = MemoryLog()
    log.put(new(glimpse(1)))
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(1,)])
    await projector.stop()
    log.add_partition()
    log.put(new(*(glimpse(n, visitor=visitors_of(2)[1]) for n in range(2, 12))))
    log.truncate(6, partition=1)
    projector = await start(log)
    with pytest.raises(LogMismatch, match=r"offset 0 of partition 1 .* from 0 to 5 are gone"):
        await projector.task


async def test_an_empty_warehouse_begins_with_what_the_log_has(start: Started) -> None:
    log = MemoryLog(partitions=2)
    first, second = visitors_of(2)
    log.put(new(glimpse(1, visitor=first), *(glimpse(n, visitor=second) for n in (2, 3))))
    log.truncate(1, partition=1)
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(2,)])
    await (await start(log)).shows("from log_offset order by all", [(0, 1), (1, 2)])


def visitors_of(partitions: int) -> list[int]:
    """By partition, a visitor whose facts go there."""
    found = {crc32(glimpse(visitor=each).key) % partitions: each for each in range(1, 50)}
    return [found[each] for each in range(partitions)]


async def test_an_erasure_among_facts_out_of_order_is_rebuilt(start: Started) -> None:
    log = MemoryLog()
    projector = await start(log, batch_facts=1)
    log.put(
        new(
            glimpse(1, 0, visitor=1, received_at=NOW),
            glimpse(1, 1, visitor=1, engagement_ms=7000, received_at=NOW + 7000),
            forgotten(1, NOW + 100),
            glimpse(2, 0, visitor=2, session=2, received_at=NOW + 8000),
        )
    )
    await projector.shows(
        "select engagement_time, first_seq from pageview order by all", [(0.0, 0), (7.0, 1)]
    )


ROWS = "select visitor_id::varchar, other_visitor_ids, engagement_time from pageview order by all"
SESSIONS = "select visitor_id::varchar, other_visitor_ids, pageviews from tracking_session"


async def test_who_was_not_forgotten_keeps_what_cannot_be_built_anew(
    start: Started, caplog: pytest.LogCaptureFixture
) -> None:
    log = MemoryLog()
    log.put(
        new(
            glimpse(1, 0, visitor=1),
            glimpse(1, 1, visitor=2, engagement_ms=5000, received_at=NOW + 5000),
            glimpse(2, visitor=1, engagement_ms=2000, received_at=NOW + 6000),
            glimpse(3, visitor=2, engagement_ms=3000, received_at=NOW + 7000),
        )
    )
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(3,)])
    log.truncate(1)
    log.put(new(forgotten(1, NOW + 10_000)))
    await projector.shows(ROWS, [(uuid7(2), None, 3.0), (uuid7(2), None, 5.0)])
    assert projector.rows(SESSIONS) == [(uuid7(2), None, 2)]
    assert projector.rows("select count(*) from visibility_change") == [(3,)]
    assert "1 pageviews and 1 sessions have other visitors too" in caplog.text


async def test_what_can_be_built_anew_is_though_its_session_cannot(start: Started) -> None:
    log = MemoryLog()
    log.put(
        new(
            glimpse(1, visitor=2),
            glimpse(2, 0, visitor=1, received_at=NOW + 1000),
            glimpse(2, 1, visitor=2, engagement_ms=4000, received_at=NOW + 5000),
        )
    )
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(2,)])
    log.truncate(1)
    log.put(new(forgotten(1, NOW + 10_000)))
    await projector.shows(
        "select visitor_id::varchar, other_visitor_ids, first_seq from pageview order by all",
        [(uuid7(2), None, 0), (uuid7(2), None, 1)],
    )
    assert projector.rows(SESSIONS) == [(uuid7(2), None, 2)]


async def test_what_a_visitor_did_after_being_forgotten_is_built_from_what_is_left(
    start: Started,
) -> None:
    log = MemoryLog()
    log.put(
        new(
            glimpse(1, 0, visitor=1),
            glimpse(1, 1, visitor=1, engagement_ms=5000, received_at=NOW + 5000),
        )
    )
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(1,)])
    log.truncate(1)
    log.put(new(forgotten(1, NOW + 1000)))
    await projector.shows("select first_seq, engagement_time from pageview", [(1, 5.0)])
    assert projector.rows(SESSIONS) == [(uuid7(1), None, 1)]


async def test_an_erasure_heeds_no_time_that_a_foreign_producer_gave_its_records(
    start: Started,
) -> None:
    log = MemoryLog()
    first, second = glimpse(1, 0, visitor=1), glimpse(1, 1, visitor=2, received_at=NOW + 6000)
    log.put([NewRecord(first.key, first.value, NOW - 60_000)])
    log.put(new(second))
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(1,)])
    log.put(new(forgotten(2, NOW + 10_000)))
    await projector.shows(ROWS, [(uuid7(1), None, 0.0)])


async def test_a_publication_that_fails_is_tried_again(start: Started, tmp_path: Path) -> None:
    log = MemoryLog()
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(0,)])
    projector.published.unlink()
    projector.published.mkdir()
    log.put(new(glimpse(1)))
    await projector.is_troubled("not_published")
    projector.published.rmdir()
    await projector.shows(PAGEVIEWS, [(1,)])
    await projector.is_troubled(None)


async def test_it_says_in_a_word_that_the_log_does_not_answer(start: Started) -> None:
    log = MemoryLog()
    log.fail("away")
    projector = await start(log)
    await projector.is_troubled("log_unavailable")
    log.resume()
    await projector.is_troubled(None)
    log.fail("away again")
    await projector.is_troubled("log_unavailable")


async def test_what_it_did_is_counted_whichever_projector_did_it(start: Started) -> None:
    log = MemoryLog()
    log.put(new(*(glimpse(each) for each in range(10))))
    projector = await start(log)
    await projector.shows(PAGEVIEWS, [(10,)])
    tally = projector.tally
    assert tally.records.sum == 10
    assert sum(tally.transactions.counts) == sum(tally.records.counts) >= 1
    assert sum(tally.publications.counts) >= 2
    assert tally.failed_publications == 0


async def test_a_shard_that_no_partition_falls_to_is_well(start: Started) -> None:
    projector = await start(MemoryLog(), shard="2/2")
    await projector.is_troubled(None)
