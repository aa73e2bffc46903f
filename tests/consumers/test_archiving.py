"""The archive: it holds what the log held, and a replay reads both as one."""

import asyncio
import shutil
import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dwell.consumers.archived import ArchivedReader
from dwell.consumers.archiving import Archived, archive
from dwell.consumers.extent import Point
from dwell.consumers.judge import judge
from dwell.errors import LogGap, LogMismatch, WarehouseError, WarehouseHeld
from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog
from dwell.events.opening import open_reader
from dwell.settings import Settings
from dwell.warehouse.archive import Archive, day_of
from dwell.warehouse.archive_writer import ArchiveWriter
from dwell.warehouse.manifest import Held, Manifest
from dwell.warehouse.reading import Forgotten
from tests.consumers.test_replaying import HOUR, visits
from tests.support.facts import NOW, Stored, curt, forgotten, glimpse, uuid7
from tests.support.replaying import LATEST, Quiet, append, project, replay, settings_of, tables

DAY = 24 * HOUR


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data")


def archived(settings: Settings, until: Point = LATEST) -> Archived:
    return archive(settings, until, processes=1, watcher=Quiet())


def opened(settings: Settings) -> Archive:
    found = Archive.open(settings.archive_folder)
    assert found is not None
    return found


def retain_from(settings: Settings, offset: int) -> None:
    """Let the log forget its oldest records, as retention does."""
    with sqlite3.connect(settings.embedded_log) as connection:
        connection.execute('delete from record where "offset" < ?', (offset,))


def replayed(settings: Settings, out: Path, **options: Any) -> dict[str, list[tuple[Any, ...]]]:
    replay(settings, out, **options)
    return tables(out)


def test_of_a_file_of_the_archive_only_what_is_read_is_counted(
    settings: Settings, tmp_path: Path
) -> None:
    append(settings, visits(4))
    archived(settings)
    append(settings, visits(1, first=9))
    watcher = Quiet()
    since, until = Point("earliest", offsets={0: 3}), Point("latest", offsets={0: 8})
    done = replay(settings, tmp_path / "new.duckdb", since=since, until=until, watcher=watcher)
    assert (done.archived, done.logged) == (5, 0)
    assert (watcher.steps[-1], watcher.done) == (("building the tables", 5, 0), 5)


def test_a_replay_reads_archive_and_log_as_one(settings: Settings, tmp_path: Path) -> None:
    append(settings, [*visits(4), curt(pageview=9), Stored(b"junk", NOW, b"k")])
    append(settings, [forgotten(2, NOW + 5 * HOUR)])
    assert archived(settings).added == 15 - 3
    append(settings, visits(3, first=20, at=NOW + DAY))
    project(settings)
    retain_from(settings, 12)
    done = replay(settings, tmp_path / "new.duckdb")
    assert (done.archived, done.logged) == (12, 9)
    assert tables(tmp_path / "new.duckdb") == tables(settings.published)


def test_each_record_comes_back_byte_by_byte(settings: Settings) -> None:
    records = [
        *visits(2),
        curt(pageview=9),
        Stored(b"\xff", NOW, b"k"),
        glimpse(7, identity={"ü": 1}),
    ]
    append(settings, records)
    archived(settings)
    archive_now = opened(settings)
    for offset, record in enumerate(records):
        assert archive_now.record(0, offset) == (record.timestamp, record.key, record.value)
    assert archive_now.record(0, len(records)) is None


def test_a_foreign_record_that_claims_an_absurd_time_stops_neither_archive_nor_replay(
    settings: Settings, tmp_path: Path
) -> None:
    absurd = 1_800_000_000_000_000_000
    append(settings, [*visits(2), Stored(b"junk", absurd, b"k"), Stored(b"{}", -absurd, b"k")])
    project(settings)
    from_log = replayed(settings, tmp_path / "log.duckdb")
    assert archived(settings).added == 8
    from_archive = replayed(settings, tmp_path / "archive.duckdb")
    assert from_archive == from_log == tables(settings.published)


