"""From the embedded log to a topic and back, killed on the way: nothing lost, nothing doubled."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import sleep

import pytest

from dwell.consumers.copying import Copying, compare, copy
from dwell.consumers.moving import move
from dwell.errors import LogGap, LogMismatch, LogUnavailable
from dwell.events.replica import open_replica
from dwell.settings import Settings
from dwell.warehouse import layout
from dwell.warehouse.live import LiveWarehouse
from tests.consumers.test_copying import delete, facts
from tests.support.copying import everything
from tests.support.facts import Stored, glimpse
from tests.support.promoting import end_of
from tests.support.replaying import Quiet, append, project, replay, settings_of, tables
from tests.support.running import Process, environment, free_port, running, wait_until

pytestmark = pytest.mark.real_broker


@pytest.fixture
def source(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data")


@pytest.fixture
def target(kafka: str, topic: str, tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data", f"kafka://{kafka}/{topic}", topic_partitions=2)


def moved(source: Settings, target: Settings) -> list[str]:
    return move(source, target, watcher=Quiet(), say=lambda line: None).left


def lawful(path: Path) -> dict[str, int]:
    """How many rows a warehouse has, whatever the offsets are."""
    return {name: len(rows) for name, rows in tables(path).items() if name != "log_offset"}


@pytest.mark.long  # tests/consumers/test_moving.py has the projector that reads on
def test_a_projector_reads_on_from_the_topic_and_a_replay_of_it_is_the_same(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    append(source, facts(40))
    project(source)
    assert copy(source, target, Quiet()).records == 40
    append(source, facts(5, first=41))
    assert moved(source, target) == []
    append(target, facts(20, first=46))
    project(target)
    replay(target, tmp_path / "new.duckdb")
    assert tables(tmp_path / "new.duckdb") == tables(target.published)
    assert lawful(target.published)["pageview"] == 65


def test_several_partitions_come_into_one_file_and_the_warehouse_stays_behind(
    source: Settings, target: Settings
) -> None:
    append(target, [each for number in range(1, 9) for each in facts_of(number)])
    with layout.holding(source.live, None), LiveWarehouse(source.warehouse) as warehouse:
        warehouse.belong_to("log")
    (left,) = moved(target, source)
    assert "whose partitions came into one: move it away" in left
    append(source, facts_of(9))
    topic = [rest for records in everything(target).values() for _, *rest in records]
    offsets, *_ = zip(*everything(source)[0], strict=True)
    assert len({*offsets}) == len(topic) + 1 == 9
    assert [rest for _, *rest in everything(source)[0][:-1]] == topic


async def test_facts_that_come_to_a_topic_that_is_left_are_told_of(
    source: Settings, target: Settings
) -> None:
    """Nothing keeps a site from appending to it: the last look finds that out, and the next run."""
    await asyncio.to_thread(append, target, facts(3))
    async with Copying.between(target, source) as copying:
        copied = await copying.run(Quiet())
        await copying.refuse_growth(copied)
        await asyncio.to_thread(append, target, facts(2, first=4))
        with pytest.raises(
            LogMismatch, match=r"^2 facts have come to the log kafka://.* meanwhile"
        ):
            await copying.refuse_growth(copied)


def test_gaps_are_passed_over_and_what_is_gone_at_the_start_is_gone(
    source: Settings, target: Settings
) -> None:
    append(source, facts(10))
    delete(source, 0, 1, 2, 5, 9)
    asyncio.run(begin_to_skip(target, 2))
    copy(source, target, Quiet())
    assert compare(source, target, Quiet()) is None
    assert compare(target, source, Quiet()) is None
    found = everything(target)[0]
    assert [offset for offset, *_ in found] == [3, 4, 5, 6, 7, 8, 9]
    assert [offset for offset, *_, value in found if not value] == [5, 9]
    append(source, facts(4, first=11))
    delete(source, *range(12))
    with pytest.raises(LogGap, match=r"the offsets 10 to 11 of partition 0 are gone from"):
        copy(source, target, Quiet())


async def begin_to_skip(target: Settings, until: int) -> None:
    """As a copy that is ended while it fills what the source has no more."""
    replica = open_replica(target)
    await replica.found("the source", [0])
    await replica.append(0, [], until)
    await replica.close()


def test_a_topic_that_somebody_else_appends_to_is_no_copy(
    source: Settings, target: Settings
) -> None:
    append(source, facts(5))
    copy(source, target, Quiet())
    append(target, facts(4, first=90))
    append(source, facts(9, first=6))
    with pytest.raises(
        LogMismatch, match=r"differ at offset 5 of partition 0|which log .* has not"
    ):
        copy(source, target, Quiet())


def facts_of(visitor: int) -> list[Stored]:
    return [glimpse(visitor, visitor=visitor, session=visitor)]


def kill_while_copying(
    source: Settings, target: Settings, kills: int, times: int, seed: int
) -> int:
    """Kill so many copies at random moments while the log grows; then the copy must be whole. Returns
    how many had begun to copy and not ended."""
    rng, some = Random(seed), facts(1_000)
    append(source, some * times)
    environ = environment(source.data, free_port(), topic_partitions=2)
    words = ("log", "copy", source.log, target.log)
    output = source.data / "copy.out"
    midway, copied = 0, 0
    for _ in range(kills):
        with running(*words, environ=environ, output=output) as process:
            wait_until(lambda: not process.alive or reached(target) > copied, 60)  # noqa: B023
            sleep(rng.uniform(0, 0.2))
            process.kill()
        before, copied = copied, reached(target)
        midway += before < copied < end_of(source)
        append(source, some)
    process = Process(*words, environ=environ, output=output)
    assert process.wait(within=60) == 0, process.printed()
    assert everything(target) == everything(source)
    return midway


def reached(target: Settings) -> int:
    """How far the copy has come; 0: it has not begun."""
    try:
        return end_of(target)
    except LogUnavailable:
        return 0


@pytest.mark.long
def test_a_copy_that_is_killed_goes_on_where_it_was(source: Settings, target: Settings) -> None:
    kill_while_copying(source, target, kills=1, times=5, seed=1)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["to Kafka", "to a file"])
def test_a_copy_that_is_killed_a_hundred_times_is_whole(
    source: Settings,
    target: Settings,
    tmp_path: Path,
    way: str,
    record_property: Callable[[str, object], None],
) -> None:
    file = settings_of(source.data, f"embedded:{tmp_path / 'copy.sqlite'}")
    to = target if way == "to Kafka" else file
    midway = kill_while_copying(source, to, kills=100, times=300, seed=2)
    record_property(f"{way}, killed midway", midway)
