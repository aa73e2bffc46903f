"""The log on Kafka keeps the contract, on a real broker, and says what is wrong with what it is given."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import CloseReason
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.partitioner import murmur2
from aiokafka.record.default_records import DefaultRecord

from dwell.commands.broker.release import Release
from dwell.commands.broker.server import Broker
from dwell.errors import LogMismatch, LogUnavailable, SettingInvalid
from dwell.events.kafka import connection, topic
from dwell.events.kafka.connection import Connection
from dwell.events.kafka.reader import KafkaReader
from dwell.events.kafka.topic import Plan, Topic
from dwell.events.kafka.writer import KafkaWriter
from dwell.events.log import LogReader, LogWriter, NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.settings import Settings
from tests.events.contract import NOW, LogContract, read_all, record, records, values
from tests.support.running import free_port


def fresh_topic() -> str:
    return f"facts-{uuid4().hex}"


class At:
    """A topic of its own on a broker, and what may befall it."""

    def __init__(self, address: str, **settings: object) -> None:
        self.address = address
        self.topic = fresh_topic()
        self.settings = Settings.read(
            {"log": f"kafka://{address}/{self.topic}", "topic_partitions": 1} | settings, environ={}
        )
        self.connection = Connection.of(self.settings)
        self.plan = Plan.of(self.settings)

    def writer(self, *, waiting_bytes: int = 2**26, durable_within: float = 10) -> KafkaWriter:
        return KafkaWriter(
            self.connection, self.plan, waiting_bytes=waiting_bytes, durable_within=durable_within
        )

    def reader(self) -> KafkaReader:
        return KafkaReader(self.connection, self.plan, f"group-{self.topic}")

    async def lose(self, before: int, partition: int = 0) -> None:
        """As retention does: drop the records before an offset."""
        async with self.admin() as admin:
            place = TopicPartition(self.topic, partition)
            await admin.delete_records({place: RecordsToDelete(before_offset=before)})

    async def take_back(self) -> None:
        """A foreign producer writes records and takes them back: they leave a gap."""
        reader = self.reader()
        end = await reader.end(0)
        producer = AIOKafkaProducer(bootstrap_servers=self.address, transactional_id=uuid4().hex)
        async with producer:
            await producer.begin_transaction()
            for number in range(3):
                value = b"taken back %d" % number
                await producer.send_and_wait(self.topic, value, partition=0, timestamp_ms=NOW)
            await producer.abort_transaction()
        while await reader.end(0) < end + 4:  # the records and what says that they are taken back
            await asyncio.sleep(0.01)
        await reader.close()

    def admin(self) -> "_Admin":
        return _Admin(self.address)


class _Admin:
    def __init__(self, address: str) -> None:
        self._client = AIOKafkaAdminClient(bootstrap_servers=address)

    async def __aenter__(self) -> AIOKafkaAdminClient:
        await self._client.start()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


@pytest.mark.usefixtures("own_broker")
class TestKafkaLog(LogContract):
    reads_ahead = True

    @pytest.fixture(autouse=True)
    def topic(self, own_broker: Broker) -> Iterator[None]:
        self.broker = own_broker
        self.at = At(own_broker.address)
        yield
        own_broker.resume()

    def make_writer(self, *, waiting_bytes: int = 2**26, durable_within: float = 10) -> LogWriter:
        return self.at.writer(waiting_bytes=waiting_bytes, durable_within=durable_within)

    def make_reader(self) -> LogReader:
        return self.at.reader()

    async def stop(self) -> None:
        self.broker.pause()

    async def resume(self) -> None:
        self.broker.resume()

    async def lose(self, first: int, last: int) -> None:
        await self.at.lose(last + 1)

    async def leave_gap(self) -> None:
        await self.at.take_back()


@pytest.fixture
def at(kafka: str) -> At:
    return At(kafka)


async def one(writer: LogWriter) -> None:
    """Have the topic made, and a record in it."""
    await writer.append([record(0)])


async def test_the_settings_choose_kafka_and_nothing_is_connected_before_its_use() -> None:
    settings = Settings.read({"log": "kafka://127.0.0.1:9/facts"}, environ={})
    writer, reader = open_writer(settings), open_reader(settings)
    assert isinstance(writer, KafkaWriter)
    assert isinstance(reader, KafkaReader)
    await writer.close()
    await reader.close()


async def test_whatever_fails_the_log_is_not_called_well(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unforeseen(_: Topic) -> None:
        raise KeyError("(1, DEFAULT)")

    monkeypatch.setattr(Topic, "ensure", unforeseen)
    writer = At("127.0.0.1:9").writer()
    with pytest.raises(LogUnavailable, match=r"failed: '\(1, DEFAULT\)'"):
        await writer.check()
    await writer.close()


@pytest.mark.real_broker
async def test_a_missing_topic_is_made_as_the_settings_say(kafka: str) -> None:
    at = At(kafka, topic_partitions=3, topic_retention_days=2)
    reader = at.reader()
    assert await reader.partitions() == [0, 1, 2]
    await reader.close()
    assert await configured(at, "retention.ms") == "172800000"
    assert await configured(at, "message.timestamp.type") == "CreateTime"


@pytest.mark.real_broker
async def test_facts_are_kept_however_far_ahead_the_clock_is_unless_the_topic_has_a_limit(
    at: At,
) -> None:
    ahead = int(1_000 * time.time()) + 4 * 86_400_000
    writer, reader = at.writer(), at.reader()
    await writer.append([record(0, timestamp=ahead)])
    assert await reader.ahead() is None
    async with at.admin() as admin:
        limit = ConfigResource(ConfigResourceType.TOPIC, at.topic, {topic.AHEAD: "3600000"})
        await admin.alter_configs([limit])
    async with asyncio.timeout(20):
        while await reader.ahead() != 3_600:  # a broker hears of it a moment later
            await asyncio.sleep(0.02)
    with pytest.raises(LogUnavailable, match=r"clock here that is right, .*after\.max\.ms"):
        async with asyncio.timeout(20):
            while True:  # a broker heeds it soon
                await writer.append([record(1, timestamp=ahead)])
    await asyncio.gather(writer.close(), reader.close())


@pytest.mark.real_broker
async def test_a_broker_that_knows_no_such_limit_makes_the_topic_too(
    at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic, "AHEAD", "message.timestamp.of.no.broker")
    reader = at.reader()
    assert await reader.partitions() == [0]
    assert await reader.ahead() is None
    await reader.close()


@pytest.mark.real_broker
async def test_facts_are_kept_for_ever_unless_a_setting_says_otherwise(at: At) -> None:
    writer = at.writer()
    await one(writer)
    await writer.close()
    assert await configured(at, "retention.ms") == "-1"


async def configured(at: At, name: str) -> str:
    async with at.admin() as admin:
        (answer,) = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, at.topic, {name: None})]
        )
    [(_, _, _, _, entries)] = answer.resources
    return next(str(value) for key, value, *_ in entries if key == name)


@pytest.mark.real_broker
async def test_a_topic_that_is_there_is_left_as_it_is(kafka: str) -> None:
    at = At(kafka, topic_partitions=5)
    async with at.admin() as admin:
        await admin.create_topics([NewTopic(at.topic, 2, 1)])
    writer = at.writer()
    await one(writer)
    await writer.close()
    reader = at.reader()
    assert await reader.partitions() == [0, 1]
    await reader.close()


@pytest.mark.real_broker
async def test_a_reader_that_is_not_told_to_make_the_topic_makes_none(at: At) -> None:
    reader = open_reader(at.settings)
    assert (await reader.identity()).endswith(f"/{at.topic}"), "which tells it from others"
    for asked in (reader.partitions, partial(reader.start, 0), partial(reader.assign, {0: 0})):
        with pytest.raises(LogUnavailable, match=rf"{at.topic} is not there: expected a topic of"):
            await asked()
    async with at.admin() as admin:
        assert at.topic not in await admin.list_topics()
    writer = at.writer()
    await one(writer)
    assert await reader.partitions() == [0], "it is found once it is there"
    await writer.close()
    await reader.close()


@pytest.mark.real_broker
async def test_writers_that_start_at_once_make_one_topic(at: At) -> None:
    writers = [at.writer() for _ in range(4)]
    await asyncio.gather(*(one(each) for each in writers))
    await asyncio.gather(*(each.close() for each in writers))
    reader = at.reader()
    assert await reader.end(0) == 4
    await reader.close()


@pytest.mark.real_broker
async def test_a_record_is_what_any_client_reads(at: At) -> None:
    writer = at.writer()
    await writer.append([NewRecord(b"a visitor", b'{"a": 1}', NOW)])
    await writer.close()
    consumer = AIOKafkaConsumer(
        at.topic, bootstrap_servers=at.address, auto_offset_reset="earliest"
    )
    async with consumer:
        found = await asyncio.wait_for(consumer.getone(), 20)
    assert (found.key, found.value, found.timestamp) == (b"a visitor", b'{"a": 1}', NOW)
    assert found.timestamp_type == 0
    assert found.headers == ()


@pytest.mark.real_broker
async def test_a_visitor_stays_in_the_partition_that_other_clients_choose(kafka: str) -> None:
    at = At(kafka, topic_partitions=4)
    keys = [b"visitor-%d" % number for number in range(20)]
    writer = at.writer()
    await writer.append([NewRecord(key, b"ours", NOW) for key in keys])
    await writer.close()
    async with AIOKafkaProducer(bootstrap_servers=at.address) as producer:
        for key in keys:
            await producer.send_and_wait(at.topic, b"theirs", key=key)
    reader = at.reader()
    await reader.assign(dict.fromkeys(await reader.partitions(), 0))
    homes: dict[bytes, set[int]] = {}
    for batch in await read_all(reader, 40):
        for key in batch.keys:
            homes.setdefault(key, set()).add(batch.partition)
    await reader.close()
    assert len(homes) == 20
    assert {len(places) for places in homes.values()} == {1}
    assert len(set.union(*homes.values())) > 1


@pytest.mark.real_broker
async def test_an_append_over_several_partitions_is_done_when_all_have_it(kafka: str) -> None:
    at = At(kafka, topic_partitions=4)
    writer, reader = at.writer(), at.reader()
    await writer.append([record(number, key=b"%d" % number) for number in range(200)])
    ends = [await reader.end(each) for each in await reader.partitions()]
    assert sum(ends) == 200
    assert all(ends)
    await reader.close()
    await writer.close()


@pytest.mark.real_broker
async def test_an_append_larger_than_a_batch_is_kept_whole_and_in_order(at: At) -> None:
    writer, reader = at.writer(), at.reader()
    many = [NewRecord(b"a", b"%06d" % number + b"x" * 800, NOW) for number in range(2000)]
    await writer.append(many)
    await reader.assign({0: 0})
    assert values(await read_all(reader, 2000)) == [each.value for each in many]
    await reader.close()
    await writer.close()


@pytest.mark.real_broker
async def test_records_are_read_as_the_client_decodes_them(at: At) -> None:
    """What it wraps each in for its callers would cost a quarter of the reading."""
    writer, reader = at.writer(), at.reader()
    await writer.append(records(3))
    await reader.assign({0: 0})
    found = await reader._consumer.getmany(timeout_ms=10_000)
    assert {type(each) for several in found.values() for each in several} == {DefaultRecord}
    await asyncio.gather(writer.close(), reader.close())


@pytest.mark.real_broker
async def test_partitions_that_are_added_are_used_and_read(
    at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.connection.options["metadata_max_age_ms"] = 200
    monkeypatch.setattr("dwell.events.kafka.writer.PARTITIONS_SECONDS", 0.1)
    writer, reader = at.writer(), at.reader()
    await one(writer)
    assert await reader.partitions() == [0]
    async with at.admin() as admin:
        await admin.create_partitions({at.topic: NewPartitions(3)})
    async with asyncio.timeout(20):
        while await reader.partitions() != [0, 1, 2] or not await reader.end(2):
            await writer.append([record(number, key=b"%d" % number) for number in range(30)])
            await asyncio.sleep(0.1)
    ends = {each: await reader.end(each) for each in (0, 1, 2)}
    described = Topic._described

    async def by_one_that_is_behind(of: Topic) -> list[dict[str, Any]]:
        return (await described(of))[:1]

    monkeypatch.setattr(Topic, "_described", by_one_that_is_behind)
    assert await reader.partitions() == [0, 1, 2]
    await reader.assign({0: 0, 1: 0, 2: 0})
    found = await read_all(reader, sum(ends.values()))
    assert {batch.partition for batch in found} == {0, 1, 2}
    monkeypatch.setattr(topic, "GONE_SECONDS", 0.0)
    assert await reader.partitions() == [0]
    await reader.close()
    await writer.close()


@pytest.mark.real_broker
async def test_a_reader_behind_what_was_lost_says_so_when_it_gets_there(at: At) -> None:
    writer, reader = at.writer(), at.reader()
    large = [NewRecord(b"a", os.urandom(60_000), NOW) for _ in range(40)]
    for _ in range(10):
        await writer.append(large)
    await reader.assign({0: 0})
    taken = sum(map(len, await reader.read(5, 20)))
    await at.lose(390)
    with pytest.raises(LogMismatch, match=r"offset \d+ of partition 0 .* to 389 are gone"):
        while taken < 390:
            taken += sum(map(len, await reader.read(50, 5)))
    assert taken < 390
    await reader.close()
    await writer.close()


@pytest.mark.real_broker
async def test_questions_do_not_wait_for_records_to_come(kafka: str) -> None:
    at = At(kafka, topic_partitions=6)
    writer, reader = at.writer(), at.reader()
    await one(writer)
    await reader.assign(dict.fromkeys(await reader.partitions(), 0))
    await read_all(reader, 1)
    reading = asyncio.create_task(reader.read(10, 20))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(2):  # behind fetches that wait it would be 6
        assert sum([await reader.end(each) for each in range(6)]) == 1
    reading.cancel()
    await reader.close()
    await writer.close()


@pytest.mark.real_broker
async def test_the_progress_is_the_group_s(at: At) -> None:
    writer, reader = at.writer(), at.reader()
    await writer.append(records(5))
    await reader.assign({0: 0})
    reader.report({0: 3})
    await committed(at, 3)
    reader.report({0: 5})
    await reader.close()  # which says the last word
    await committed(at, 5)
    await writer.close()


async def committed(at: At, offset: int) -> None:
    """Wait until the group's offset is this one."""
    place = TopicPartition(at.topic, 0)
    async with asyncio.timeout(30), at.admin() as admin:
        while True:
            with suppress(GroupCoordinatorNotAvailableError):  # a broker that is still young
                found = await admin.list_consumer_group_offsets(f"group-{at.topic}")
                if place in found and found[place].offset == offset:
                    return
            await asyncio.sleep(0.1)


