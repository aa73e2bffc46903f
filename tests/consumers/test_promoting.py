"""What is made sure of before a warehouse takes the live one's place, and what readers see then."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dwell.consumers.projector import Projector
from dwell.consumers.promoting import examine, put
from dwell.errors import DwellError, LogGap, LogMismatch, LogUnavailable, WarehouseError
from dwell.events.log import LogWriter, NewRecord
from dwell.events.memory import MemoryLog
from dwell.events.opening import open_writer
from dwell.settings import Settings
from dwell.warehouse import promotion, snapshot
from dwell.warehouse.contents import read
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import Stored, glimpse
from tests.support.promoting import empty, made, rebuilt
from tests.support.sharding import Sharded


def records(*stored: Stored) -> list[NewRecord]:
    return [NewRecord(each.key, each.value, each.timestamp) for each in stored]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.read({"data": tmp_path / "data", "publish_seconds": 0.05}, environ={})


@pytest.fixture
async def log(settings: Settings) -> AsyncIterator[LogWriter]:
    """An embedded log with three facts."""
    writer = open_writer(settings)
    await writer.append(records(*(glimpse(number) for number in (1, 2, 3))))
    yield writer
    await writer.close()


async def live(settings: Settings) -> None:
    """A live warehouse that has read it all, and is published."""
    await rebuilt(settings, settings.warehouse)
    snapshot.copy(settings.warehouse, settings.published)


async def test_it_is_said_what_would_change(
    settings: Settings, log: LogWriter, tmp_path: Path
) -> None:
    await live(settings)
    new = await rebuilt(settings, tmp_path / "new.duckdb", until=2)
    examined = await examine(settings, new, partial=False)
    assert (examined.rows_before["pageview"], examined.rows["pageview"]) == (3, 2)
    assert (examined.to_read, examined.until_published) == ({0: 1}, 1)
    assert new.exists()


async def test_without_a_projector_it_is_done_here_and_published(
    settings: Settings, log: LogWriter, tmp_path: Path
) -> None:
    await live(settings)
    await log.append(records(glimpse(4)))
    new = await rebuilt(settings, tmp_path / "new.duckdb")
    done = await asyncio.to_thread(put, settings, new, 5)
    assert (done.by_projector, done.published) == (False, True)
    contents, census = read(settings.published)
    assert census.rows["pageview"] == 4
    assert contents.publish_from == {}


async def test_what_cannot_be_published_is_not_called_so(
    settings: Settings, log: LogWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(settings)
    await log.append(records(glimpse(4)))
    new = await rebuilt(settings, tmp_path / "new.duckdb")

    def full(*_: object, **__: object) -> None:
        raise WarehouseError("no space")

    monkeypatch.setattr(snapshot, "copy", full)
    with pytest.raises(WarehouseError, match=r"is live now, and .* could not be published"):
        await asyncio.to_thread(put, settings, new, 5)
    assert read(settings.published)[1].rows["pageview"] == 3
    assert read(settings.warehouse)[1].rows["pageview"] == 4


async def test_what_is_behind_is_live_and_not_published(
    settings: Settings, log: LogWriter, tmp_path: Path
) -> None:
    await live(settings)
    new = await rebuilt(settings, tmp_path / "new.duckdb", until=1)
    done = await asyncio.to_thread(put, settings, new, 5)
    assert (done.by_projector, done.published) == (False, False)
    assert read(settings.published)[1].rows["pageview"] == 3
    assert read(settings.warehouse)[1].rows["pageview"] == 1


async def test_people_see_the_former_one_until_the_new_one_knows_as_much(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = MemoryLog(identity="log")
    facts = [glimpse(number) for number in (1, 2, 3)]
    log.put(records(*facts))
    settings = Settings.read({"data": tmp_path, "publish_seconds": 0.05}, environ={})
    made(settings.warehouse, facts)
    snapshot.copy(settings.warehouse, settings.published)
    promotion.offer(made(tmp_path / "new", facts[:1]), settings.warehouse, keep_former=True)
    log.fail("away")
    for expected in (None, 3):
        with LiveWarehouse(settings.warehouse) as warehouse:
            reader = log.reader()
            projector = Projector(settings, reader, warehouse)
            running = asyncio.create_task(projector.run())
            async with asyncio.timeout(60):
                if expected:
                    log.resume()
                    while promoted_to(settings) is None:
                        await asyncio.sleep(0.05)
                else:
                    while "log failed: away" not in caplog.text:
                        await asyncio.sleep(0.01)
                    await asyncio.sleep(10 * settings.publish_seconds)
            projector.stop()
            assert await running is False
            await reader.close()
        assert promoted_to(settings) == expected
    assert read(settings.published)[0].publish_from == {}


def promoted_to(settings: Settings) -> int | None:
    """How far the promoted warehouse had come when it was published; `None` if it is not."""
    if read(settings.published)[0].promoted_at is None:
        return None
    return read(settings.published)[0].positions[0]


async def test_a_projector_gives_way_to_what_waits(tmp_path: Path) -> None:
    log = MemoryLog(identity="log")
    settings = Settings.read({"data": tmp_path}, environ={})
    with LiveWarehouse(settings.warehouse) as warehouse:
        reader = log.reader()
        running = asyncio.create_task(Projector(settings, reader, warehouse).run())
        await asyncio.sleep(0.2)
        promotion.offer(made(tmp_path / "new", []), settings.warehouse, keep_former=True)
        assert await asyncio.wait_for(running, 60) is True
        await reader.close()


async def refused(settings: Settings, path: Path) -> DwellError:
    """What is said of a file that cannot take the place."""
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(DwellError) as error:
        await examine(settings, path, partial=False)
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert not promotion.waits(settings.warehouse)
    return error.value


async def test_what_is_no_warehouse_is_refused(
    settings: Settings, log: LogWriter, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.write_text("no database at all\n" * 1000)
    assert "cannot be read: " in str(await refused(settings, notes))
    with Sharded(tmp_path / "shards", 2) as united:
        copy = Path(
            shutil.copy(united.append(1, [glimpse(1)]).published, tmp_path / "union.duckdb")
        )
    assert "is no warehouse of Dwell's: expected" in str(await refused(settings, copy))
    assert "is not there: expected" in str(await refused(settings, tmp_path / "nothing"))


async def test_what_people_or_processes_have_open_is_not_moved(
    settings: Settings, log: LogWriter
) -> None:
    await live(settings)
    assert "is the warehouse that people open" in str(await refused(settings, settings.published))
    assert "is the live warehouse itself" in str(await refused(settings, settings.warehouse))


async def test_another_log_s_is_refused(settings: Settings, log: LogWriter, tmp_path: Path) -> None:
    alien = made(tmp_path / "alien.duckdb", [glimpse(1)], "another")
    error = await refused(settings, alien)
    assert isinstance(error, LogMismatch)
    assert "DWELL_LOG is 'embedded:', the log embedded:" in str(error)
    await live(settings)
    assert "whose place it would take" in str(await refused(settings, alien))


async def test_a_shard_s_is_refused_as_the_whole(
    settings: Settings, log: LogWriter, tmp_path: Path
) -> None:
    error = await refused(settings, empty(tmp_path / "shard.duckdb", "1/2"))
    assert "holds shard 1/2: expected all of the log" in str(error)


async def test_offsets_beyond_the_log_are_refused(
    settings: Settings, log: LogWriter, tmp_path: Path
) -> None:
    new = await rebuilt(settings, tmp_path / "new.duckdb")
    with LiveWarehouse(new) as warehouse, warehouse.transaction() as connection:
        connection.execute("update log_offset set next_offset = 99")
    error = await refused(settings, new)
    assert isinstance(error, LogGap)
    assert "offset 99 of partition 0 lies beyond the end" in str(error)


async def test_a_log_that_does_not_answer_is_said(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.consumers.history.ANSWER_WITHIN", 0.2)
    error = await refused(settings, made(tmp_path / "new.duckdb", [glimpse(1)]))
    assert isinstance(error, LogUnavailable)


async def test_what_lacks_older_facts_wants_to_be_told_so(
    settings: Settings, log: LogWriter, tmp_path: Path
) -> None:
    new = await rebuilt(settings, tmp_path / "new.duckdb")
    with LiveWarehouse(new) as warehouse, warehouse.transaction():
        warehouse.note("replayed_from", json.dumps({"0": 3}))
    assert "was replayed from offset 3 of partition 0, and lacks" in str(
        await refused(settings, new)
    )
    assert (await examine(settings, new, partial=True)).rows["pageview"] == 3


async def test_published_facts_that_it_has_not_are_not_given_up_unawares(
    settings: Settings, log: LogWriter, tmp_path: Path
) -> None:
    await live(settings)
    new = await rebuilt(settings, tmp_path / "new.duckdb")
    with LiveWarehouse(new) as warehouse, warehouse.transaction() as connection:
        connection.execute("delete from visibility_change where first_offset < 3")
    assert "has nothing of partition 0 before offset 3, and what is published now has" in str(
        await refused(settings, new)
    )


async def test_a_request_that_nobody_takes_in_time_stands(
    settings: Settings, log: LogWriter, tmp_path: Path
) -> None:
    new = await rebuilt(settings, tmp_path / "new.duckdb")
    with (
        LiveWarehouse(settings.warehouse),
        pytest.raises(WarehouseError, match=r"was not taken within 0\.1 s .* goes on waiting"),
    ):
        await asyncio.to_thread(put, settings, new, 0.1)
    assert promotion.waits(settings.warehouse)
    LiveWarehouse(settings.warehouse).close()
    assert read(settings.warehouse)[1].rows["pageview"] == 3
