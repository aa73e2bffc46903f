"""`dwell doctor` on what a topic lets go of by itself."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from dwell import cli
from dwell.commands.doctor.log import Log
from dwell.commands.doctor.retention import of_ahead, of_retention
from dwell.consumers.lag import Lag
from dwell.events.log import NewRecord, Retention
from dwell.events.opening import open_writer
from dwell.settings import Settings, variable_of
from dwell.warehouse.manifest import Manifest
from tests.support.facts import glimpse

HOUR = 3_600
LOG = "the log kafka://a:9092/facts"

Retained = Callable[[], dict[str, str] | None]


@pytest.fixture
def retained(
    kafka: str,
    topic: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Retained:
    """Examines an installation with a topic that keeps facts for two days; what is found of that."""
    settings = {
        "log": f"kafka://{kafka}/{topic}",
        "data": tmp_path / "data",
        "topic_retention_days": 2,
    }
    for name, value in settings.items():
        monkeypatch.setenv(variable_of(name), str(value))

    def run() -> dict[str, str] | None:
        capsys.readouterr()
        cli.run(["doctor", "--json"])
        findings = json.loads(capsys.readouterr().out)["findings"]
        return next((each for each in findings if each["of"] == "retention"), None)

    return run


def append(*hours_ago: float) -> None:
    """A fact each, received so long ago."""

    async def appended() -> None:
        writer = open_writer(Settings.read())
        for number, hours in enumerate(hours_ago):
            fact = glimpse(number)
            received = int(1_000 * (time.time() - hours * HOUR))
            await writer.append([NewRecord(fact.key, fact.value, received)])
        await writer.close()

    asyncio.run(appended())


def set_to(kafka: str, topic: str, name: str, value: str) -> None:
    async def altered() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])
        await admin.close()

    asyncio.run(altered())


@pytest.mark.real_broker
def test_facts_are_to_be_in_the_archive_before_the_topic_lets_go_of_them(
    retained: Retained, kafka: str, topic: str
) -> None:
    append(5, 0)
    found = retained()
    assert found is not None
    assert (found["verdict"], found["said"]) == (
        "wrong",
        f"the log kafka://{kafka}/{topic} keeps facts for 2 d, and there is no archive that goes with it",
    )
    assert "`dwell archive` run once a day" in found["advice"]

    assert cli.run(["archive"]) == 0
    found = retained()
    assert found is not None
    assert found["verdict"] == "well"
    assert found["said"].endswith("the archive has everything that the log has")

    append(20)
    found = retained()
    assert found is not None
    assert found["verdict"] == "well"
    assert found["said"].endswith("the oldest that is not in the archive is 20 h old")

    assert cli.run(["archive"]) == 0
    append(30)
    found = retained()
    assert found is not None
    assert found["verdict"] == "wrong"
    assert found["said"].endswith("the oldest that is not in the archive is 30 h old")

    set_to(kafka, topic, "cleanup.policy", "compact")
    found = retained()
    assert found is not None
    assert (found["verdict"], found["advice"]) == ("wrong", "set cleanup.policy to delete")


@pytest.mark.real_broker
def test_nothing_is_said_of_a_topic_that_keeps_facts_for_ever(
    retained: Retained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable_of("topic_retention_days"), "0")
    append(5)
    assert retained() is None


def test_by_size_by_another_log_and_where_nobody_may_ask() -> None:
    log = Log(LOG, "kafka:1/facts", unarchived={0: Lag(1, 3 * HOUR)})

    [found] = of_retention(log)
    assert found.verdict == "note"
    assert "did not say how long it keeps facts" in found.said

    assert [*of_ahead(log)] == []
    log.ahead = HOUR
    [found] = of_ahead(log)
    assert found.verdict == "note"
    assert found.said == f"{LOG} refuses facts of a clock that is 60 min ahead or more"
    assert "message.timestamp.after.max.ms" in found.advice

    log.retention = Retention(bytes=10**9)
    log.archive = Manifest("kafka:1/facts")
    [found] = of_retention(log)
    assert found.verdict == "note"
    assert found.said == (
        f"{LOG} keeps facts in 1,000,000,000 bytes of each partition, "
        "and the oldest that is not in the archive is 3 h old"
    )

    log.archive_trouble = "it cannot be read"
    [found] = of_retention(log)
    assert found.verdict == "wrong"
    assert found.said.endswith(", and there is no archive that goes with it")
