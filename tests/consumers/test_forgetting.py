"""Forgetting, where a projector publishes or promotes at the same moment."""

import asyncio
import shutil
from pathlib import Path

import duckdb
import pytest

from dwell.consumers.archiving import archive
from dwell.consumers.forgetting import Forgetting
from dwell.consumers.promoting import put
from dwell.errors import WarehouseError
from dwell.settings import Settings
from dwell.warehouse import promotion, remains, scrubbing, snapshot
from dwell.warehouse.archive import Archive
from dwell.warehouse.contents import read
from dwell.warehouse.kept import renew
from tests.consumers.test_replaying import visits
from tests.support.facts import NOW, Stored, glimpse, uuid7
from tests.support.promoting import made, rebuilt
from tests.support.replaying import LATEST, Quiet, append, now, project, settings_of

VISITOR = uuid7(1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = settings_of(tmp_path / "data")
    append(settings, visits(3))
    project(settings)
    return settings


def forget(settings: Settings) -> list[str]:
    """What could not be done yet."""
    return Forgetting(settings, now(VISITOR), wait=1, say=lambda line: None).run().undone


def test_the_publication_before_the_one_that_people_open_goes(settings: Settings) -> None:
    forget(settings)
    former = snapshot.former_of(settings.publication)
    former.write_bytes(b"a publication with rows of the visitor")
    assert forget(settings) == []
    assert not former.exists()


def test_a_promoted_warehouse_that_has_not_caught_up_is_not_published(
    settings: Settings, tmp_path: Path
) -> None:
    first, second = glimpse(7, session=9), glimpse(7, 1, session=9, visitor=2, engagement_ms=2000)
    append(settings, [first, second])
    project(settings)
    new = asyncio.run(rebuilt(settings, tmp_path / "new.duckdb", until=4))
    assert put(settings, new, 1).published is False
    assert forget(settings) == []
    assert read(settings.published)[0].positions == {0: 11}
    assert read(settings.published)[1].rows["pageview"] == 3
    assert read(settings.warehouse)[0].publish_from == {0: 11}
    for path in (settings.published, settings.warehouse):
        inside = remains.in_warehouse(path, [VISITOR])
        assert (inside.rows, inside.scrub_due) == ({}, False)
    project(settings)
    assert read(settings.published)[0].positions == {0: 12}
    assert read(settings.published)[1].rows["pageview"] == 3


def test_an_archive_that_cannot_be_read_keeps_nothing_else_from_being_erased(
    settings: Settings,
) -> None:
    archive(settings, LATEST, processes=1, watcher=Quiet())
    [file] = settings.archive_folder.rglob("*.parquet")
    file.rename(aside := file.with_suffix(".aside"))
    [undone] = forget(settings)
    assert f"{settings.archive_folder} cannot be read or written" in undone
    for path in (settings.published, settings.warehouse):
        assert remains.in_warehouse(path, [VISITOR]).rows == {}
    aside.rename(file)
    assert forget(settings) == []


def test_the_archive_is_rid_of_ids_in_any_form(settings: Settings) -> None:
    bare = VISITOR.replace("-", "")
    odd = [
        Stored(f'{{"odd": "{bare}"}}'.encode(), NOW),
        Stored(b"odd", NOW, VISITOR.upper().encode()),
        Stored(b"odd", NOW, bare.encode()),
        Stored(b"of others", NOW, b"key"),
    ]
    append(settings, odd)
    archive(settings, LATEST, processes=1, watcher=Quiet())
    assert forget(settings) == []
    kept = Archive.open(settings.archive_folder)
    assert kept is not None
    left = [value for *_, value in kept.read(0, 9, 100)]
    assert left == [b"of others"]


def test_of_a_lost_log_others_rows_stay(settings: Settings) -> None:
    shared = [glimpse(7, visitor=1), glimpse(7, 1, visitor=2, engagement_ms=2000)]
    lost = made(settings.live / "lost.duckdb", shared, identity="a log that is lost")
    assert forget(settings) == []
    with duckdb.connect(str(lost), read_only=True) as connection:
        rows = connection.execute(
            "select visitor_id::varchar, engagement_time from pageview"
        ).fetchall()
    assert rows == [(uuid7(2), 2.0)]


def test_what_is_taken_while_it_is_written_anew_is_not_put_there_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(settings.warehouse, waiting := promotion.waiting(settings.warehouse))
    scrub = scrubbing.scrub

    def taken_meanwhile(source: Path, target: Path) -> None:
        scrub(source, target)
        waiting.unlink()

    monkeypatch.setattr(scrubbing, "scrub", taken_meanwhile)
    with pytest.raises(WarehouseError, match="was taken while it was written anew"):
        renew(waiting, tmp_path, [VISITOR], lambda warehouse: None)
    assert not waiting.exists()
