"""A warehouse and a topic that do not fit: a clear stop, and nothing is skipped."""

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from dwell.commands.broker.release import Release
from dwell.commands.broker.server import Broker
from tests.support.installation import Installation
from tests.support.running import running, wait_until
from tests.support.wire import FACT

pytestmark = pytest.mark.real_broker

SETTINGS: dict[str, object] = {"topic_partitions": 1, "publish_seconds": 0.2}


@pytest.fixture
def dwell(kafka: str, topic: str, tmp_path: Path) -> Iterator[Installation]:
    """With ten pageviews in the warehouse; the projector is stopped."""
    with Installation(tmp_path / "dwell", f"kafka://{kafka}/{topic}", SETTINGS) as dwell:
        look(dwell, range(10))
        wait_until(lambda: seen(dwell) == list(range(10)))
        assert dwell.parts["project"].stop(signal.SIGTERM) == 0
        yield dwell


def look(dwell: Installation, pageviews: range) -> None:
    """Facts of so many pageviews, told apart by their seconds; they are kept."""
    for number in pageviews:
        pageview = f"{FACT['pageview_id'][:-4]}{number:04x}"
        looked = {"engagement_ms": 1000 * number, "age_ms": 1000 * number}
        assert dwell.post(FACT | looked | {"pageview_id": pageview}) == 204


def seen(dwell: Installation) -> list[int]:
    """The seconds of all pageviews in the warehouse."""
    return [int(time) for (time,) in dwell.ask("select engagement_time from pageview order by 1")]


async def lose(kafka: str, topic: str, before: int) -> None:
    """As retention does: drop the records before an offset."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=before)})
    await admin.close()


async def topics(kafka: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    found: list[str] = await admin.list_topics()
    await admin.close()
    return found


@pytest.mark.long
async def test_facts_that_are_gone_before_they_were_read(
    dwell: Installation, kafka: str, topic: str
) -> None:
    look(dwell, range(10, 20))
    await lose(kafka, topic, 15)

    said = dwell.refused("project")
    assert f"offset 10 of partition 0 is no longer in the log kafka://{kafka}/{topic}" in said
    assert "the facts from 10 to 14 are gone" in said
    assert "bring the facts back from a copy of the log" in said
    assert f"or move {dwell.as_read.warehouse} away" in said
    assert seen(dwell) == list(range(10)), "nothing was skipped, nothing was lost"

    assert dwell.parts["site"].stop(signal.SIGTERM) == 0
    assert dwell.refused("up") == said, "nobody starts it again and again"

    (dwell.data / "live" / "warehouse.duckdb").rename(dwell.folder / "away.duckdb")
    dwell.start("project")
    wait_until(lambda: seen(dwell) == list(range(15, 20)))


def is_refused(dwell: Installation, log: str) -> str:
    """What the projector says on another log than the warehouse's."""
    said = replace(dwell, log=log).refused("project")
    assert "warehouse.duckdb was made from log kafka:" in said or f"'{log}'" in said
    return said


@pytest.mark.long  # another topic is no other case
def test_a_topic_of_that_name_on_another_broker(
    dwell: Installation, topic: str, release: Release, tmp_path: Path
) -> None:
    with Broker(release, tmp_path / "kafka") as another:
        said = is_refused(dwell, f"kafka://{another.address}/{topic}")
        assert f"/{topic}: expected the same log" in said


def test_another_topic(dwell: Installation, kafka: str, topic: str) -> None:
    other = f"{topic}-other"
    expected = f"another log: expected kafka://HOST:PORT/{topic} with"
    assert expected in is_refused(dwell, f"kafka://{kafka}/{other}")
    mistaken = replace(dwell, log=f"kafka://{kafka}/{other}")
    with running(
        "healthy", "project", environ=mistaken.environ, output=dwell.folder / "healthy"
    ) as process:
        assert process.wait() == 1
    assert expected in process.printed()
    assert other not in asyncio.run(topics(kafka)), "who only asks leaves nothing behind"
    dwell.start("project")
    look(dwell, range(10, 11))
    wait_until(lambda: seen(dwell) == list(range(11)))
