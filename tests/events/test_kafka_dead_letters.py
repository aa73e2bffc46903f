"""Dead letters go from the log to a topic of their own, on a real broker."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dwell.commands.broker.server import Broker
from dwell.consumers.projector import Projector
from dwell.events import dead_letters
from dwell.events.dead_letters import DeadLetter, DeadLetterTopic, Outcome
from dwell.events.kafka import dead_letters as kafka_dead_letters
from dwell.events.log import NewRecord
from dwell.events.opening import open_dead_letters, open_reader, open_writer
from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import NOW, glimpse

pytestmark = pytest.mark.real_broker


def settings_of(address: str, topic: str, data: Path, **more: object) -> Settings:
    given = {"log": f"kafka://{address}/{topic}", "data": data, "dead_letter_topic": True}
    return Settings.read(given | {"topic_partitions": 2, "batch_seconds": 0.05} | more, environ={})


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[DeadLetterTopic]:
    topic = open_dead_letters(settings)
    assert topic is not None
    try:
        yield topic
    finally:
        await topic.close()


async def read(address: str, topic: str, count: int) -> list[ConsumerRecord]:
    """The first records of the topic, of whatever partition."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=address,
        auto_offset_reset="earliest",
        metadata_max_age_ms=200,
        max_partition_fetch_bytes=2**24,
    )
    found: list[ConsumerRecord] = []
    async with consumer, asyncio.timeout(20):
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
    return sorted(found, key=lambda record: record.timestamp)


def letter(number: int, value: bytes, key: bytes | None = b"key") -> DeadLetter:
    return DeadLetter(1, number, key, value, NOW + number, "not_json", "the record is not JSON")


async def test_the_projector_forwards_what_it_cannot_read(
    kafka: str, topic: str, tmp_path: Path
) -> None:
    settings = settings_of(kafka, topic, tmp_path)
    writer, reader = open_writer(settings), open_reader(settings)
    fact = glimpse(1)
    await writer.append(
        [
            NewRecord(b"visitor", b"junk", NOW),
            NewRecord(fact.key, fact.value, NOW + 1),
            NewRecord(b"visitor", b"\xff", NOW + 2),
        ]
    )
    await writer.close()
    async with opened(settings) as topic_of_letters:
        with LiveWarehouse(settings.warehouse) as warehouse:
            projector = Projector(settings, reader, warehouse, topic_of_letters)
            running = asyncio.create_task(projector.run())
            found = await read(kafka, f"{topic}.dead-letters", 2)
            projector.stop()
            await running
            await reader.close()
    assert [(each.key, each.value, each.timestamp) for each in found] == [
        (b"visitor", b"junk", NOW),
        (b"visitor", b"\xff", NOW + 2),
    ]
    headers = dict(found[0].headers)
    assert headers["__connect.errors.topic"] == topic.encode()
    assert headers["__connect.errors.offset"] == b"0"
    assert headers["__connect.errors.exception.message"].startswith(b"not_json: ")
    assert len(headers) == 10


async def test_a_letter_keeps_its_bytes_whatever_they_are(
    kafka: str, topic: str, tmp_path: Path
) -> None:
    large = bytes(range(256)) * 5000  # more than a topic takes by default
    letters = [letter(1, b"", None), letter(2, large), letter(3, b"\x00", b"")]
    async with opened(settings_of(kafka, topic, tmp_path)) as topic_of_letters:
        outcome = await topic_of_letters.forward(letters)
        assert outcome == Outcome({each.place for each in letters})
        await topic_of_letters.forward([letter(4, b"junk")])
    found = await read(kafka, f"{topic}.dead-letters", 4)
    assert [(each.key, each.value) for each in found] == [
        *((None, b""), (b"key", large), (None, b"\x00"), (b"key", b"junk")),
    ]


async def test_the_largest_letter_that_is_forwarded_fits(
    kafka: str, topic: str, tmp_path: Path
) -> None:
    largest = b"x" * dead_letters.LARGEST
    async with opened(settings_of(kafka, topic, tmp_path)) as topic_of_letters:
        await topic_of_letters.forward([letter(1, largest)])
    [found] = await read(kafka, f"{topic}.dead-letters", 1)
    assert found.value == largest


async def test_letters_that_the_topic_refuses_keep_no_other_one_back(
    kafka: str, topic: str, tmp_path: Path
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    name = f"{topic}.dead-letters"
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs={"max.message.bytes": "50000"})])
    await admin.close()
    ahead = replace(letter(3, b"from the future"), timestamp=int(1000 * (time.time() + 86_400)))
    letters = [letter(1, b"one"), letter(2, os.urandom(100_000)), ahead, letter(4, b"four")]
    async with opened(settings_of(kafka, topic, tmp_path)) as topic_of_letters:
        outcome = await topic_of_letters.forward(letters)
        again = await topic_of_letters.forward([letter(5, b"five")])
    assert outcome.durable == {(1, 1), (1, 4)}
    assert "expected more max.message.bytes" in outcome.refused[1, 2]
    assert "message.timestamp.after.max.ms" in outcome.refused[1, 3]
    assert outcome.trouble is None
    assert again == Outcome({(1, 5)})
    assert [each.value for each in await read(kafka, name, 3)] == [b"one", b"four", b"five"]


@pytest.mark.long
async def test_a_broker_that_does_not_answer_is_said_in_time_and_tried_again(
    own_broker: Broker, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_dead_letters, "OPEN_SECONDS", 2.0)
    address = own_broker.address
    async with opened(settings_of(address, topic, tmp_path)) as topic_of_letters:
        for before in ([], [letter(0, b"before")]):
            await topic_of_letters.forward(before)
            own_broker.pause()
            async with asyncio.timeout(10):
                outcome = await topic_of_letters.forward([letter(1, b"junk")])
            assert not outcome.durable
            assert f"the dead-letter topic {topic}.dead-letters" in str(outcome.trouble)
            own_broker.resume()
            monkeypatch.setattr(kafka_dead_letters, "OPEN_SECONDS", 30.0)
            await topic_of_letters.forward([letter(2, b"again")])
            monkeypatch.setattr(kafka_dead_letters, "OPEN_SECONDS", 2.0)
    found = await read(address, f"{topic}.dead-letters", 3)
    assert {each.value for each in found} >= {b"before", b"again"}


async def test_closing_waits_for_no_broker(own_broker: Broker, topic: str, tmp_path: Path) -> None:
    async with opened(settings_of(own_broker.address, topic, tmp_path)) as topic_of_letters:
        await topic_of_letters.forward([letter(0, b"before")])
        own_broker.pause()
        began = time.monotonic()
        await topic_of_letters.close()
        took = time.monotonic() - began
        own_broker.resume()
    assert took < 2
    assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []


async def test_a_call_that_is_cancelled_leaves_nothing_behind(
    own_broker: Broker, topic: str, tmp_path: Path
) -> None:
    async with opened(settings_of(own_broker.address, topic, tmp_path)) as topic_of_letters:
        await topic_of_letters.forward([letter(0, b"before")])
        own_broker.pause()
        sending = asyncio.create_task(topic_of_letters.forward([letter(1, b"junk")]))
        await asyncio.sleep(0.5)
        sending.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait({sending})
        assert sending.cancelled(), sending
        own_broker.resume()
    assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []
