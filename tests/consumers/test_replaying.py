"""Replaying: a new warehouse from the log, which is the live one's twin."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dwell.consumers import replaying
from dwell.consumers.archiving import archive
from dwell.consumers.extent import Point
from dwell.consumers.replaying import PLAN
from dwell.errors import LogGap, LogMismatch, LogUnavailable, WarehouseError
from dwell.settings import Settings
from tests.support.facts import NOW, Stored, curt, forgotten, glimpse
from tests.support.replaying import (
    CURRENT,
    LATEST,
    Quiet,
    append,
    project,
    replay,
    settings_of,
    tables,
)

HOUR = 3_600_000


def visits(count: int, *, at: int = NOW, first: int = 1) -> list[Stored]:
    """So many pageviews of three facts, of different visitors, received an hour apart."""
    return [
        glimpse(
            number,
            seq,
            session=number,
            visitor=number,
            engagement_ms=1000 * seq,
            received_at=at + HOUR * (number - first) + 1000 * seq,
            begun=at + HOUR * (number - first),
            visibility="hidden" if seq == 2 else "visible",
        )
        for number in range(first, first + count)
        for seq in range(3)
    ]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data")


def test_a_replay_is_the_live_warehouse_row_by_row(settings: Settings, tmp_path: Path) -> None:
    records = [*visits(5), *visits(2), curt(pageview=9), Stored(b"junk", NOW + HOUR, b"k")]
    append(settings, [*records, forgotten(3, NOW + 9 * HOUR), *visits(1, first=8)])
    project(settings)
    done = replay(settings, tmp_path / "new.duckdb")
    assert tables(tmp_path / "new.duckdb") == tables(settings.published)
    assert (done.archived, done.logged) == (0, len(records) + 4)


def test_nothing_but_the_file_is_left_behind(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(2))
    (tmp_path / "out").mkdir()
    replay(settings, tmp_path / "out/new.duckdb")
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["new.duckdb"]


def test_up_to_a_moment_the_tables_are_as_they_stood(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(3))
    project(settings)
    then = tables(settings.published)
    append(settings, visits(3, first=4, at=NOW + 3 * HOUR))
    project(settings)
    replay(settings, tmp_path / "then.duckdb", until=Point("latest", moment=NOW + 3 * HOUR - 1))
    assert tables(tmp_path / "then.duckdb") == then


def test_as_far_as_the_published_warehouse(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(3))
    project(settings)
    append(settings, visits(1, first=4))
    replay(settings, tmp_path / "new.duckdb", until=CURRENT)
    assert tables(tmp_path / "new.duckdb") == tables(settings.published)


def test_from_an_offset_to_an_offset(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(4))
    since, until = Point("earliest", offsets={0: 3}), Point("latest", offsets={None: 9})
    replay(settings, tmp_path / "new.duckdb", since=since, until=until)
    found = tables(tmp_path / "new.duckdb")
    assert len(found["pageview"]) == 2
    assert found["log_offset"] == [(0, 9)]


def test_a_time_of_which_there_is_nothing_is_refused(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(2))
    since = Point("earliest", moment=NOW + 99 * HOUR)
    with pytest.raises(LogGap, match="has nothing between the two points: expected a moment"):
        replay(settings, tmp_path / "new.duckdb", since=since)


@pytest.mark.parametrize("archived", [True, False])
@pytest.mark.parametrize("others", [0, 2000])
def test_a_moment_that_names_no_end_is_refused(
    settings: Settings, tmp_path: Path, archived: bool, others: int
) -> None:
    """One clock was ahead; or, with others between, two partitions were merged into one."""
    later = [Stored(b"junk", NOW + 300 * HOUR + each, b"k") for each in range(1 + others)]
    earlier = [Stored(b"junk", NOW + 5 * HOUR + each, b"k") for each in range(1 + others // 9)]
    append(settings, [*visits(3), *later, *earlier])
    if archived:
        archive(settings, LATEST, processes=1, watcher=Quiet())
    moment = Point("latest", moment=NOW + 20 * HOUR)
    with pytest.raises(
        LogGap, match=r"reaches 2.* at offset 9, and has facts behind it .*--to-offset"
    ):
        replay(settings, tmp_path / "then.duckdb", until=moment, archive=archived)
    after = Point("latest", moment=NOW + 400 * HOUR)
    assert replay(settings, tmp_path / "then.duckdb", until=after, archive=archived)
    before = Point("latest", moment=NOW + 2 * HOUR)
    assert replay(settings, tmp_path / "before.duckdb", until=before, archive=archived)


@pytest.mark.parametrize("published", [True, False], ids=["published", "in the log alone"])
def test_who_was_forgotten_later_is_not_in_what_stood_before(
    settings: Settings, tmp_path: Path, published: bool
) -> None:
    append(settings, [*visits(3), forgotten(2, NOW + 9 * HOUR), *visits(1, first=4)])
    if published:
        project(settings)
    replay(settings, tmp_path / "then.duckdb", until=Point("latest", offsets={0: 9}))
    assert len(tables(tmp_path / "then.duckdb")["pageview"]) == 2


def test_a_run_that_was_broken_off_is_gone_on_with(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(settings, visits(4))
    project(settings)
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(replaying.Replay, "_built", _interrupted)
        replay(settings, tmp_path / "new.duckdb")
    append(settings, visits(1, first=9))
    watched = Quiet()
    replay(settings, tmp_path / "new.duckdb", watcher=watched)
    assert watched.steps[0] == ("reading the log", 12, 12)
    assert tables(tmp_path / "new.duckdb") == tables(settings.published)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_was_archived_since_it_was_broken_off_is_read_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(settings, [*visits(2), *(Stored(b"junk", NOW + each, b"k") for each in range(5))])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(replaying.Replay, "_built", broken_off)
        replay(settings, tmp_path / "new.duckdb", archive=True)
    archive(settings, LATEST, processes=1, watcher=Quiet())
    done = replay(settings, tmp_path / "new.duckdb", archive=True)
    assert (done.archived, done.logged) == (11, 0)
    with duckdb.connect(str(tmp_path / "new.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from dead_letter").fetchall() == [(5,)]


def test_an_archive_that_is_written_meanwhile_is_read_as_it_stands(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(settings, visits(2))
    archive(settings, LATEST, processes=1, watcher=Quiet())
    append(settings, visits(2, first=3, at=NOW + 2 * HOUR))
    project(settings)
    staged = replaying.Replay._staged

    def archived_meanwhile(*given: Any) -> Any:
        found = staged(*given)
        append(settings, visits(1, first=5, at=NOW + 3 * HOUR))
        archive(settings, LATEST, processes=1, watcher=Quiet())
        return found

    monkeypatch.setattr(replaying.Replay, "_staged", archived_meanwhile)
    replay(settings, tmp_path / "new.duckdb", archive=True)
    assert tables(tmp_path / "new.duckdb") == tables(settings.published)


def broken_off(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("removed", [(), ("segments",), ("segments", PLAN)])
def test_one_that_was_killed_behind_its_last_step_is_cleared_up(
    settings: Settings, tmp_path: Path, removed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    append(settings, visits(1))
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(replaying.Replay, "_clear", _interrupted)
        replay(settings, tmp_path / "new.duckdb")
    work = tmp_path / "new.duckdb.replay"
    for each in removed:
        path = work / each
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    replay(settings, tmp_path / "new.duckdb")
    assert not (tmp_path / "new.duckdb.replay").exists()
    assert len(tables(tmp_path / "new.duckdb")["pageview"]) == 1


def test_a_plan_that_cannot_be_read_is_named(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(1))
    work = tmp_path / "new.duckdb.replay"
    work.mkdir()
    (work / PLAN).touch()
    with pytest.raises(WarehouseError, match=r"plan\.json cannot be read .* remove the folder"):
        replay(settings, tmp_path / "new.duckdb")


def test_a_file_that_is_there_is_never_overwritten(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(1))
    (tmp_path / "new.duckdb").write_text("mine")
    with pytest.raises(WarehouseError, match="is there already: expected a new file"):
        replay(settings, tmp_path / "new.duckdb")
    assert (tmp_path / "new.duckdb").read_text() == "mine"
    assert not (tmp_path / "new.duckdb.replay").exists()


def test_work_that_was_begun_for_something_else_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(settings, visits(2))
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(replaying.Replay, "_built", _interrupted)
        replay(settings, tmp_path / "new.duckdb")
    said = "belongs to a replay from earliest to latest: expected one from earliest to 3; ask"
    with pytest.raises(WarehouseError, match=said):
        replay(settings, tmp_path / "new.duckdb", until=Point("latest", offsets={None: 3}))


def test_what_is_refused_before_it_begins_leaves_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    append(settings, visits(1))
    with pytest.raises(LogGap):
        replay(settings, tmp_path / "new.duckdb", until=Point("latest", offsets={None: 99}))
    assert list(tmp_path.iterdir()) == [settings.data]


def test_an_offset_that_is_not_there_is_named(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(1))
    with pytest.raises(
        LogGap, match=r"offset 4 of partition 0 is not in .*: expected one from 0 to 3"
    ):
        replay(settings, tmp_path / "new.duckdb", until=Point("latest", offsets={0: 4}))
    with pytest.raises(LogGap, match="partition 7 is not in"):
        replay(settings, tmp_path / "new.duckdb", since=Point("earliest", offsets={7: 0}))


def test_an_end_before_the_beginning_is_refused(settings: Settings, tmp_path: Path) -> None:
    append(settings, visits(3))
    with pytest.raises(LogGap, match="partition 0 would end at offset 2, before offset 5"):
        replay(
            settings,
            tmp_path / "new.duckdb",
            since=Point("earliest", offsets={None: 5}),
            until=Point("latest", offsets={0: 2}),
        )
    with pytest.raises(LogGap, match="1970-01-01 00:00:01 UTC lies before 1970-01-01 00:00:02 UTC"):
        replay(
            settings,
            tmp_path / "new.duckdb",
            since=Point("earliest", moment=2000),
            until=Point("latest", moment=1000),
        )


def test_without_a_log_it_says_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.consumers.history.ANSWER_WITHIN", 0.2)
    with pytest.raises(
        LogUnavailable, match=r"DWELL_LOG is 'embedded:', and there is no log at .*: expected"
    ):
        replay(settings, tmp_path / "new.duckdb")


def test_another_log_is_not_gone_on_with(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(settings, visits(1))
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(replaying.Replay, "_built", _interrupted)
        replay(settings, tmp_path / "new.duckdb")
    other = settings_of(tmp_path / "other")
    append(other, visits(1))
    with pytest.raises(LogMismatch, match="belongs to log embedded:"):
        replay(other, tmp_path / "new.duckdb")
