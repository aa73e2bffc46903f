"""Several projectors on one log, each with its share of the partitions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest

from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog
from dwell.settings import Settings
from tests.consumers.test_projector import PAGEVIEWS, Running, new
from tests.support.facts import NOW, Projected, forgotten, glimpse, uuid7
from tests.support.sharding import tables_of

Started = Callable[..., Running]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """They look at the log's partitions and at each other without waiting for long."""
    monkeypatch.setattr("dwell.consumers.projector.PARTITIONS_EVERY", 0.1)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Started]:
    """Starts a shard's projector beside the others."""
    running: list[Running] = []

    def begin(log: MemoryLog, shard: str, **settings: object) -> Running:
        chosen = {"data": tmp_path / "data", "batch_seconds": 0.01, "publish_seconds": 0.05}
        running.append(
            Running(log, Settings.read(chosen | {"shard": shard} | settings, environ={}))
        )
        return running[-1]

    yield begin
    for each in running:
        if not each.stopped:
            await each.stop()


async def test_shards_read_disjoint_partitions_and_together_everything(start: Started) -> None:
    log = MemoryLog(partitions=4)
    first, second = start(log, "1/2"), start(log, "2/2")
    log.put(new(*(glimpse(n, session=n, visitor=n) for n in range(1, 41))))
    await first.shows(PAGEVIEWS, [(40,)])
    owned = (
        "select list(partition order by partition) from shards.log_offset group by partition % 2"
    )
    assert sorted(first.rows(owned)) == [([0, 2],), ([1, 3],)]
    assert first.rows("select sum(next_offset) from log_offset") == [(40,)]
    await second.stop()


async def test_a_shard_without_a_partition_waits_for_its_own(start: Started) -> None:
    log = MemoryLog(partitions=1)
    first, second = start(log, "1/2"), start(log, "2/2")
    log.put(new(glimpse(1)))
    await first.shows(PAGEVIEWS, [(1,)])
    await second.shows("select count(*) from shard", [(2,)])
    log.add_partition()
    log.put(new(*(glimpse(n, session=n, visitor=n) for n in range(2, 30))))
    await first.shows(PAGEVIEWS, [(29,)])
    await second.reaches({1: await log.reader().end(1)})
    assert (await log.reader().end(1)) > 0
    await first.reaches({0: await log.reader().end(0)})


async def test_a_session_that_moves_to_another_shard_stays_one(start: Started) -> None:
    log = MemoryLog(partitions=1)
    first = start(log, "1/2")
    start(log, "2/2")
    visitor = moving(log)
    log.put(new(glimpse(1, visitor=visitor), glimpse(2, visitor=visitor)))
    await first.shows(PAGEVIEWS, [(2,)])
    log.add_partition()
    log.put(
        new(
            glimpse(2, 1, visitor=visitor, engagement_ms=7000, received_at=NOW + 7000),
            glimpse(3, visitor=visitor, received_at=NOW + 8000),
        )
    )
    await first.shows(
        "select session_id::varchar, pageviews, (select sum(engagement_time) from pageview) "
        "from tracking_session",
        [(uuid7(1), 3, 7.0)],
    )
    assert first.rows("select count(*) from shards.tracking_session") == [(2,)]


def moving(log: MemoryLog) -> int:
    """A visitor whose facts go to partition 1 once there are two."""
    probe = MemoryLog(partitions=2)
    for visitor in range(1, 50):
        probe.put([NewRecord(glimpse(visitor=visitor).key, b"", NOW)])
        if probe._partitions[1].records:
            return visitor
    raise AssertionError


async def test_an_erasure_that_another_shard_reads_is_heeded(start: Started) -> None:
    log = MemoryLog(partitions=1)
    first = start(log, "1/2")
    start(log, "2/2")
    visitor = moving(log)
    log.put(
        new(
            glimpse(1, visitor=visitor),
            glimpse(1, 1, visitor=50, engagement_ms=3000),
            glimpse(2, session=2, visitor=visitor),
        )
    )
    await first.shows(PAGEVIEWS, [(2,)])
    log.add_partition()
    erasure = forgotten(visitor, NOW + 1)
    log.put([NewRecord(uuid7(visitor).encode(), erasure.value, erasure.timestamp)])
    await first.shows(
        "select pageview_id::varchar, first_seq, visitor_id::varchar from pageview",
        [(uuid7(1), 1, uuid7(50))],
    )
    assert first.rows("select visitor_id::varchar from erasure") == [(uuid7(visitor),)]


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
async def test_shards_over_a_growing_log_give_the_tables_of_one_projector(
    start: Started, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.consumers.projector.PARTITIONS_EVERY", 0.3)
    rng = Random(seed)
    records = [
        glimpse(
            rng.randint(1, 12),
            seq,
            session=rng.randint(1, 5),
            visitor=rng.randint(1, 6),
            engagement_ms=seq * 1000,
            received_at=NOW + rng.randint(0, 50) * 1000,
        )
        for seq in range(6)
        for _ in range(8)
    ]
    for visitor in (1, 2):
        records.insert(
            rng.randrange(len(records)), forgotten(visitor, NOW + rng.randint(0, 50_000))
        )
    with Projected(tmp_path / "expected.duckdb") as projected:
        expected = projected.append(records).project().tables()

    log = MemoryLog(partitions=2)
    running = [start(log, f"{number}/3", batch_facts=rng.randint(4, 9)) for number in (1, 2, 3)]
    for begin in range(0, len(records), 10):
        if begin in (20, 40):
            log.add_partition()
        log.put(new(*records[begin : begin + 10]))
        await asyncio.sleep(rng.uniform(0, 0.2))
    async with asyncio.timeout(60):
        while not all(each.published.exists() for each in running) or (
            tables_of(running[0].published) != expected
        ):
            assert not any(each.task.done() for each in running)
            await asyncio.sleep(0.1)
    for each in running:
        await each.stop()
    assert tables_of(running[0].published) == expected
