"""Old facts leave the embedded log when they are published and archived, and nothing else changes."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dwell.consumers.pruner import prune_regularly
from dwell.consumers.pruning import Plan, Pruned, plan, prune
from dwell.errors import LogGap, SettingInvalid
from dwell.events.dropping import drop
from dwell.events.log import NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.settings import Settings
from dwell.warehouse import promotion
from dwell.warehouse.archive import day_of
from dwell.warehouse.contents import contents_of, opened
from dwell.warehouse.live import LiveWarehouse
from tests.consumers.test_replaying import HOUR, visits
from tests.support.facts import NOW, Stored, forgotten, glimpse
from tests.support.replaying import Quiet, append, project, replay, settings_of, tables

DAY = 24 * HOUR
MIDNIGHT = NOW - NOW % DAY


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data", keep_facts="2d")


def bounds(settings: Settings) -> tuple[int, int]:
    """The oldest offset, and the next one to be written."""

    async def ask() -> tuple[int, int]:
        reader = open_reader(settings)
        found = await reader.start(0), await reader.end(0)
        await reader.close()
        return found

    return asyncio.run(ask())


def pruned(settings: Settings, now: int) -> Pruned:
    return prune(settings, plan(settings, now), processes=1, watcher=Quiet())


def old_and_new(settings: Settings) -> tuple[int, int]:
    """Facts of a day that is over by more than two, and of the next one; returns how many of each."""
    old, new = visits(4, at=MIDNIGHT), visits(3, first=20, at=MIDNIGHT + DAY)
    append(settings, [*old, Stored(b"junk", MIDNIGHT + HOUR, b"k"), *new])
    return len(old) + 1, len(new)


def test_a_replay_after_old_facts_went_is_the_live_warehouse_less_who_is_forgotten_later(
    settings: Settings, tmp_path: Path
) -> None:
    old, new = old_and_new(settings)
    project(settings)
    done = pruned(settings, MIDNIGHT + 3 * DAY + HOUR)
    assert done == Pruned(old, old)
    assert bounds(settings) == (old, old + new)

    append(settings, visits(2, first=30, at=MIDNIGHT + 2 * DAY))
    append(settings, [forgotten(2, MIDNIGHT + 2 * DAY)])
    project(settings)
    replay(settings, tmp_path / "new.duckdb")
    assert tables(tmp_path / "new.duckdb") == tables(settings.published)
    with pytest.raises(LogGap, match="no longer in"):
        asyncio.run(_read_from(settings, 0))


async def _read_from(settings: Settings, offset: int) -> None:
    reader = open_reader(settings)
    try:
        await reader.assign({0: offset})
    finally:
        await reader.close()


def test_a_day_goes_as_a_whole(settings: Settings) -> None:
    old_and_new(settings)
    project(settings)
    for now in (MIDNIGHT + 3 * DAY - 1, MIDNIGHT + 2 * DAY + 5 * HOUR):
        assert pruned(settings, now) == Pruned(0, 0)
    assert day_of(plan(settings, MIDNIGHT + 3 * DAY + HOUR).moment) == day_of(MIDNIGHT + DAY)
    assert pruned(settings, MIDNIGHT + 3 * DAY).dropped


def test_what_is_not_published_stays(settings: Settings) -> None:
    old, _ = old_and_new(settings)
    what = plan(settings, MIDNIGHT + 3 * DAY)
    assert (what.first, what.until, what.old, what.published) == (0, 0, old, 0)
    assert prune(settings, what, processes=1, watcher=Quiet()) == Pruned(0, 0)
    assert not settings.archive_folder.exists()


def test_what_a_promoted_warehouse_has_still_to_read_stays(settings: Settings) -> None:
    old, _ = old_and_new(settings)
    project(settings)
    shutil.copy(settings.warehouse, earlier := settings.data / "earlier.duckdb")
    with LiveWarehouse(earlier) as warehouse, warehouse.transaction() as connection:
        connection.execute("update log_offset set next_offset = 2")
    promotion.offer(earlier, settings.warehouse, keep_former=True)
    LiveWarehouse(settings.warehouse).close()
    what = plan(settings, MIDNIGHT + 3 * DAY)
    assert (what.until, what.old, what.published) == (2, old, 2)


def test_what_a_projector_at_work_has_still_to_read_stays(settings: Settings) -> None:
    old, _ = old_and_new(settings)
    project(settings)
    what = plan(settings, MIDNIGHT + 3 * DAY, 2)
    assert (what.until, what.old, what.published) == (2, old, 2)


def test_what_another_plan_names_than_the_archive_has_stays(settings: Settings) -> None:
    old, new = old_and_new(settings)
    project(settings)
    wrong = Plan(MIDNIGHT, first=-1, until=old, old=old, published=old)
    assert prune(settings, wrong, processes=1, watcher=Quiet()) == Pruned(old, 0)
    assert bounds(settings) == (0, old + new)


def test_the_newest_fact_stays_and_offsets_and_time_go_on(settings: Settings) -> None:
    old, new = old_and_new(settings)
    project(settings)
    assert pruned(settings, MIDNIGHT + 90 * DAY).dropped == old + new - 1
    append(settings, [glimpse(77, received_at=MIDNIGHT)])
    assert bounds(settings) == (old + new - 1, old + new + 1)
    with closing(sqlite3.connect(settings.embedded_log)) as connection:
        rows = connection.execute("select received_at, latest from record").fetchall()
    assert rows[1][0] < rows[1][1] == rows[0][1]


@pytest.mark.parametrize("archive", [True, False])
def test_a_replay_of_the_log_alone_says_that_older_facts_are_in_the_archive(
    settings: Settings, tmp_path: Path, archive: bool
) -> None:
    old, _ = old_and_new(settings)
    project(settings)
    pruned(settings, MIDNIGHT + 3 * DAY)
    replay(settings, out := tmp_path / "new.duckdb", archive=archive)
    with opened(out, read_only=True) as connection:
        assert contents_of(connection).replayed_from == ({} if archive else {0: old})


def test_a_run_that_was_broken_off_is_gone_on_with(settings: Settings) -> None:
    old_and_new(settings)
    project(settings)
    what = plan(settings, MIDNIGHT + 3 * DAY)

    class Broken(Quiet):
        def begin(self, step: str, total: int, before: int = 0) -> None:
            if step == "dropping from the log":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prune(settings, what, processes=1, watcher=Broken())
    assert bounds(settings)[0] == 0
    assert pruned(settings, MIDNIGHT + 3 * DAY) == Pruned(0, what.until)
    assert bounds(settings)[0] == what.until


def test_it_must_be_said_how_long_facts_are_kept_and_the_log_be_an_embedded_one(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingInvalid, match="DWELL_KEEP_FACTS is ''"):
        plan(settings_of(tmp_path), NOW)
    with pytest.raises(SettingInvalid, match=r"retention\.ms"):
        plan(settings_of(tmp_path, "kafka://localhost:9092/facts", keep_facts="2d"), NOW)


async def test_a_projector_has_it_done_now_and_then(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.consumers.pruner.FIRST_AFTER", 0)
    many = sum(await asyncio.to_thread(old_and_new, settings))
    await asyncio.to_thread(project, settings)
    committed = 2
    pruning = asyncio.create_task(prune_regularly(settings, lambda: committed))
    monkeypatch.setattr("dwell.consumers.pruner.EVERY", 0)
    async with asyncio.timeout(60):
        while (start := (await asyncio.to_thread(bounds, settings))[0]) < 2:
            await asyncio.sleep(0.05)
        assert start == 2
        committed = many
        while (await asyncio.to_thread(bounds, settings))[0] < many - 1:  # the newest fact stays
            await asyncio.sleep(0.05)
    pruning.cancel()
    await asyncio.wait({pruning})


def pages(settings: Settings) -> int:
    """Of the log's file, free ones included."""
    with closing(sqlite3.connect(settings.embedded_log)) as connection:
        assert connection.execute("pragma quick_check").fetchall() == [("ok",)]
        [(number,)] = connection.execute("pragma page_count").fetchall()
    return int(number)


async def test_commits_go_on_while_old_facts_go_and_their_room_is_used_again(
    settings: Settings,
) -> None:
    writer = open_writer(settings)
    many = [NewRecord(b"k", b"x" * 800, NOW)] * 4_000
    await writer.append(many)
    await writer.append(many)
    dropping = asyncio.create_task(asyncio.to_thread(drop, settings.embedded_log, 4_000))
    appended = 0
    while not dropping.done():
        await writer.append(many[:1])
        appended += 1
    assert await dropping == 4_000
    before = pages(settings)
    await writer.append(many)
    await writer.close()
    assert pages(settings) <= before + appended + 10
