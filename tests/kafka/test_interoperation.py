"""Other people's tools on a topic that the collector has written."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator

from dwell.commands.broker.release import Release
from dwell.events.log import NewRecord
from tests.events.contract import read_all
from tests.support.consoles import console
from tests.support.house import ROOT
from tests.support.installation import Installation
from tests.support.running import wait_until
from tests.support.wire import FACT

pytestmark = pytest.mark.real_broker

PARTITIONS = 3


@pytest.fixture(scope="module")
def dwell(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """With some hundred facts of simulated visitors in the topic and in the warehouse."""
    topic = f"facts-{time.time_ns()}"
    settings = {"topic_partitions": PARTITIONS, "publish_seconds": 0.2, "kafka_group": topic}
    folder = tmp_path_factory.mktemp("dwell")
    with Installation(folder, f"kafka://{kafka}/{topic}", settings) as installation:
        with installation.visited(facts=400, rate=0, seed=1):
            pass
        yield installation


@pytest_asyncio.fixture
async def written(dwell: Installation) -> list[NewRecord]:
    """All records of the topic."""
    reader = dwell.reader()
    ends = {each: await reader.end(each) for each in await reader.partitions()}
    await reader.assign(dict.fromkeys(ends, 0))
    batches = await read_all(reader, sum(ends.values()))
    await reader.close()
    return sorted(
        (
            NewRecord(*record)
            for batch in batches
            for record in zip(batch.keys, batch.values, batch.timestamps, strict=True)
        ),
        key=in_order,
    )


def in_order(record: NewRecord) -> tuple[bytes, int, bytes]:
    return record.key, record.timestamp, record.value


def parsed(lines: bytes, prefix: str = "") -> list[NewRecord]:
    """Records from lines of timestamp, key and value with tabs between."""
    records = []
    for line in lines.splitlines():
        timestamp, key, value = line.split(b"\t", 2)
        records.append(NewRecord(key, value, int(timestamp.removeprefix(prefix.encode()))))
    return sorted(records, key=in_order)


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not on PATH")
def test_kcat_reads_the_topic(dwell: Installation, written: list[NewRecord]) -> None:
    servers, topic = dwell.as_read.kafka_servers[0], dwell.as_read.kafka_topic
    command = ("kcat", "-b", servers, "-t", topic, "-C", "-e", "-q", "-o", "beginning")
    said = subprocess.run(
        [*command, "-f", r"%T\t%k\t%s\n"], capture_output=True, timeout=60, check=True
    ).stdout
    assert parsed(said) == written


@pytest.mark.long  # kcat reads it too
def test_the_console_consumer_reads_the_topic(
    dwell: Installation, written: list[NewRecord], release: Release
) -> None:
    shown = ("print.key=true", "print.timestamp=true")
    said = console(
        release,
        "consumer.ConsoleConsumer",
        *("--bootstrap-server", dwell.as_read.kafka_servers[0]),
        *("--topic", dwell.as_read.kafka_topic, "--from-beginning"),
        *("--max-messages", f"{len(written)}", "--timeout-ms", "30000"),
        *(word for each in shown for word in ("--formatter-property", each)),
    )
    assert parsed(said.encode(), "CreateTime:") == written


@pytest.mark.long  # tests/events/test_kafka.py asks for the offsets of the group
def test_the_group_tool_shows_the_projector_s_lag(
    dwell: Installation, written: list[NewRecord], release: Release
) -> None:
    wait_until(lambda: told_of(dwell, release) == (len(written), 0))
    assert dwell.parts["project"].stop(signal.SIGTERM) == 0
    assert dwell.post(FACT) == 204
    assert told_of(dwell, release) == (len(written), 1)


def lag(dwell: Installation, release: Release) -> list[dict[str, str]]:
    """What `kafka-consumer-groups --describe` tells of each partition."""
    group = dwell.as_read.kafka_group
    describe = (
        "--bootstrap-server",
        dwell.as_read.kafka_servers[0],
        "--describe",
        "--group",
        group,
    )
    said = console(release, "consumer.group.ConsumerGroupCommand", *describe)
    header, *rows = (line.split() for line in said.splitlines() if line.strip())
    shown = [dict(zip(header, row, strict=False)) for row in rows if row[0] == group]
    assert [each["TOPIC"] for each in shown] == [dwell.as_read.kafka_topic] * PARTITIONS
    return shown


def told_of(dwell: Installation, release: Release) -> tuple[int, int]:
    """How many records the group has read, and how many it has still to read, of all partitions."""
    rows = lag(dwell, release)
    return sum(int(row["CURRENT-OFFSET"]) for row in rows), sum(int(row["LAG"]) for row in rows)


def test_every_record_is_a_cloud_event_that_its_schema_allows(written: list[NewRecord]) -> None:
    types = set()
    for record in written:
        message = KafkaMessage(headers={}, key=record.key, value=record.value)
        event = from_kafka(message, JSONFormat())
        types.add(event.get_type())
        data = event.get_data()
        assert isinstance(data, dict)
        assert event.get_id() == f"{data['pageview_id']}:{data['seq']}"
        assert event.get_source() == "/dwell"
        assert event.get_subject() == data["pageview_id"]
        assert event.get_time() is not None
        assert record.key.decode() == data["visitor_id"]
        assert record.timestamp == data["received_at"]
        validator_of(event.get_type()).validate(json.loads(record.value))
    assert types == {"dwell.page.viewed.v1", "dwell.page.visibility_changed.v1"}


def validator_of(type_: str) -> Draft202012Validator:
    """Of the committed schema of that type."""
    schema = (Path(ROOT) / "schemas" / "json" / f"{type_}.json").read_text()
    return Draft202012Validator(json.loads(schema))
