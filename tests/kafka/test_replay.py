"""A replay of a topic, partition by partition, gaps and all."""

import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from dwell.consumers.archiving import archive
from dwell.settings import Settings
from tests.consumers.test_replaying import HOUR, visits
from tests.support.facts import NOW, forgotten
from tests.support.replaying import LATEST, Quiet, append, project, replay, settings_of, tables

pytestmark = pytest.mark.real_broker


@pytest.fixture
def settings(kafka: str, tmp_path: Path) -> Settings:
    topic = f"replayed-{time.time_ns()}"
    return settings_of(tmp_path / "data", f"kafka://{kafka}/{topic}", topic_partitions=3)


def take_back(settings: Settings, records: int) -> None:
    """Have a foreign producer write records and take them back: offsets that nobody can read."""
    producer = Producer(
        {
            "bootstrap.servers": ",".join(settings.kafka_servers),
            "transactional.id": settings.kafka_topic,
        }
    )
    producer.init_transactions()
    producer.begin_transaction()
    for number in range(records):
        producer.produce(settings.kafka_topic, b"{}", str(number).encode())
    producer.flush()
    producer.abort_transaction()


@pytest.mark.long
def test_a_topic_with_gaps_at_its_ends_is_replayed_whole(
    settings: Settings, tmp_path: Path
) -> None:
    append(settings, visits(20))
    take_back(settings, 30)
    append(settings, [*visits(3), forgotten(5, NOW + 99 * HOUR), *visits(5, first=31)])
    project(settings)
    take_back(settings, 30)
    replay(settings, tmp_path / "new.duckdb")
    found, live = tables(tmp_path / "new.duckdb"), tables(settings.published)
    ends, read = dict(found.pop("log_offset")), dict(live.pop("log_offset"))
    assert found == live
    assert all(read[each] <= ends[each] for each in ends)
    assert sum(ends.values()) > sum(read.values()) + 30


def test_an_archive_of_a_topic_is_replayed_with_what_came_later(
    settings: Settings, tmp_path: Path
) -> None:
    append(settings, visits(20))
    archived = archive(settings, LATEST, processes=2, watcher=Quiet())
    append(settings, visits(5, first=31))
    project(settings)
    done = replay(settings, tmp_path / "new.duckdb")
    assert (archived.added, done.archived, done.logged) == (60, 60, 15)
    assert tables(tmp_path / "new.duckdb") == tables(settings.published)
