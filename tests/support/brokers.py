"""Kafka for tests: the fixtures, and where their broker comes from.

In this order: the one that `DWELL_TEST_KAFKA` names, a container, Java with the jars that
`./dev test` brings, librdkafka's mock cluster. The last one speaks the wire and is no broker.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cache
from pathlib import Path

import pytest

from dwell.commands.broker.bring import bring
from dwell.commands.broker.cluster import Cluster
from dwell.commands.broker.jars import VERSION
from dwell.commands.broker.metadata import ask
from dwell.commands.broker.ports import quiet_port
from dwell.commands.broker.release import Release
from dwell.commands.broker.server import TETHER, Broker
from dwell.errors import DwellError
from tests.support.running import wait_until

GIVEN = "DWELL_TEST_KAFKA"
IMAGE = f"apache/kafka:{VERSION}"


class Source(Enum):
    """Where the shared broker comes from."""

    GIVEN = f"the broker that {GIVEN} names"
    DOCKER = f"{IMAGE} in Docker"
    JAVA = f"Apache Kafka {VERSION} on Java"
    MOCK = "librdkafka's mock cluster"


@cache
def source() -> Source:
    """The best one that is there."""
    if os.environ.get(GIVEN):
        return Source.GIVEN
    if docker_answers():
        return Source.DOCKER
    return Source.JAVA if isinstance(brought(), Release) else Source.MOCK


@cache
def docker_answers() -> bool:
    """Whether there is an engine behind the command."""
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@cache
def brought() -> Release | str:
    """Kafka on Java, or why there is none."""
    try:
        return bring()
    except DwellError as error:
        return str(error)


def pytest_report_header() -> str:
    """What is there, said once and before anything is skipped."""
    own = brought()
    lacking = "" if isinstance(own, Release) else f"; no brokers of one's own: {own}"
    return f"kafka: {source().value}{lacking}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what the mock cluster cannot do."""
    if item.get_closest_marker("real_broker") and source() is Source.MOCK:
        pytest.skip(f"needs a real broker, and {Source.MOCK.value} is all there is: {brought()}")


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[str]:
    """`host:port` of a broker that the tests of a worker share; make topics with fresh names in it.

    Mark a test `real_broker` if the mock cluster is not enough for it.
    """
    if source() is Source.JAVA:
        broker: Broker = request.getfixturevalue("broker")
        yield broker.address
    else:
        with serving(source()) as address:
            yield address


@contextmanager
def serving(where: Source) -> Iterator[str]:
    """A broker from there, for the time of a `with`; its address."""
    if where is Source.GIVEN:
        yield os.environ[GIVEN]
    elif where is Source.DOCKER:
        with container() as address:
            yield address
    else:
        confluent = pytest.importorskip("confluent_kafka", reason=f"no Kafka at all: {brought()}")
        mock = confluent.Producer({"test.mock.num.brokers": 1})
        yield ",".join(map(str, mock.list_topics(timeout=10).brokers.values())).partition("/")[0]


@contextmanager
def container() -> Iterator[str]:
    """A broker in a container that ends with this process."""
    address = f"127.0.0.1:{quiet_port()}"
    port = address.rpartition(":")[2]
    settings = {
        "NODE_ID": "0",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "0@localhost:9093",
        "LISTENERS": f"CLIENTS://:{port},CONTROLLER://localhost:9093",
        "ADVERTISED_LISTENERS": f"CLIENTS://{address}",
        "INTER_BROKER_LISTENER_NAME": "CLIENTS",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LISTENER_SECURITY_PROTOCOL_MAP": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    told = [word for name, value in settings.items() for word in ("-e", f"KAFKA_{name}={value}")]
    run = ["docker", "run", "--rm", "--publish", f"{address}:{port}", *told, IMAGE]
    command = [sys.executable, "-I", "-S", str(TETHER), *run]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: up(address) or process.poll() is not None, within=110)
            assert process.poll() is None, f"{IMAGE} ended with {process.returncode}"
            yield address
        finally:
            process.terminate()
            process.wait(30)


def up(address: str) -> bool:
    """Whether a broker answers there and counts itself in."""
    try:
        return bool(ask(address).brokers)
    except OSError:
        return False


@pytest.fixture(scope="session")
def release() -> Release:
    """Kafka on Java, to start brokers of it and to run the tools of its console."""
    found = brought()
    if isinstance(found, str):
        pytest.skip(f"no broker of one's own: {found}")
    return found


@pytest.fixture(scope="session")
def broker(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running broker on Java that the tests of a worker share. Whoever kills, stops or pauses it
    leaves it running: `own_broker` sees to that."""
    with Broker(release, tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def own_broker(broker: Broker) -> Iterator[Broker]:
    """The same for one test that may kill it, pause it, start it again; topics have fresh names."""
    yield broker
    broker.resume() if broker.alive else broker.start()


@pytest.fixture
def cluster(release: Release, tmp_path: Path) -> Iterator[Cluster]:
    """Three running brokers that nobody shares."""
    with Cluster(release, tmp_path / "kafka") as brokers:
        yield brokers


@pytest.fixture
def topic() -> str:
    """A name that no topic has."""
    return f"facts-{uuid.uuid4().hex[:12]}"