async def test_brokers_that_are_not_there_are_told_at_once() -> None:
    at = At(f"127.0.0.1:{free_port()}")
    writer, reader = at.writer(), at.reader()
    async with asyncio.timeout(5):
        with pytest.raises(LogUnavailable, match=at.topic):
            await writer.append([record(1)])
        with pytest.raises(LogUnavailable, match=at.topic):
            await writer.check()
        with pytest.raises(LogUnavailable, match=at.topic):
            await reader.identity()
        await writer.close()
        await reader.close()


@pytest.mark.long
async def test_a_writer_that_was_there_before_its_broker_finds_it(own_broker: Broker) -> None:
    at = At(own_broker.address)
    own_broker.stop()
    writer = at.writer()
    with pytest.raises(LogUnavailable):
        await one(writer)
    own_broker.start()
    await one(writer)
    await writer.close()


@pytest.mark.real_broker
async def test_brokers_that_were_all_replaced_are_found_behind_their_names(
    at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AGAIN_SECONDS", 0.0)
    writer, reader = at.writer(durable_within=30), at.reader()
    await one(writer)
    await reader.assign({0: 0})
    assert len(await read_all(reader, 1)) == 1
    assert writer._session is not None
    for client in (
        writer._session.producer.client,
        writer._topic._admin._client,
        reader._consumer._client,
        reader._asker._client,
        reader._topic._admin._client,
    ):
        leave(client)
    async with asyncio.timeout(20):
        await writer.append([record(1)])
        assert values(await read_all(reader, 1)) == [record(1).value]
        for ask in (writer.check, reader.partitions, lambda: reader.end(0)):
            await again(ask)  # what is asked first finds out
    assert await reader.end(0) == 2
    await asyncio.gather(writer.close(), reader.close())


@pytest.mark.real_broker
async def test_another_cluster_behind_the_same_names_is_not_read_on(
    own_broker: Broker, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AGAIN_SECONDS", 0.0)
    at = At(own_broker.address)
    writer, reader = at.writer(), at.reader()
    await writer.append(records(2))
    before = await reader.identity()
    await reader.assign({0: 0})
    assert len(values(await read_all(reader, 2))) == 2
    assert await reader.end(0) == 2
    await writer.close()
    with Broker(release, tmp_path / "kafka") as another:
        other = At(another.address, log=f"kafka://{another.address}/{at.topic}")
        writer = other.writer()
        await writer.append(records(5))
        await writer.close()
        for client in (
            reader._consumer._client,
            reader._asker._client,
            reader._topic._admin._client,
        ):
            client._bootstrap_servers = [another.address]
            leave(client)
        refused = rf"is kafka:.*/{at.topic} now, and was {before}: expected brokers of the same"
        for ask in (lambda: read_all(reader, 1), lambda: reader.assign({0: 2})):
            async with asyncio.timeout(20):
                with pytest.raises(LogMismatch, match=refused):
                    await again(ask)
        await reader.close()


async def again(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask until there is an answer."""
    while True:
        try:
            await ask()
            return
        except LogUnavailable:
            await asyncio.sleep(0.02)


def leave(client: Any) -> None:
    """Have the brokers that a client knows be gone."""
    gone = free_port()
    client.cluster._brokers = {
        number: broker._replace(port=gone) for number, broker in client.cluster._brokers.items()
    }
    for each in list(client._conns.values()):
        each.close(reason=CloseReason.CONNECTION_BROKEN)


async def test_an_append_rides_out_a_broker_that_is_killed_and_started_again(
    own_broker: Broker,
) -> None:
    at = At(own_broker.address)
    writer = at.writer(durable_within=30)
    await one(writer)
    own_broker.kill()
    appending = asyncio.create_task(writer.append([record(1)]))
    await asyncio.sleep(0.5)
    assert not appending.done()
    await asyncio.to_thread(own_broker.start)
    await appending
    reader = at.reader()
    await reader.assign({0: 0})
    assert values(await read_all(reader, 2)) == [record(0).value, record(1).value]
    await reader.close()
    await writer.close()


async def test_a_reader_is_told_of_a_broker_that_hangs_and_goes_on_when_it_is_back(
    own_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.events.kafka.reader.SILENCE_SECONDS", 1.0)
    at = At(own_broker.address)
    writer, reader = at.writer(), at.reader()
    await one(writer)
    await reader.assign({0: 0})
    await read_all(reader, 1)
    own_broker.pause()
    try:
        with pytest.raises(LogUnavailable, match="no word of partition 0"):
            async with asyncio.timeout(20):
                while True:
                    assert await reader.read(10, 0.2) == []
    finally:
        own_broker.resume()
    await writer.append([record(1)])
    async with asyncio.timeout(30):
        found: list[bytes] = []
        while not found:
            with suppress(LogUnavailable):
                found = values(await reader.read(10, 0.5))
    assert found == [record(1).value]
    await reader.close()
    await writer.close()


@pytest.mark.real_broker
async def test_a_record_that_the_broker_refuses_hurts_no_other(at: At) -> None:
    writer, reader = at.writer(), at.reader()
    await one(writer)
    too_large = NewRecord(b"a", os.urandom(2_000_000), NOW)
    with pytest.raises(LogUnavailable, match=at.topic):
        await writer.append([too_large])
    for number in (1, 2):
        await writer.append([record(number)])
    await reader.assign({0: 0})
    assert values(await read_all(reader, 3)) == [record(number).value for number in range(3)]
    await reader.close()
    await writer.close()


@pytest.mark.real_broker
async def test_a_refused_batch_hurts_no_other_partition_and_doubles_nothing(kafka: str) -> None:
    at = At(kafka, topic_partitions=4)
    writer, reader = at.writer(), at.reader()
    await one(writer)
    sent = [record(number, key=b"visitor-%d" % number) for number in range(1, 600)]
    sent[300] = NewRecord(b"visitor-301", os.urandom(2_000_000), NOW)
    outcomes = await asyncio.gather(
        *(writer.append([each]) for each in sent), return_exceptions=True
    )
    refused = [each for each, outcome in zip(sent, outcomes, strict=True) if outcome is not None]
    assert sent[300] in refused
    assert {home(each.key) for each in refused} == {home(b"visitor-301")}

    await reader.assign(dict.fromkeys(range(4), 0))
    ends = [await reader.end(each) for each in range(4)]
    found = values(await read_all(reader, sum(ends)))
    kept = [each.value for each in sent if each not in refused]
    assert sorted(value for value in found if value in set(kept)) == sorted(kept)
    await reader.close()
    await writer.close()


def home(key: bytes) -> int:
    """The partition of four."""
    chosen: int = (murmur2(key) & 0x7FFFFFFF) % 4
    return chosen


@pytest.mark.parametrize("name", ["kafka_password_file", "kafka_ca_file", "kafka_cert_file"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    given: dict[str, object] = {
        "log": "kafka://127.0.0.1:9/facts",
        "kafka_security": "sasl_ssl",
        "kafka_username": "dwell",
        "kafka_password_file": tmp_path / "password",
        name: tmp_path / "missing",
    }
    (tmp_path / "password").write_text("secret\n")
    settings = Settings.read(given, environ={})
    with pytest.raises(SettingInvalid, match=rf"DWELL_{name.upper()} is '.*missing': expected a"):
        Connection.of(settings)


def test_the_password_is_in_no_message(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    settings = Settings.read(
        {
            "log": "kafka://127.0.0.1:9/facts",
            "kafka_security": "sasl_plaintext",
            "kafka_sasl_mechanism": "scram-sha-512",
            "kafka_username": "dwell",
            "kafka_password_file": tmp_path / "password",
        },
        environ={},
    )
    connection = Connection.of(settings)
    assert connection.options["sasl_plain_password"] == "secret"
    assert connection.options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert "secret" not in f"{connection} {settings} {settings.environment()}"


@pytest.mark.real_broker
async def test_more_replicas_than_brokers_are_refused_with_the_setting_named(kafka: str) -> None:
    at = At(kafka, topic_replication=300)
    writer, reader = at.writer(), at.reader()
    for asked in (writer.append([record(1)]), reader.identity()):
        with pytest.raises(
            LogUnavailable, match=r"DWELL_TOPIC_REPLICATION is 300: expected as many"
        ):
            await asked
    await reader.close()
    await writer.close()
