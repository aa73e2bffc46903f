"""What goes over the wire, on any Kafka there is: where there is no broker, on librdkafka's mock."""

from collections.abc import Iterator

import pytest
from aiokafka.partitioner import murmur2

from dwell.errors import LogUnavailable
from dwell.events.log import NewRecord
from tests.events.contract import NOW, read_all, record
from tests.events.test_kafka import At
from tests.support.brokers import Source, serving
from tests.support.running import wait_until

confluent_kafka = pytest.importorskip("confluent_kafka")


@pytest.fixture
def at(kafka: str) -> At:
    """A topic that is there: the mock makes it when it is named, and a broker when it is asked to."""
    at = At(kafka)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka})
    # A broker that has just begun may not know of itself yet.
    wait_until(lambda: bool(producer.list_topics(at.topic, timeout=10).brokers), 20)
    return at


KEYS = [b"visitor-%d" % number for number in range(40)]


async def test_records_come_back_with_key_and_time_from_the_partition_of_their_key(at: At) -> None:
    writer, reader = at.writer(), at.reader()
    sent = [NewRecord(key, b"fact of " + key, NOW + time) for time, key in enumerate(KEYS)]
    await writer.append(sent)
    await writer.close()
    partitions = await reader.partitions()
    await reader.assign(dict.fromkeys(partitions, 0))
    found = [
        (batch.partition, NewRecord(*each))
        for batch in await read_all(reader, len(sent))
        for each in zip(batch.keys, batch.values, batch.timestamps, strict=True)
    ]
    assert sorted((one for _, one in found), key=lambda one: one.timestamp) == sent
    for partition, one in found:
        assert partition == (murmur2(one.key) & 0x7FFFFFFF) % len(partitions)
    assert await reader.read(10, 0) == []
    await reader.close()


async def test_librdkafka_reads_what_was_written(at: At) -> None:
    writer = at.writer()
    await writer.append([NewRecord(b"a visitor", b'{"a": 1}', NOW)])
    await writer.close()
    reader = at.reader()
    partitions = await reader.partitions()
    await reader.close()
    consumer = confluent_kafka.Consumer({"bootstrap.servers": at.address, "group.id": at.topic})
    places = [confluent_kafka.TopicPartition(at.topic, each, 0) for each in partitions]
    consumer.assign(places)
    message = consumer.poll(20)
    assert message is not None
    assert message.error() is None
    assert (message.key(), message.value()) == (b"a visitor", b'{"a": 1}')
    assert message.timestamp() == (confluent_kafka.TIMESTAMP_CREATE_TIME, NOW)
    assert not message.headers()
    consumer.close()


async def test_a_reader_goes_on_from_an_offset(at: At) -> None:
    writer, reader = at.writer(), at.reader()
    await writer.append([record(number) for number in range(10)])
    home = (murmur2(record(0).key) & 0x7FFFFFFF) % len(await reader.partitions())
    assert (await reader.start(home), await reader.end(home)) == (0, 10)
    await reader.assign({home: 6})
    (batch,) = await read_all(reader, 4)
    assert batch.offsets == [6, 7, 8, 9]
    assert batch.values == [record(number).value for number in range(6, 10)]
    await reader.close()
    await writer.close()


@pytest.fixture
def controllerless() -> Iterator[At]:
    """The mock, which has no controller, and a topic that is missing."""
    with serving(Source.MOCK) as address:
        yield At(address)


async def test_a_topic_that_nobody_can_make_is_told(controllerless: At) -> None:
    writer, reader = controllerless.writer(), controllerless.reader()
    for asked in (writer.append([record(1)]), reader.identity(), reader.assign({0: 0})):
        with pytest.raises(
            LogUnavailable, match=r"is missing, and the cluster names no controller"
        ):
            await asked
    await reader.close()
    await writer.close()
