"""A log copied into another one: every record once, at its own offset."""

import asyncio
import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest

from dwell.consumers.copying import Copied, compare, copy
from dwell.errors import LogMismatch, LogUnavailable, NoSpace
from dwell.events import embedded_replica
from dwell.events.log_file import open_to_append
from dwell.events.opening import open_reader
from dwell.events.replica import open_replica
from dwell.settings import Settings
from tests.support.copying import everything
from tests.support.facts import NOW, Stored, glimpse
from tests.support.replaying import Quiet, append, settings_of


def facts(number: int, first: int = 1) -> list[Stored]:
    return [glimpse(each, received_at=NOW + 7 * each) for each in range(first, first + number)]


@pytest.fixture
def source(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data")


@pytest.fixture
def target(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data", f"embedded:{tmp_path / 'copy.sqlite'}")


def copied(source: Settings, target: Settings) -> Copied:
    return copy(source, target, Quiet())


def delete(settings: Settings, *offsets: int) -> None:
    """As an operator's own retention does."""
    with contextlib.closing(sqlite3.connect(settings.embedded_log)) as connection, connection:
        connection.executemany(
            'delete from record where "offset" = ?', [(each,) for each in offsets]
        )


def test_a_copy_has_every_record_at_its_own_offset(source: Settings, target: Settings) -> None:
    append(source, facts(30))
    assert copied(source, target) == Copied(30, {0: 30}, merges=False)
    assert everything(target) == everything(source)
    assert compare(source, target, Quiet()) is None


def test_a_second_run_copies_what_has_come_since(source: Settings, target: Settings) -> None:
    append(source, facts(30))
    copied(source, target)
    append(source, facts(5, first=31))
    assert copied(source, target).records == 5
    assert copied(source, target).records == 0
    assert everything(target) == everything(source)


def test_gaps_stay_where_they_are(source: Settings, target: Settings) -> None:
    append(source, facts(10))
    delete(source, 0, 1, 4, 5, 9)
    copied(source, target)
    append(source, facts(2, first=11))
    copied(source, target)
    assert [offset for offset, *_ in everything(target)[0]] == [2, 3, 6, 7, 8, 10, 11]
    assert asyncio.run(bounds(target)) == asyncio.run(bounds(source)) == (2, 12)


async def bounds(settings: Settings) -> tuple[int, int]:
    reader = open_reader(settings)
    try:
        return await reader.start(0), await reader.end(0)
    finally:
        await reader.close()


async def test_who_ends_a_copy_waits_for_what_is_under_way(
    target: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        begun.set()
        go_on.wait(10)

    monkeypatch.setattr(embedded_replica, "_append", slow)
    replica = open_replica(target)
    await replica.found("log", [0])
    appending = asyncio.create_task(replica.append(0, [], 1))
    await asyncio.to_thread(begun.wait, 10)
    appending.cancel()
    _, waiting = await asyncio.wait([appending], timeout=0.1)
    assert waiting
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await appending
    await replica.close()


def test_a_full_disk_is_named(
    source: Settings, target: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(source, facts(300))

    def small(path: Path, wait: float) -> sqlite3.Connection:
        connection = open_to_append(path, wait)
        connection.execute("pragma max_page_count = 20")
        return connection

    monkeypatch.setattr(embedded_replica, "open_to_append", small)
    with pytest.raises(NoSpace, match=r"copy\.sqlite .*expected space on its disk"):
        copied(source, target)


def test_an_empty_log_is_copied_too(source: Settings, target: Settings) -> None:
    append(source, facts(1))
    delete(source, 0)
    assert copied(source, target).ends == {0: 1}
    assert asyncio.run(bounds(target)) == (1, 1)


def test_a_copy_takes_no_facts(source: Settings, target: Settings) -> None:
    append(source, facts(3))
    copied(source, target)
    with pytest.raises(LogUnavailable, match=r"closed to facts.*`dwell log move` opens it"):
        append(target, facts(1, first=9))
    assert everything(target) == everything(source)


def test_a_log_with_facts_of_its_own_is_left_as_it_is(source: Settings, target: Settings) -> None:
    append(source, facts(5))
    append(target, facts(3, first=7))
    with pytest.raises(
        LogMismatch, match=r"is no copy of .*: they differ at offset 0 of partition 0"
    ):
        copied(source, target)
    append(target, facts(1, first=10))
    assert len(everything(target)[0]) == 4


def test_a_log_that_is_longer_is_no_copy(source: Settings, target: Settings) -> None:
    append(source, facts(3))
    append(target, facts(4))
    with pytest.raises(LogMismatch, match="no longer than the one it is a copy of"):
        copied(source, target)


def test_a_copy_of_one_log_is_not_gone_on_with_from_another(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    append(source, facts(3))
    copied(source, target)
    other = settings_of(tmp_path / "other")
    append(other, facts(9))
    with pytest.raises(LogMismatch, match="was begun as a copy of log embedded:"):
        copied(other, target)


def test_a_log_is_not_copied_into_itself(source: Settings) -> None:
    append(source, facts(3))
    with pytest.raises(LogMismatch, match="expected two logs"):
        copied(source, source)


def test_a_comparison_says_where_two_logs_differ(source: Settings, target: Settings) -> None:
    append(source, facts(9))
    copied(source, target)
    append(source, facts(1, first=10))
    ends = compare(source, target, Quiet())
    assert ends is not None
    assert ends.startswith("partition 0 ends at 10 in ")
    copied(source, target)
    delete(target, 6)
    assert compare(source, target, Quiet()) == "they differ at offset 6 of partition 0"
