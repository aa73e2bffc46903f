"""Faults of brokers and processes under simulated visitors: nothing lost, nothing doubled.

What was measured is told below the results.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import sleep, time_ns

import pytest
from aiokafka.partitioner import murmur2

from dwell.commands.broker.cluster import Cluster
from dwell.commands.broker.release import Release
from dwell.commands.broker.server import Broker
from tests.support.consoles import console
from tests.support.installation import PARTS, Installation
from tests.support.pulse import Pulse
from tests.support.running import wait_until
from tests.support.wire import FACT, LATER

RATE = 300
"""Facts a second."""
SETTINGS: dict[str, object] = {"topic_partitions": 2, "durable_within": 2, "publish_seconds": 0.5}
NOTICED_WITHIN = 30.0
Note = Callable[[str, object], None]


@pytest.fixture(scope="module")
def dwell(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A site and a projector on a topic; the truth of all tests adds up."""
    log = f"kafka://{broker.address}/faults-{time_ns()}"
    with Installation(tmp_path_factory.mktemp("dwell"), log, SETTINGS) as installation:
        yield installation


def test_broker_site_and_projector_are_killed(dwell: Installation, broker: Broker) -> None:
    rng = Random(1)
    with dwell.visited(1200, RATE, seed=1):
        sleep(rng.uniform(0.2, 1.5))
        broker.kill()
        sleep(rng.uniform(0, 1))
        broker.start()
        for part in rng.sample(PARTS, 2):
            sleep(rng.uniform(0.2, 1.2))
            dwell.kill(part)


@pytest.mark.long  # tests/kafka/test_away.py and tests/browser/test_log_away.py have one hang too
def test_a_broker_hangs_for_a_while(dwell: Installation, broker: Broker) -> None:
    with dwell.visited(1000, RATE, seed=2) as visitors:
        sleep(Random(2).uniform(0.2, 1.5))
        hang(broker, 5)
    assert visitors.retries, "nobody noticed the hanging broker"


@pytest.mark.long
def test_partitions_are_added(dwell: Installation, broker: Broker, release: Release) -> None:
    movers = [number for number in range(20) if home(number, of=4) > 1]
    for number in movers:
        send(dwell, number, FACT)
    with dwell.visited(1200, 100, seed=4):
        alter = ("--alter", "--topic", dwell.as_read.kafka_topic, "--partitions", "4")
        console(release, "TopicCommand", "--bootstrap-server", broker.address, *alter)
        wait_until(lambda: dwell.ask(LAST_PARTITION) == [(3,)], NOTICED_WITHIN)
    for number in movers:
        send(dwell, number, LATER | {"engagement_ms": 3000, "age_ms": 3000})
    moved = [(pageview(number), 3.0, True) for number in movers]
    wait_until(lambda: set(moved) <= set(dwell.ask(MOVED)))
    assert len(dwell.ask(MOVED_SESSIONS)) >= len(moved)


LAST_PARTITION = 'select max("partition") from log_offset'
MOVED = """
    select pageview_id::varchar, engagement_time, "partition" < 2 and last_partition > 1
    from pageview
"""
MOVED_SESSIONS = """
    select session_id from tracking_session where "partition" < 2 and last_partition > 1
"""


def home(number: int, of: int) -> int:
    """The partition of a visitor, who is known by the session of the first fact."""
    chosen: int = (murmur2(session(number).encode()) & 0x7FFFFFFF) % of
    return chosen


def session(number: int) -> str:
    return f"{FACT['session_id'][:-4]}{number:04x}"


def pageview(number: int) -> str:
    return f"{FACT['pageview_id'][:-4]}{number:04x}"


def send(dwell: Installation, number: int, fact: dict[str, object]) -> None:
    """A visitor's fact; it is kept."""
    ids = {"session_id": session(number), "pageview_id": pageview(number)}
    assert dwell.post(fact | ids) == 204


def hang(broker: Broker, seconds: float) -> None:
    """SIGSTOP for so long."""
    broker.pause()
    try:
        sleep(seconds)
    finally:
        broker.resume()


