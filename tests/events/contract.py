"""What every log must do. A test class for a log inherits this and says how its log is made."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from dwell.errors import LogFull, LogMismatch, LogUnavailable
from dwell.events.log import Batch, LogReader, LogWriter, NewRecord

NOW = 1_763_880_000_000
VISITOR = b"0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01"


def record(number: int, timestamp: int = NOW, key: bytes = VISITOR) -> NewRecord:
    """A record that tells its number by its value."""
    return NewRecord(key, b'{"number":%d}' % number, timestamp)


def records(count: int, start: int = 0) -> list[NewRecord]:
    """So many, one millisecond after the other."""
    return [record(number, NOW + number) for number in range(start, start + count)]


def values(batches: Sequence[Batch]) -> list[bytes]:
    """The values of all batches, in order."""
    return [value for batch in batches for value in batch.values]


async def opened(writer: LogWriter, within: float = 20) -> None:
    """Wait until a writer with a short deadline has found its log, which may take longer."""
    async with asyncio.timeout(within):
        while True:
            try:
                return await writer.check()
            except LogUnavailable:
                await asyncio.sleep(0.05)


async def read_all(reader: LogReader, count: int, within: float = 20) -> list[Batch]:
    """Batches until they hold so many records."""
    found: list[Batch] = []
    async with asyncio.timeout(within):
        while sum(map(len, found)) < count:
            found += await reader.read(1000, 0.5)
    return found


class LogContract(ABC):
    """The tests; `make_…` and the faults below them are the log's own."""

    @abstractmethod
    def make_writer(
        self, *, waiting_bytes: int = 2**26, durable_within: float = 10
    ) -> LogWriter: ...

    @abstractmethod
    def make_reader(self) -> LogReader: ...

    @abstractmethod
    async def stop(self) -> None:
        """Let the log answer no write."""

    @abstractmethod
    async def resume(self) -> None:
        """Let it answer again, the writes under way first."""

    @abstractmethod
    async def lose(self, first: int, last: int) -> None:
        """Take the oldest records, from `first` to `last`, out of the log."""

    @abstractmethod
    async def leave_gap(self) -> None:
        """Leave offsets unused before the next record."""

    reads_ahead = False
    """Whether a reader may hold records that it was not asked for yet, and return them though they
    are lost from the log meanwhile."""

    @pytest_asyncio.fixture
    async def writer(self) -> AsyncIterator[LogWriter]:
        writer = self.make_writer()
        yield writer
        await writer.close()

    @pytest_asyncio.fixture
    async def reader(self, writer: LogWriter) -> AsyncIterator[LogReader]:
        reader = self.make_reader()
        yield reader
        await reader.close()

    async def test_what_was_appended_is_read_in_order_and_once(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        for start in range(0, 300, 100):
            await writer.append(records(100, start))
        await reader.assign({0: await reader.start(0)})
        batches = await read_all(reader, 300)
        assert values(batches) == [each.value for each in records(300)]
        assert await reader.read(10, 0) == []

    async def test_a_batch_carries_key_time_and_ascending_offsets(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append([record(1, NOW + 7, b"a"), record(2, NOW + 3, b"a")])
        start = await reader.start(0)
        await reader.assign({0: start})
        (batch,) = await reader.read(10, 5)
        assert batch.partition == 0
        assert batch.keys == [b"a", b"a"]
        assert batch.timestamps == [NOW + 7, NOW + 3]
        assert batch.offsets[0] == start
        assert batch.offsets == sorted(set(batch.offsets))
        assert batch.next_offset == await reader.end(0)

    async def test_an_empty_log_starts_where_it_ends(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.check()
        assert await reader.start(0) == await reader.end(0)
        assert await reader.offset_at(0, NOW) == await reader.end(0)

    async def test_start_and_end_are_told_of_many_partitions_at_once(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(3))
        assert await reader.bounds([]) == {}
        assert await reader.bounds([0]) == {0: (await reader.start(0), await reader.end(0))}

    async def test_a_reader_goes_on_from_any_offset(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(10))
        await reader.assign({0: await reader.start(0)})
        first = await reader.read(4, 5)
        assert len(values(first)) == 4
        other = self.make_reader()
        await other.assign({0: first[-1].next_offset})
        assert values(await read_all(other, 6)) == [each.value for each in records(6, 4)]
        await other.close()

    async def test_a_read_returns_nothing_more_than_it_was_asked_for(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(10))
        await reader.assign({0: await reader.start(0)})
        assert len(values(await reader.read(3, 5))) == 3

    async def test_readers_do_not_move_each_other(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(5))
        other = self.make_reader()
        for each in (reader, other):
            await each.assign({0: await each.start(0)})
            assert len(values(await read_all(each, 5))) == 5
        await other.close()

    async def test_a_reader_waits_for_what_is_still_to_come(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.check()
        await reader.assign({0: await reader.end(0)})
        assert await reader.read(10, 0.02) == []
        reading = asyncio.create_task(reader.read(10, 20))
        await asyncio.sleep(0.05)
        await writer.append([record(1)])
        appended = asyncio.get_running_loop().time()
        assert values(await reading) == [record(1).value]
        assert asyncio.get_running_loop().time() - appended < 2

    async def test_a_cancelled_read_takes_nothing_along(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.check()
        await reader.assign({0: await reader.end(0)})
        reading = asyncio.create_task(reader.read(10, 20))
        await asyncio.sleep(0.02)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await writer.append([record(1)])
        assert values(await read_all(reader, 1)) == [record(1).value]

    async def test_reader_and_writer_go_side_by_side(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.check()
        await reader.assign({0: await reader.start(0)})
        reading = asyncio.create_task(read_all(reader, 1000))
        for start in range(0, 1000, 20):
            await writer.append(records(20, start))
        assert values(await reading) == [each.value for each in records(1000)]

    async def test_many_callers_at_once_each_find_their_records_in_their_order(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        async def caller(number: int) -> None:
            for step in range(20):
                await writer.append([record(number * 100 + step)])

        await asyncio.gather(*(caller(number) for number in range(32)))
        await reader.assign({0: await reader.start(0)})
        found = values(await read_all(reader, 640))
        for number in range(32):
            mine = [record(number * 100 + step).value for step in range(20)]
            assert [value for value in found if value in mine] == mine

    async def test_a_time_leads_to_the_first_record_received_then_or_later(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        times = [10, 30, 20, 20, 50, 40, 60]
        await writer.append([record(number, NOW + time) for number, time in enumerate(times)])
        start = await reader.start(0)
        for time in range(62):
            expected = next(place for place, each in enumerate([*times, 99]) if each >= time)
            assert await reader.offset_at(0, NOW + time) == start + expected, time

    async def test_the_identity_is_the_same_for_all_readers_and_stays(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append([record(1)])
        identity = await reader.identity()
        await writer.append([record(2)])
        other = self.make_reader()
        assert await other.identity() == identity
        await other.close()

    async def test_an_offset_beyond_the_end_is_refused_with_both_named(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(3))
        end = await reader.end(0)
        with pytest.raises(LogMismatch, match=rf"offset {end + 5} .* {end}"):
            await reader.assign({0: end + 5})

    async def test_an_offset_before_the_start_is_refused_with_the_gap_named(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(10))
        start = await reader.start(0)
        await self.lose(start, start + 3)
        assert await reader.start(0) == start + 4
        with pytest.raises(LogMismatch, match=rf"from {start} to {start + 3} are gone"):
            await reader.assign({0: start})
        await reader.assign({0: start + 4})
        assert len(values(await read_all(reader, 6))) == 6

    async def test_a_reader_overtaken_by_the_loss_of_old_records_says_so(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(10))
        start = await reader.start(0)
        await reader.assign({0: start})
        await reader.read(2, 5)
        await self.lose(start, start + 5)
        if self.reads_ahead:
            held = values(await read_all(reader, 8))
            assert held == [each.value for each in records(8, 2)]
            return
        with pytest.raises(LogMismatch, match=rf"from {start + 2} to {start + 5} are gone"):
            await reader.read(10, 5)

    async def test_gaps_between_records_are_legal(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(3))
        start = await reader.start(0)
        await self.leave_gap()
        await writer.append(records(3, 7))
        end = await reader.end(0)
        assert end - start > 6
        await reader.assign({0: start})
        found = await read_all(reader, 6)
        assert values(found) == [each.value for each in records(3) + records(3, 7)]
        assert found[-1].next_offset == end
        assert start + 3 <= await reader.offset_at(0, NOW + 4) <= end - 3

    async def test_reading_goes_on_in_the_middle_of_a_gap(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(3))
        start = await reader.start(0)
        await self.leave_gap()
        await writer.append(records(3, 7))
        await reader.assign({0: start + 3})
        assert values(await read_all(reader, 3)) == [each.value for each in records(3, 7)]

    async def test_the_position_goes_over_a_gap_at_the_end(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.append(records(3))
        await self.leave_gap()
        start, end = await reader.start(0), await reader.end(0)
        await reader.assign({0: start})
        assert await reader.position(0) == start
        await read_all(reader, 3)
        async with asyncio.timeout(20):
            while await reader.position(0) < end:
                assert await reader.read(10, 0.2) == []

    async def test_a_partition_that_is_not_there_is_refused(
        self, writer: LogWriter, reader: LogReader
    ) -> None:
        await writer.check()
        with pytest.raises(LogMismatch, match="partition 77"):
            await reader.assign({77: 0})

    async def test_a_full_waiting_room_refuses_at_once_and_appends_nothing(self) -> None:
        writer = self.make_writer(waiting_bytes=65_536)
        await writer.check()
        await self.stop()
        large = NewRecord(VISITOR, b"x" * 30_000, NOW)
        waiting = [asyncio.create_task(writer.append([large])) for _ in range(2)]
        await asyncio.sleep(0)
        before = asyncio.get_running_loop().time()
        with pytest.raises(LogFull, match="DWELL_WAITING_BYTES"):
            await writer.append([large])
        assert asyncio.get_running_loop().time() - before < 0.1
        await self.resume()
        await asyncio.gather(*waiting)
        await writer.append([large])
        await writer.close()
        reader = self.make_reader()
        await reader.assign({0: await reader.start(0)})
        assert len(values(await read_all(reader, 3))) == 3
        assert await reader.read(10, 0.02) == []
        await reader.close()

    async def test_a_log_that_stalls_is_refused_quickly_and_comes_back_by_itself(self) -> None:
        writer = self.make_writer(durable_within=0.3)
        await opened(writer)
        await writer.append([record(1)])
        await self.stop()
        loop = asyncio.get_running_loop()
        before = loop.time()
        with pytest.raises(LogUnavailable, match=r"within 0\.3 s"):
            await writer.append([record(2)])
        assert 0.25 < loop.time() - before < 2
        for _ in range(20):
            before = loop.time()
            with pytest.raises(LogUnavailable):
                await writer.append([record(3)])
            assert loop.time() - before < 0.1
        with pytest.raises(LogUnavailable):
            await writer.check()
        await self.resume()
        async with asyncio.timeout(5):
            while True:
                try:
                    await writer.append([record(4)])
                    break
                except LogUnavailable:
                    await asyncio.sleep(0.02)
        await writer.check()
        await writer.close()
        reader = self.make_reader()
        await reader.assign({0: await reader.start(0)})
        found = values(await read_all(reader, 2))
        assert found[0] == record(1).value
        assert found[-1] == record(4).value
        assert record(3).value not in found
        await reader.close()

    async def test_closing_makes_durable_what_waits_and_admits_nothing_more(self) -> None:
        writer = self.make_writer()
        waiting = [asyncio.create_task(writer.append([record(number)])) for number in range(50)]
        await asyncio.sleep(0)
        await writer.close()
        await asyncio.gather(*waiting)
        with pytest.raises(LogUnavailable, match="closed"):
            await writer.append([record(99)])
        reader = self.make_reader()
        assert await reader.end(0) - await reader.start(0) == 50
        await reader.close()

    async def test_closing_a_log_that_does_not_answer_ends_when_the_time_is_over(self) -> None:
        writer = self.make_writer(durable_within=0.3)
        await opened(writer)
        await self.stop()
        waiting = asyncio.create_task(writer.append([record(1)]))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await writer.close()
        with pytest.raises(LogUnavailable):
            await waiting
        await self.resume()

    async def test_a_caller_who_goes_away_harms_nobody(self, writer: LogWriter) -> None:
        await writer.check()
        await self.stop()
        impatient = asyncio.create_task(writer.append([record(1)]))
        patient = asyncio.create_task(writer.append([record(2)]))
        await asyncio.sleep(0)
        impatient.cancel()
        await self.resume()
        await patient
        assert impatient.cancelled()
