"""Another log in the place of the one that was: what was made from it reads on from the new one."""

import asyncio
from pathlib import Path

import pytest

from dwell.consumers.archiving import archive
from dwell.consumers.copying import copy
from dwell.consumers.forgetting import Forgetting
from dwell.consumers.moving import Moved, move
from dwell.consumers.promoting import put
from dwell.errors import LogMismatch, LogUnavailable, WarehouseHeld
from dwell.events.opening import open_reader
from dwell.settings import Settings
from dwell.warehouse import layout
from dwell.warehouse.contents import read
from dwell.warehouse.live import LiveWarehouse
from tests.consumers.test_copying import facts
from tests.support.copying import everything
from tests.support.facts import uuid7
from tests.support.promoting import rebuilt
from tests.support.replaying import (
    LATEST,
    Quiet,
    append,
    now,
    project,
    replay,
    settings_of,
    tables,
)


@pytest.fixture
def source(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data")


@pytest.fixture
def target(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data", f"embedded:{tmp_path / 'copy.sqlite'}")


def identity(settings: Settings) -> str:
    """The log's."""

    async def ask() -> str:
        reader = open_reader(settings)
        try:
            return await reader.identity()
        finally:
            await reader.close()

    return asyncio.run(ask())


def moved(source: Settings, target: Settings) -> Moved:
    return move(source, target, watcher=Quiet(), say=lambda line: None)


def test_the_log_that_was_left_takes_no_facts(source: Settings, target: Settings) -> None:
    append(source, facts(3))
    moved(source, target)
    with pytest.raises(LogUnavailable, match="closed to facts, for it has moved to embedded:"):
        append(source, facts(1, first=4))


def test_a_projector_reads_on_from_the_new_log_and_from_the_former_one_again(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    append(source, facts(3))
    project(source)
    assert moved(source, target).left == []
    assert moved(source, target).copied.records == 0  # as after a kill
    assert read(source.published)[0].identity == identity(target)
    append(target, facts(3, first=4))
    assert moved(target, source).copied.records == 3
    append(source, facts(3, first=7))
    project(source)
    replay(source, tmp_path / "new.duckdb")
    assert tables(tmp_path / "new.duckdb") == tables(source.published)
    assert tables(source.published)["log_offset"] == [(0, 9)]


def test_what_people_see_stays_where_a_promoted_warehouse_has_not_caught_up(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    append(source, facts(3))
    project(source)
    put(source, asyncio.run(rebuilt(source, tmp_path / "new.duckdb", until=1)), 1)
    moved(source, target)
    published, live = read(source.published)[0], read(source.warehouse)[0]
    assert (published.identity, published.positions) == (identity(target), {0: 3})
    assert (live.identity, live.positions) == (identity(target), {0: 1})


def test_the_archive_goes_along(source: Settings, target: Settings) -> None:
    append(source, facts(10))
    archive(source, LATEST, processes=1, watcher=Quiet())
    moved(source, target)
    append(target, facts(2, first=11))
    assert archive(target, LATEST, processes=1, watcher=Quiet()).added == 2


def test_nothing_begins_while_a_projector_is_at_work(source: Settings, target: Settings) -> None:
    append(source, facts(3))
    LiveWarehouse(source.warehouse).close()
    with layout.holding(source.live, None):
        pass
    with LiveWarehouse(source.warehouse), pytest.raises(WarehouseHeld, match="is held by process"):
        moved(source, target)
    append(source, facts(1, first=4))


def test_who_was_forgotten_after_the_copy_is_blanked_in_it(
    source: Settings, target: Settings
) -> None:
    append(source, facts(3))
    copy(source, target, Quiet())
    Forgetting(source, now(uuid7(1)), wait=5, say=lambda line: None).run()
    moved(source, target)
    assert [value for *_, value in everything(target)[0][:3]] == [b"", b"", b""]
    assert b"dwell.page.viewed" not in target.embedded_log.read_bytes()


def test_a_log_that_cannot_be_moved_goes_on_taking_facts(
    source: Settings, target: Settings
) -> None:
    append(source, facts(3))
    append(target, facts(3, first=7))
    for mistaken in (source, target):
        with pytest.raises(LogMismatch):
            moved(source, mistaken)
    append(source, facts(1, first=4))