async def test_what_the_log_has_no_more_is_read_from_the_archive(settings: Settings) -> None:
    records = [*visits(3), glimpse(8, received_at=NOW + DAY), glimpse(9, received_at=NOW + 1)]
    await asyncio.to_thread(append, settings, records)
    await asyncio.to_thread(archived, settings)
    await asyncio.to_thread(append, settings, visits(1, first=10))
    retain_from(settings, 7)
    reader = ArchivedReader(open_reader(settings), opened(settings))
    await reader.assign({0: 2})
    found: list[tuple[int, bytes]] = []
    while len(found) < 12:
        for batch in await reader.read(4, 1.0):
            found += zip(batch.offsets, batch.values, strict=True)
    assert [offset for offset, _ in found] == list(range(2, 14))
    assert [value for _, value in found[:9]] == [each.value for each in records[2:]]
    assert (await reader.start(0), await reader.end(0)) == (0, 14)
    assert await reader.offset_at(0, NOW + DAY) == 9
    await reader.close()


async def test_of_several_partitions_each_record_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog(partitions=2)
    for number in range(40):
        log.put([NewRecord(b"%d" % number, b"%d" % number, NOW)])
    whole = log.reader()
    ends = {each: await whole.end(each) for each in (0, 1)}
    await whole.assign({0: 0, 1: 0})
    first = {each.partition: each for each in await whole.read(100, 0)}

    def held(_: Archive, partition: int, position: int, most: int) -> list[tuple[Any, ...]]:
        batch = first[partition]
        rows = zip(batch.offsets, batch.timestamps, batch.keys, batch.values, strict=True)
        return [row for row in rows if position <= row[0] < 5][:most]

    monkeypatch.setattr(Archive, "read", held)
    manifest = Manifest(log.identity, {each: Held(each, 0, 5) for each in (0, 1)})
    reader = ArchivedReader(log.reader(), Archive(tmp_path, manifest))
    for each in (0, 1):
        log.truncate(5, each)
    await reader.assign({0: 0, 1: 0})
    found: list[tuple[int, int]] = []
    while batches := await reader.read(4, 0):
        found += [(each.partition, offset) for each in batches for offset in each.offsets]
    assert sorted(found) == [(each, offset) for each in (0, 1) for offset in range(ends[each])]


def test_each_day_has_its_file_in_the_order_of_the_log(settings: Settings) -> None:
    late = glimpse(5, received_at=NOW + 1)
    append(settings, [glimpse(1), glimpse(2, received_at=NOW + DAY), late])
    archived(settings)
    files = opened(settings).manifest.files
    assert [(each.day, each.first, each.until, each.records) for each in files] == [
        (day_of(NOW), 0, 3, 2),
        (day_of(NOW + DAY), 1, 2, 1),
    ]


def test_a_later_run_adds_what_is_new_to_the_days_file(settings: Settings) -> None:
    append(settings, visits(2))
    assert archived(settings).added == 6
    assert archived(settings).added == 0
    append(settings, visits(1, first=3, at=NOW + 2 * HOUR))
    assert archived(settings).added == 3
    [file] = opened(settings).manifest.files
    assert (file.first, file.until, file.records) == (0, 9, 9)
    assert len(list(settings.archive_folder.glob("day=*/*"))) == 1


def test_up_to_a_moment(settings: Settings) -> None:
    append(settings, visits(3))
    assert archived(settings, Point("latest", moment=NOW + HOUR)).added == 3
    assert archived(settings).added == 6


def test_a_moment_is_found_in_the_archive(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(3))
    append(settings, visits(3, first=4, at=NOW + DAY))
    archived(settings)
    retain_from(settings, 18)
    then = replayed(settings, tmp_path / "then.duckdb", until=Point("latest", moment=NOW + DAY))
    assert len(then["pageview"]) == 3
    later = replayed(
        settings, tmp_path / "later.duckdb", until=Point("latest", moment=NOW + DAY + 1)
    )
    assert len(later["pageview"]) == 4


def test_facts_that_neither_archive_nor_log_has_are_named(
    settings: Settings, tmp_path: Path
) -> None:
    append(settings, visits(1))
    archived(settings)
    append(settings, visits(2, first=2))
    retain_from(settings, 6)
    for attempt in (lambda: replay(settings, tmp_path / "new.duckdb"), lambda: archived(settings)):
        with pytest.raises(LogGap, match="the facts from 3 to 5 of partition 0 are in neither"):
            attempt()
    assert len(replayed(settings, tmp_path / "log.duckdb", archive=False)["pageview"]) == 1


def test_who_was_forgotten_does_not_come_into_the_archive(settings: Settings) -> None:
    append(settings, [*visits(3), Stored(b"junk of theirs", NOW, uuid7(2).encode())])
    append(settings, [forgotten(2, NOW + 9 * HOUR), glimpse(8, visitor=2, received_at=NOW + DAY)])
    assert archived(settings).added == 12 - 4
    assert opened(settings).record(0, 11) is not None


