"""The SQLite log keeps the contract; kills, full disks and strange files do it no harm."""

import asyncio
import json
import os
import random
import re
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from dwell.errors import LogError, LogMismatch, LogUnavailable
from dwell.events import embedded, pace
from dwell.events.embedded import EmbeddedReader, EmbeddedWriter
from dwell.events.log import LogReader, LogWriter, NewRecord
from dwell.events.log_file import open_to_append
from dwell.events.opening import open_reader, open_writer
from dwell.events.space import Space
from dwell.settings import Settings
from tests.events.contract import NOW, VISITOR, LogContract, read_all, record, records, values

ROOT = Path(__file__).parents[2]


def writer_of(path: Path, waiting_bytes: int = 2**26, durable_within: float = 10) -> EmbeddedWriter:
    return EmbeddedWriter(path, waiting_bytes=waiting_bytes, durable_within=durable_within)


async def numbers_in(path: Path) -> list[int]:
    """The numbers of all records in the file, in order."""
    reader = EmbeddedReader(path)
    await reader.assign({0: await reader.start(0)})
    found = await read_all(reader, await reader.end(0) - await reader.start(0))
    await reader.close()
    return [json.loads(value)["number"] for value in values(found)]


def appender(path: Path, first: int, count: int) -> subprocess.Popen[str]:
    """A process that appends the numbers from `first` on and prints what was acknowledged."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.events.appender", str(path), str(first), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def acknowledged(output: str) -> list[int]:
    """The whole lines of what an appender printed."""
    return [int(line) for line in output.splitlines(keepends=True) if line.endswith("\n")]


class TestEmbeddedLog(LogContract):
    @pytest.fixture(autouse=True)
    def file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "live" / "log.sqlite"

    def make_writer(self, *, waiting_bytes: int = 2**26, durable_within: float = 10) -> LogWriter:
        return writer_of(self.path, waiting_bytes, durable_within)

    def make_reader(self) -> LogReader:
        return EmbeddedReader(self.path)

    async def stop(self) -> None:
        self.holder = sqlite3.connect(self.path, isolation_level=None)
        self.holder.execute("begin immediate")

    async def resume(self) -> None:
        self.holder.close()

    async def lose(self, first: int, last: int) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute('delete from record where "offset" between ? and ?', (first, last))

    async def leave_gap(self) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("update sqlite_sequence set seq = seq + 4 where name = 'record'")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live" / "log.sqlite"


async def test_the_setting_chooses_the_file_and_nothing_is_touched_before_its_use(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path / "data")
    writer, reader = open_writer(settings), open_reader(settings)
    assert not settings.data.exists()
    await writer.append([record(1)])
    assert settings.embedded_log == tmp_path / "data" / "live" / "log.sqlite"
    assert await reader.end(0) == 1
    await writer.close()
    await reader.close()
    elsewhere = Settings(data=tmp_path / "data", log=f"embedded:{tmp_path / 'other.sqlite'}")
    writer = open_writer(elsewhere)
    await writer.check()
    await writer.close()
    assert (tmp_path / "other.sqlite").exists()


async def test_offsets_begin_at_0(path: Path) -> None:
    writer, reader = writer_of(path), EmbeddedReader(path)
    await writer.append(records(3))
    assert (await reader.start(0), await reader.end(0)) == (0, 3)
    await writer.close()
    await reader.close()


async def test_the_files_are_private(path: Path) -> None:
    writer = writer_of(path)
    await writer.append([record(1)])
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    await writer.close()
    assert modes == dict.fromkeys(("log.sqlite", "log.sqlite-wal", "log.sqlite-shm"), 0o600)


async def test_every_commit_is_synced_before_it_counts(path: Path) -> None:
    with closing(open_to_append(path, 1)) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
        assert connection.execute("pragma synchronous").fetchone() == (2,)


async def test_a_reader_may_come_before_the_file(path: Path) -> None:
    reader = EmbeddedReader(path)
    assert (await reader.start(0), await reader.end(0)) == (0, 0)
    assert await reader.offset_at(0, NOW) == 0
    await reader.assign({0: 0})
    assert await reader.read(10, 0.02) == []
    asked = asyncio.create_task(reader.identity())
    await asyncio.sleep(0.05)
    assert not asked.done()
    assert not path.parent.exists()
    writer = writer_of(path)
    await writer.append([record(1)])
    assert (await asked).startswith("embedded:")
    assert values(await read_all(reader, 1)) == [record(1).value]
    await writer.close()
    await reader.close()


async def test_a_log_keeps_its_identity_and_offsets_over_a_restart(path: Path) -> None:
    identities = set()
    for start in range(0, 9, 3):
        writer, reader = writer_of(path), EmbeddedReader(path)
        await writer.append(records(3, start))
        identities.add(await reader.identity())
        await writer.close()
        await reader.close()
    assert len(identities) == 1
    assert await numbers_in(path) == list(range(9))


async def test_offsets_go_on_after_all_records_are_gone(path: Path) -> None:
    writer, reader = writer_of(path), EmbeddedReader(path)
    await writer.append(records(5))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("delete from record")
    assert (await reader.start(0), await reader.end(0)) == (5, 5)
    await writer.append(records(1, 5))
    assert (await reader.start(0), await reader.end(0)) == (5, 6)
    await writer.close()
    await reader.close()


async def test_a_large_append_is_one_piece(path: Path) -> None:
    writer, reader = writer_of(path), EmbeddedReader(path)
    await writer.append(records(20_001))
    await reader.assign({0: 0})
    found = await read_all(reader, 20_001)
    assert values(found) == [each.value for each in records(20_001)]
    assert await reader.offset_at(0, NOW + 12_345) == 12_345
    await writer.close()
    await reader.close()


async def test_what_two_processes_append_at_once_is_all_there_in_each_ones_order(
    path: Path,
) -> None:
    first, second = appender(path, 0, 400), appender(path, 1000, 400)
    here = writer_of(path)
    for number in range(2000, 2100):
        await here.append([record(number)])
    for process in (first, second):
        output, _ = await asyncio.to_thread(process.communicate, timeout=60)
        assert process.returncode == 0
        assert len(acknowledged(output)) == 400
    await here.close()
    found = await numbers_in(path)
    assert Counter(found) == Counter([*range(400), *range(1000, 1400), *range(2000, 2100)])
    mine = [number for number in found if number >= 2000]
    assert mine == sorted(mine)


async def test_a_time_is_found_though_two_processes_append_with_clocks_that_differ(
    path: Path,
) -> None:
    ahead, behind = writer_of(path), writer_of(path)
    for number in range(20):
        await ahead.append([record(number, NOW + 1000 + number)])
        await behind.append([record(number, NOW + number)])
    reader = EmbeddedReader(path)
    assert await reader.offset_at(0, NOW + 1) == 0
    assert await reader.offset_at(0, NOW + 1003) == 6
    assert await reader.offset_at(0, NOW + 2000) == 40
    for each in (ahead, behind, reader):
        await each.close()


async def kill_one(path: Path, first: int, after: float) -> list[int]:
    """Kill an appender so many seconds after its first acknowledgement; returns all of them."""
    process = appender(path, first, 1_000_000)
    assert process.stdout is not None
    opening = await asyncio.to_thread(process.stdout.readline)
    await asyncio.sleep(after)
    process.kill()
    rest, _ = await asyncio.to_thread(process.communicate)
    return acknowledged(opening + rest)


async def killed_again_and_again(path: Path, times: int) -> None:
    chance = random.Random(times)
    known: list[int] = []
    for step in range(times):
        told = await kill_one(path, step * 1_000_000, chance.uniform(0, 0.2))
        assert told
        known += told
        found = Counter(await numbers_in(path))
        assert set(known) <= set(found)
        assert set(found.values()) == {1}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)


async def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    await killed_again_and_again(path, 3)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_what_was_acknowledged_survives_kill_9_fifty_times(path: Path) -> None:
    await killed_again_and_again(path, 50)


async def test_readers_who_never_rest_do_not_let_the_write_ahead_log_grow_without_end(
    path: Path,
) -> None:
    writer = writer_of(path)
    await writer.check()
    done = asyncio.Event()

    async def reread() -> None:
        reader = EmbeddedReader(path)
        while not done.is_set():
            await reader.assign({0: max(0, await reader.end(0) - 2000)})
            await reader.read(2000, 0)
        await reader.close()

    reading = [asyncio.create_task(reread()) for _ in range(2)]
    largest = 0
    for number in range(75):
        await writer.append([NewRecord(VISITOR, b"x" * 3500, NOW + number)] * 500)
        largest = max(largest, path.with_name("log.sqlite-wal").stat().st_size)
    done.set()
    await asyncio.gather(*reading)
    await writer.close()
    assert path.stat().st_size > 140 * 2**20
    assert largest < 90 * 2**20


def test_a_reader_that_stays_is_waited_for_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "BEGIN_WAIT_MS", 50)
    pen = embedded._Pen(path, 1, Space(path, 0))
    fact = NewRecord(VISITOR, b"{}", NOW)
    assert pen.write([fact]) is None
    assert pen._connection is not None
    said: list[str] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from record").fetchall()
        assert pen.write([fact]) is None
        pen._connection.set_trace_callback(said.append)
        for _ in range(2):
            pen._frames = 2**20
            pen.checkpoint_if_due()
    pen.close()
    assert said.count("pragma busy_timeout = 50") == 1
    assert said.count("pragma wal_checkpoint(restart)") == 1


async def test_who_only_asks_whether_a_fact_could_be_kept_does_not_grow_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "CHECKPOINT_BYTES", 65_536)
    monkeypatch.setattr(embedded, "WAL_FRAMES", 32)
    writer = writer_of(path)
    for _ in range(200):
        await writer.check()
    largest = path.with_name("log.sqlite-wal").stat().st_size
    await writer.close()
    assert largest < 400_000  # and 800,000 without a checkpoint


async def test_where_no_thread_is_to_be_had_it_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "CHECKPOINT_BYTES", 1)
    start, refused = threading.Thread.start, Counter[str]()

    def refuse_thrice(thread: threading.Thread) -> None:
        if refused[thread.name] < 3:
            refused[thread.name] += 1
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_thrice)
    writer = writer_of(path, durable_within=0.5)
    with pytest.raises(LogUnavailable):
        await writer.append([record(1)])
    async with asyncio.timeout(10):
        while True:
            with suppress(LogUnavailable):
                await writer.append([record(2)])
                break
            await asyncio.sleep(0.05)
    for number in range(3, 6):
        await writer.append([record(number)])
    await writer.close()
    assert refused == {"log": 3, "log-checkpoint": 3}
    monkeypatch.undo()
    assert await numbers_in(path) == [1, 2, 3, 4, 5]


async def test_a_file_that_is_not_a_log_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    text, other, empty = tmp_path / "text", tmp_path / "other.sqlite", tmp_path / "empty"
    text.write_text("These are my notes. " * 100)
    empty.touch()
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("create table notes (text)")
    for path in (text, other, empty):
        before = path.read_bytes()
        writer, reader = writer_of(path), EmbeddedReader(path)
        with pytest.raises(LogUnavailable, match=f"{path.name} is not a Dwell log: expected"):
            await writer.append([record(1)])
        with pytest.raises(LogMismatch, match=f"{path.name} is not a Dwell log: expected"):
            await reader.identity()
        await writer.close()
        await reader.close()
        assert path.read_bytes() == before


async def test_a_log_of_a_newer_format_is_refused(path: Path) -> None:
    writer = writer_of(path)
    await writer.check()
    await writer.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma user_version = 2")
    writer, reader = writer_of(path), EmbeddedReader(path)
    with pytest.raises(LogUnavailable, match="has format 2: expected 1"):
        await writer.append([record(1)])
    with pytest.raises(LogMismatch, match="has format 2: expected 1"):
        await reader.assign({0: 0})
    await writer.close()
    await reader.close()


async def test_a_log_deleted_under_its_writer_is_made_anew_and_its_readers_say_so(
    path: Path,
) -> None:
    writer, reader = writer_of(path), EmbeddedReader(path)
    await writer.append(records(3))
    await reader.assign({0: 0})
    await read_all(reader, 3)
    for file in path.parent.iterdir():
        file.unlink()
    await asyncio.sleep(1.05)
    with pytest.raises(LogUnavailable, match="is gone"):
        await reader.read(10, 0)
    await writer.append([record(4)])
    with pytest.raises(LogMismatch, match="expected embedded:"):
        await reader.read(10, 0)
    await writer.close()
    await reader.close()
    assert await numbers_in(path) == [4]


async def test_a_log_is_not_made_beside_what_is_left_of_another(path: Path) -> None:
    path.parent.mkdir()
    path.with_name("log.sqlite-wal").write_bytes(b"facts")
    writer = writer_of(path)
    with pytest.raises(LogUnavailable, match="expected both or neither"):
        await writer.append([record(1)])
    await writer.close()
    assert path.with_name("log.sqlite-wal").read_bytes() == b"facts"


async def test_a_record_that_cannot_be_stored_fails_alone(path: Path) -> None:
    writer = writer_of(path)
    with pytest.raises(LogUnavailable, match="cannot take a record"):
        await writer.append([NewRecord(VISITOR, b"{}", 2**70)])
    await writer.append([record(1)])
    await writer.close()
    assert await numbers_in(path) == [1]


@contextmanager
def small_disk(at: Path, size: str) -> Iterator[None]:
    """A file system of its own, of so many bytes; the test is skipped where it cannot be mounted."""
    at.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


async def appended_in_time(writer: LogWriter, number: int, within: float = 5) -> None:
    """Append the record as soon as the log takes it."""
    async with asyncio.timeout(within):
        while True:
            try:
                return await writer.append([record(number)])
            except LogError:
                await asyncio.sleep(0.02)


async def test_lone_calls_of_a_moment_are_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    write = embedded._Pen.write

    def noted(pen: embedded._Pen, given: Sequence[NewRecord]) -> LogError | None:
        groups.append(len(given))
        return write(pen, given)

    monkeypatch.setattr(embedded._Pen, "write", noted)
    monkeypatch.setattr(pace, "GATHERING_SECONDS", 0.5)
    writer = writer_of(tmp_path / "log.sqlite")
    first = writer.submit([record(1)])
    await asyncio.sleep(0.01)
    await asyncio.gather(first, writer.submit([record(2)]))
    assert groups == [2]
    lone = writer.submit([record(3)])
    await writer.submit([record(number) for number in range(4, 4 + pace.FEW)])
    assert lone.done()
    assert groups == [2, 1 + pace.FEW]
    last = writer.submit([record(99)])
    await writer.close()
    assert last.result() is None


async def test_a_full_disk_refuses_and_goes_on_when_there_is_space(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "4m"):
        path = disk / "log.sqlite"
        writer = writer_of(path)
        await writer.append(records(10))
        ballast = disk / "ballast"
        with pytest.raises(OSError, match="No space"), ballast.open("wb") as file:
            while True:
                file.write(bytes(65_536))
                file.flush()
        stored = 10
        refusals: list[str] = []
        while len(refusals) < 3:
            started = time.monotonic()
            try:
                await writer.append(records(500, stored))
                stored += 500
            except LogUnavailable as error:
                refusals.append(str(error))
                assert time.monotonic() - started < 5
        for refusal in refusals:
            assert re.search(r"log\.sqlite .* full .* expected space on its disk", refusal)
        ballast.unlink()
        await appended_in_time(writer, stored)
        await writer.check()
        await writer.close()
        assert await numbers_in(path) == list(range(stored + 1))


async def test_a_folder_that_cannot_be_written_refuses_and_goes_on_when_it_can(
    tmp_path: Path,
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "4m"):
        remount(disk, "ro")
        path = disk / "live" / "log.sqlite"
        writer = writer_of(path)
        for _ in range(2):
            with pytest.raises(LogUnavailable, match=r"log\.sqlite .* expected a folder"):
                await writer.append([record(1)])
        with pytest.raises(LogUnavailable):
            await writer.check()
        remount(disk, "rw")
        await appended_in_time(writer, 2)
        await writer.close()
        remount(disk, "ro")
        writer = writer_of(path)
        with pytest.raises(LogUnavailable, match=r"log\.sqlite .* expected a file and a folder"):
            await writer.append([record(3)])
        remount(disk, "rw")
        await appended_in_time(writer, 4)
        await writer.close()
        assert await numbers_in(path) == [2, 4]
