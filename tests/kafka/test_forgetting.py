"""Visitors are forgotten where the log is a topic, and where its warehouse is several files."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import duckdb
import pytest
from confluent_kafka import Producer

from dwell.cli import run
from dwell.consumers.archiving import archive
from dwell.settings import Settings
from tests.support.facts import NOW, Stored, glimpse, uuid7
from tests.support.replaying import LATEST, Quiet, append, project, replay, settings_of
from tests.support.running import Process, environment, running, wait_until

pytestmark = pytest.mark.real_broker

Said = Callable[..., tuple[int, str, str]]
Rows = list[tuple[object, ...]]

COUNT = 50
PEOPLE = [Random(-n).getrandbits(46) for n in range(1, 6)]
"""Numbers far apart, as ids are: of neighbours DuckDB stores differences, in which the search may see one
that is gone."""
FORGOTTEN = uuid7(PEOPLE[1])


def rows(pageviews: int, people: list[int] = PEOPLE) -> Rows:
    """What a warehouse shows of these people, with so many pageviews each."""
    return sorted((uuid7(each), pageviews) for each in people)


ALL, OTHERS = rows(10), rows(10, [each for each in PEOPLE if uuid7(each) != FORGOTTEN])
LATER = rows(20, [each for each in PEOPLE if uuid7(each) != FORGOTTEN])


def facts(first: int = 0) -> list[Stored]:
    """Ten pageviews of each, in a session of their own."""
    return [
        glimpse(
            Random(n).getrandbits(47),
            visitor=PEOPLE[n % 5],
            session=PEOPLE[n % 5] + 2**46,
            received_at=NOW + n,
        )
        for n in range(first, first + COUNT)
    ]


@pytest.fixture
def settings(kafka: str, tmp_path: Path) -> Settings:
    topic = f"forgetting-{time.time_ns()}"
    return settings_of(tmp_path / "data", f"kafka://{kafka}/{topic}", topic_partitions=4)


@pytest.fixture
def said(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Said:
    """Runs `dwell forget` with the arguments: exit status, standard output and error."""
    monkeypatch.setenv("DWELL_DATA", str(settings.data))
    monkeypatch.setenv("DWELL_LOG", settings.log)

    def say(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return run(["forget", *arguments]), *capsys.readouterr()

    return say


def visitors(path: Path) -> Rows:
    """How many pageviews each visitor has in a file; none before it is there."""
    if not path.exists():
        return []
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(
            "select visitor_id::varchar, count(*) from pageview group by all order by all"
        ).fetchall()


def spread(settings: Settings, records: list[Stored]) -> None:
    """Append them as somebody does who minds no keys: one after the other to each partition."""
    producer = Producer({"bootstrap.servers": ",".join(settings.kafka_servers)})
    for number, each in enumerate(records):
        producer.produce(
            settings.kafka_topic,
            each.value,
            each.key,
            partition=number % settings.topic_partitions,
            timestamp=each.timestamp,
        )
    assert producer.flush(30) == 0


@pytest.mark.long
def test_a_visitor_leaves_all_that_was_made_of_the_topic(settings: Settings, said: Said) -> None:
    append(settings, [*facts(), Stored(FORGOTTEN.encode(), NOW)])
    archive(settings, LATEST, processes=1, watcher=Quiet())
    project(settings)
    assert visitors(settings.published) == ALL
    status, out, err = said("--yes", "--proof", FORGOTTEN)
    assert (status, err) == (0, ""), out
    assert f"ordered in {settings.log}" in out
    assert "took 11 records out of the archive" in out
    for arguments in ([], ["--dry-run"], ["--dry-run", "--proof"]):
        out += said(*arguments, "--yes", FORGOTTEN)[1]
    assert out.count(f"the topic {settings.kafka_topic} keeps the visitors' records") == 4
    assert visitors(settings.published) == visitors(settings.warehouse) == OTHERS


def test_the_order_in_the_topic_keeps_the_visitor_out_of_replays_and_the_live_warehouse(
    settings: Settings, said: Said
) -> None:
    append(settings, facts()[:1])
    spread(settings, facts()[1:])
    project(settings)
    assert said("--yes", FORGOTTEN)[0] == 0
    new = settings.data / "new.duckdb"
    replay(settings, new)
    assert visitors(new) == OTHERS
    append(settings, facts(first=COUNT))
    project(settings)
    assert visitors(settings.published) == LATER


# Shards


class Shards:
    """Two projectors of one topic, each a process with half of the partitions."""

    def __init__(self, settings: Settings, processes: list[Process]) -> None:
        self.settings = settings
        self.processes = processes

    @property
    def files(self) -> list[Path]:
        """What each of them writes, and what each publishes."""
        own = [
            Settings(**self.settings.model_dump() | {"shard": share}) for share in ("1/2", "2/2")
        ]
        return [path for each in own for path in (each.warehouse, each.publication)]

    def stop(self) -> None:
        """End them, which publish a last time."""
        for each in self.processes:
            assert each.stop(within=30) == 0, each.printed()


@pytest.fixture
def shards(settings: Settings, tmp_path: Path) -> Iterator[Shards]:
    """The topic projected by two; every visitor has facts in all partitions."""
    environ = environment(
        settings.data, 1, log=settings.log, topic_partitions=4, publish_seconds=0.2
    )
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                running(
                    *("project", "--shard", f"{number}/2"),
                    environ=environ,
                    output=tmp_path / f"{number}.out",
                )
            )
            for number in (1, 2)
        ]
        wait_until(lambda: all("projecting" in each.printed() for each in processes))
        spread(settings, facts())
        wait_until(lambda: visitors(settings.published) == ALL)
        yield Shards(settings, processes)


@pytest.mark.long  # tests/consumers/test_shards.py has an erasure that another shard reads
def test_shards_that_are_at_work_forget_whomever_the_order_reaches_first(
    shards: Shards, said: Said
) -> None:
    status, out, err = said("--yes", "--proof", "--wait", "90", FORGOTTEN)
    assert (status, err) == (0, ""), out
    assert out.count("by the projector") == 2
    assert visitors(shards.settings.published) == OTHERS
    spread(shards.settings, facts(first=COUNT))
    wait_until(lambda: visitors(shards.settings.published) == LATER)
    assert all(each.alive for each in shards.processes)


@pytest.mark.long
def test_shards_whose_projectors_have_ended_are_erased_from_all_the_same(
    shards: Shards, said: Said
) -> None:
    shards.stop()
    status, out, err = said("--yes", "--proof", FORGOTTEN)
    assert (status, err) == (0, ""), out
    for path in (shards.settings.published, *shards.files):
        assert {visitor for visitor, _ in visitors(path)} == {visitor for visitor, _ in OTHERS}
    assert visitors(shards.settings.published) == OTHERS