@pytest.mark.long
def test_a_cluster_loses_its_leader(
    release: Release, tmp_path: Path, record_property: Note
) -> None:
    soon = {"broker.session.timeout.ms": "2000"}  # and not 9 s, until a broker counts as lost
    with Cluster(release, tmp_path / "kafka", more=soon) as cluster:
        record_property("stall", lose_leaders(cluster, tmp_path / "dwell", times=1))


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_cluster_loses_its_leader_three_times(
    cluster: Cluster, tmp_path: Path, record_property: Note
) -> None:
    record_property("stall", lose_leaders(cluster, tmp_path / "dwell", times=3))


def lose_leaders(cluster: Cluster, folder: Path, times: int) -> float:
    """Kill the leader so many times; returns the longest time for which nothing was kept."""
    rng = Random(times)
    log = f"kafka://{cluster.addresses}/facts"
    with (
        Installation(folder, log, SETTINGS | {"topic_partitions": 1}) as dwell,
        Pulse(dwell.origin) as pulse,
        dwell.visited(times * 1000, RATE, seed=5),
    ):
        for number in range(times):
            sleep(rng.uniform(0.5, 2))
            lost = lose_leader(cluster, pulse)
            if number + 1 < times:
                cluster.brokers[lost].start()
                wait_until(lambda: len(cluster.partition("facts").in_sync) == 3, 30)
    return pulse.stall


def lose_leader(cluster: Cluster, pulse: Pulse) -> int:
    """Kill the node that leads and wait until facts are kept by another; returns its number."""
    leader = cluster.leader("facts")
    cluster.kill(leader)
    wait_until(lambda: cluster.leader("facts") not in (-1, leader))
    elected = len(pulse.beats)
    wait_until(lambda: any(beat.status == 204 for beat in pulse.beats[elected:]), 30)
    return leader


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_leader_of_a_cluster_hangs(
    cluster: Cluster, tmp_path: Path, record_property: Note
) -> None:
    log = f"kafka://{cluster.addresses}/facts"
    with (
        Installation(tmp_path / "dwell", log, SETTINGS | {"topic_partitions": 1}) as dwell,
        Pulse(dwell.origin) as pulse,
        dwell.visited(3000, RATE, seed=8, within=120),
    ):
        sleep(2)
        hang(cluster.brokers[cluster.leader("facts")], 40)
    record_property("stall", pulse.stall)
    assert pulse.stall < 30, "another leader was there after 9 s"


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_broker_hangs_for_a_minute(
    own_broker: Broker, topic: str, tmp_path: Path, record_property: Note
) -> None:
    log = f"kafka://{own_broker.address}/{topic}"
    with (
        Installation(tmp_path / "dwell", log) as dwell,
        Pulse(dwell.origin) as pulse,
        dwell.visited(4500, RATE, seed=6, within=120) as visitors,
    ):
        sleep(5)
        hang(own_broker, 60)
    record_property("stall", pulse.stall)
    record_property("retries", visitors.retries)
    assert pulse.stall < 66


@pytest.mark.long
@pytest.mark.timeout(900)
def test_site_projector_and_broker_are_killed_twenty_times(
    own_broker: Broker, topic: str, tmp_path: Path, record_property: Note
) -> None:
    rng = Random(7)
    log = f"kafka://{own_broker.address}/{topic}"
    victims = [*PARTS, "broker"] * 7
    with (
        Installation(tmp_path / "dwell", log, SETTINGS) as dwell,
        Pulse(dwell.origin) as pulse,
        dwell.visited(16_000, RATE, seed=7, within=300) as visitors,
    ):
        for victim in rng.sample(victims, 20):
            sleep(rng.uniform(0.2, 3))
            if victim == "broker":
                own_broker.kill()
                sleep(rng.uniform(0, 1))
                own_broker.start()
            else:
                dwell.kill(victim)
    record_property("stall", pulse.stall)
    record_property("retries", visitors.retries)
