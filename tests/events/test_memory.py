"""The in-memory log keeps the contract, and its faults are what tests need."""

import asyncio

import pytest

from dwell.errors import LogUnavailable
from dwell.events.log import LogReader, LogWriter
from dwell.events.memory import MemoryLog
from tests.events.contract import LogContract, read_all, record, records, values


class TestMemoryLog(LogContract):
    @pytest.fixture(autouse=True)
    def log(self) -> None:
        self.memory = MemoryLog()

    def make_writer(self, *, waiting_bytes: int = 2**26, durable_within: float = 10) -> LogWriter:
        return self.memory.writer(waiting_bytes=waiting_bytes, durable_within=durable_within)

    def make_reader(self) -> LogReader:
        return self.memory.reader()

    async def stop(self) -> None:
        self.memory.stop()

    async def resume(self) -> None:
        self.memory.resume()

    async def lose(self, first: int, last: int) -> None:
        self.memory.truncate(last + 1)

    async def leave_gap(self) -> None:
        self.memory.skip(4)


async def test_a_key_stays_in_one_partition_and_in_order() -> None:
    log = MemoryLog(partitions=4)
    writer = log.writer()
    for number in range(40):
        await writer.append([record(number, key=b"visitor %d" % (number % 7))])
    reader = log.reader()
    await reader.assign({each: await reader.start(each) for each in await reader.partitions()})
    batches = await read_all(reader, 40)
    assert len({batch.partition for batch in batches}) > 1
    homes: dict[bytes, list[int]] = {}
    for batch in batches:
        for key, value in zip(batch.keys, batch.values, strict=True):
            homes.setdefault(key, []).append(int(value[10:-1]))
    assert all(numbers == sorted(numbers) for numbers in homes.values())
    assert sum(len(set(batch.keys)) for batch in batches) == 7
    await writer.close()


async def test_a_failing_log_answers_with_its_trouble_until_it_is_well_again() -> None:
    log = MemoryLog()
    writer, reader = log.writer(), log.reader()
    log.fail("the disk is on fire")
    with pytest.raises(LogUnavailable, match="on fire"):
        await writer.append([record(1)])
    with pytest.raises(LogUnavailable, match="on fire"):
        await reader.end(0)
    log.resume()
    await writer.append([record(2)])
    assert [each.value for each in log.records()] == [record(2).value]
    await writer.close()


async def test_a_log_that_stalls_and_then_fails_is_refused_until_a_probe_succeeds() -> None:
    log = MemoryLog()
    writer = log.writer(durable_within=0.05)
    log.stop()
    with pytest.raises(LogUnavailable):
        await writer.append([record(1)])
    log.fail("still starting")
    await asyncio.sleep(0.02)
    with pytest.raises(LogUnavailable, match="does not answer"):
        await writer.append([record(2)])
    log.resume()
    async with asyncio.timeout(5):
        while True:
            try:
                await writer.append([record(3)])
                break
            except LogUnavailable:
                await asyncio.sleep(0.02)
    assert log.records() == [record(3)]
    await writer.close()


async def test_a_partition_that_is_added_is_noticed_and_read() -> None:
    log = MemoryLog()
    reader = log.reader()
    assert await reader.partitions() == [0]
    added = log.add_partition()
    assert await reader.partitions() == [0, added]
    log.put([record(number, key=b"%d" % number) for number in range(20)])
    await reader.assign({0: 0, added: 0})
    assert {batch.partition for batch in await read_all(reader, 20)} == {0, added}


async def test_skipped_offsets_leave_a_gap() -> None:
    log = MemoryLog()
    log.put(records(2))
    log.skip(5)
    log.put(records(1, 2))
    reader = log.reader()
    await reader.assign({0: 0})
    (batch,) = await reader.read(10, 1)
    assert batch.offsets == [0, 1, 7]
    assert values([batch]) == [each.value for each in records(3)]
