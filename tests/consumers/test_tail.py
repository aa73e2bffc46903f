"""A log is followed through everything that befalls it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from dwell.consumers import tail as tailing
from dwell.consumers.archived import ArchivedReader
from dwell.consumers.archiving import archive
from dwell.consumers.lookup import Record
from dwell.consumers.tail import Tail
from dwell.errors import LogGap, LogUnavailable
from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog
from dwell.events.opening import open_reader
from dwell.warehouse.archive import Archive
from tests.support.facts import NOW, glimpse
from tests.support.replaying import LATEST, Quiet, append, settings_of


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again sooner than people need."""
    monkeypatch.setattr(tailing, "RETRY_AFTER", 0.01)
    monkeypatch.setattr(tailing, "PARTITIONS_EVERY", 0.05)
    monkeypatch.setattr(tailing, "WAIT", 0.02)


class Watcher:
    """Somebody who watches, and what was said and shown to them."""

    def __init__(
        self,
        log: MemoryLog,
        keep: Callable[[Record], bool] = lambda _: True,
        *,
        patient: bool = True,
    ) -> None:
        self.said: list[str] = []
        self.tail = Tail(log.reader(), keep, self.said.append, patient=patient)
        self._following: AsyncIterator[list[Record]] | None = None
        self._shown: list[bytes] = []

    async def sees(self, *values: bytes) -> None:
        """Wait until these come next, in this order."""
        if self._following is None:
            self._following = self.tail.follow()
        async with asyncio.timeout(10):
            while len(self._shown) < len(values):
                self._shown += [each.value for each in await anext(self._following)]
        assert self._shown == list(values)
        self._shown = []


def put(log: MemoryLog, *values: bytes, at: int = 1000, key: bytes = b"key") -> None:
    log.put([NewRecord(key, value, at + number) for number, value in enumerate(values)])


async def test_the_last_ones_come_first_and_then_what_comes() -> None:
    log = MemoryLog()
    put(log, b"1", b"2", b"3")
    watcher = Watcher(log)
    assert [each.value for each in await watcher.tail.begin_behind_last(2)] == [b"2", b"3"]
    put(log, b"4")
    await watcher.sees(b"4")


async def test_the_last_wanted_ones_are_looked_for_as_far_back_as_need_be() -> None:
    log = MemoryLog(2)
    for number in range(500):
        wanted = number in (3, 7, 250)
        put(log, b"wanted" if wanted else b"not", at=number, key=b"%d" % (number % 9))
    found = await Watcher(log, lambda each: each.value == b"wanted").tail.begin_behind_last(2)
    assert [each.timestamp for each in found] == [7, 250]


async def test_nobody_searches_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "LOOK_BACK", 100)
    log = MemoryLog()
    put(log, b"wanted", *[b"not"] * 300)
    watcher = Watcher(log, lambda each: each.value == b"wanted")
    assert await watcher.tail.begin_behind_last(1) == []
    assert watcher.said == ["the last 100 records of partition 0 were searched alone"]


async def test_what_is_there_is_shown_to_its_end_and_no_farther() -> None:
    log = MemoryLog(2)
    for number in range(20):
        put(log, b"%d" % number, at=number, key=b"%d" % number)
    tail = Watcher(log).tail
    await tail.begin_at_time(5)
    ends = await tail.ends()
    put(log, b"too late", at=99)
    shown = [each.timestamp async for records in tail.up_to(ends) for each in records]
    assert shown == list(range(5, 20))


async def test_a_log_that_is_away_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    log = MemoryLog()
    log.fail("nobody is there")
    watcher = Watcher(log)
    beginning = asyncio.create_task(watcher.tail.begin_at_starts())
    await away(1, caplog)
    put(log, b"1")
    log.resume()
    await beginning
    await watcher.sees(b"1")
    log.fail("away again")
    seeing = asyncio.create_task(watcher.sees(b"2"))
    await away(2, caplog)
    log.resume()
    put(log, b"2")
    await seeing
    assert [each.message.partition(":")[0] for each in caplog.records] == [
        *("the log does not answer, trying again", "the log answers again") * 2,
    ]


async def away(times: int, caplog: pytest.LogCaptureFixture) -> None:
    """Wait until it was said so many times that the log does not answer."""
    async with asyncio.timeout(10):
        while sum("trying again" in each for each in caplog.messages) < times:
            await asyncio.sleep(0.01)


async def test_who_does_not_follow_is_told_at_once_that_the_log_is_away() -> None:
    log = MemoryLog()
    log.fail("nobody is there")
    with pytest.raises(LogUnavailable, match="nobody is there"):
        await Watcher(log, patient=False).tail.begin_at_starts()


async def test_partitions_that_are_new_are_read_from_their_beginning() -> None:
    log = MemoryLog()
    watcher = Watcher(log)
    await watcher.tail.begin_behind_last(0)
    put(log, b"1")
    await watcher.sees(b"1")
    log.add_partition()
    for visitor in range(8):
        put(log, b"2", key=b"%d" % visitor)
    await watcher.sees(*[b"2"] * 8)
    assert set(watcher.tail.positions) == {0, 1}


async def test_where_the_log_has_dropped_what_comes_next_it_goes_on_behind() -> None:
    log = MemoryLog()
    put(log, b"1", b"2", b"3")
    watcher = Watcher(log)
    await watcher.tail.begin_at_starts()
    log.truncate(2)
    await watcher.sees(b"3")
    [said] = watcher.said
    assert "the facts from 0 to 1 are gone; going on behind them" in said


async def test_what_the_log_drops_meanwhile_comes_from_the_archive(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    facts = [glimpse(each, received_at=NOW + each) for each in range(1, 31)]
    await asyncio.to_thread(append, settings, facts)
    await asyncio.to_thread(archive, settings, LATEST, processes=1, watcher=Quiet())
    kept = Archive.open(settings.archive_folder)
    assert kept is not None
    said: list[str] = []
    reader = ArchivedReader(open_reader(settings), kept)
    tail = Tail(reader, lambda _: True, said.append, patient=True)
    await tail.begin_at({0: 10})
    with closing(sqlite3.connect(settings.embedded_log)) as connection, connection:
        connection.execute('delete from record where "offset" < 20')
    shown: list[int] = []
    async with asyncio.timeout(20):
        async for records in tail.follow():
            shown += [each.offset for each in records]
            if len(shown) >= 20:
                break
    assert (shown, said) == (list(range(10, 30)), [])
    await reader.close()


async def test_an_offset_that_is_not_there_is_refused_with_the_bounds() -> None:
    log = MemoryLog()
    put(log, b"1", b"2")
    with pytest.raises(LogGap, match="offset 3 of partition 0 lies beyond the end"):
        await Watcher(log).tail.begin_at({0: 3})