def test_the_archive_forgets(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(3))
    archived(settings)
    before = {each.path for each in opened(settings).manifest.files}
    with ArchiveWriter.holding(settings.archive_folder, "another name does not matter") as writer:
        assert writer.forget([Forgotten(uuid7(2), NOW + 9 * HOUR)], judge) == 3
        assert writer.forget([Forgotten(uuid7(2), NOW + 9 * HOUR)], judge) == 0
    after = {
        str(each.relative_to(settings.archive_folder))
        for each in settings.archive_folder.glob("day=*/*")
    }
    assert not before & after
    assert opened(settings).record(0, 3) is None
    assert len(replayed(settings, tmp_path / "new.duckdb")["pageview"]) == 2


def test_a_fact_goes_by_when_it_was_received_and_not_by_the_time_of_its_record(
    settings: Settings,
) -> None:
    late = replace(glimpse(1, visitor=2), timestamp=NOW + DAY)
    early = replace(glimpse(2, visitor=2, received_at=NOW + DAY), timestamp=NOW)
    append(settings, [late, early])
    archived(settings)
    with ArchiveWriter.holding(settings.archive_folder, "") as writer:
        assert writer.forget([Forgotten(uuid7(2), NOW + HOUR)], judge) == 1
    assert opened(settings).record(0, 0) is None


def test_a_day_of_which_everything_is_forgotten_has_no_file(settings: Settings) -> None:
    append(settings, visits(1))
    archived(settings)
    with ArchiveWriter.holding(settings.archive_folder, "") as writer:
        writer.forget([Forgotten(uuid7(1), NOW + HOUR)], judge)
    assert list(settings.archive_folder.glob("day=*/*")) == []
    assert opened(settings).held[0].until == 3
    assert archived(settings).added == 0


def test_a_run_that_was_broken_off_is_gone_on_with(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(settings, visits(2))
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(ArchiveWriter, "_put", _interrupted)
        archived(settings)
    begun = Archive.open(settings.archive_folder)
    assert begun
    assert not begun.held
    append(settings, visits(1, first=3))
    assert archived(settings).added == 9
    assert len(list(settings.archive_folder.rglob("*.parquet"))) == 1


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_files_without_a_manifest_are_refused_and_stay(settings: Settings) -> None:
    append(settings, visits(1))
    archived(settings)
    (settings.archive_folder / "manifest.json").unlink()
    [file] = settings.archive_folder.glob("day=*/*.parquet")
    with pytest.raises(WarehouseError, match=r"has day=.* and no manifest\.json: expected both"):
        archived(settings)
    assert file.exists()


def test_an_archive_that_outlived_its_log_is_refused(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(1))
    shutil.copyfile(settings.embedded_log, tmp_path / "copy.sqlite")
    append(settings, visits(1, first=2))
    archived(settings)
    for left in settings.live.glob("log.sqlite*"):
        left.unlink()
    shutil.copyfile(tmp_path / "copy.sqlite", settings.embedded_log)
    for read in (archived, lambda each: replay(each, tmp_path / "new.duckdb")):
        with pytest.raises(LogMismatch, match=r"up to offset 6, and .* ends at 3: expected a log"):
            read(settings)


def test_another_logs_archive_is_refused(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(1))
    archived(settings)
    other = settings_of(tmp_path / "other", archive=settings.archive_folder)
    append(other, visits(1))
    with pytest.raises(
        LogMismatch, match=r"holds log embedded:.*, and the log at hand is embedded:"
    ):
        archived(other)
    with pytest.raises(LogMismatch, match="DWELL_ARCHIVE names another folder"):
        replay(other, tmp_path / "new.duckdb")


def test_two_at_a_time_are_refused(settings: Settings) -> None:
    append(settings, visits(1))
    with (
        ArchiveWriter.holding(settings.archive_folder, ""),
        pytest.raises(WarehouseHeld, match="is being written by another process"),
    ):
        archived(settings)


def test_a_manifest_that_cannot_be_read_is_named(settings: Settings) -> None:
    settings.archive_folder.mkdir(parents=True)
    (settings.archive_folder / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(WarehouseError, match="has format 2: expected 1"):
        Archive.open(settings.archive_folder)
    (settings.archive_folder / "manifest.json").write_text("{")
    with pytest.raises(WarehouseError, match="expected the manifest of an archive"):
        Archive.open(settings.archive_folder)
