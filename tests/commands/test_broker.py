import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dwell.commands.broker.cluster import Cluster
from dwell.commands.broker.jars import VERSION
from dwell.commands.broker.metadata import ask
from dwell.commands.broker.ports import quiet_port
from dwell.commands.broker.release import Release
from dwell.commands.broker.server import TETHER, Broker
from dwell.errors import DwellError
from tests.support.brokers import up
from tests.support.processes import PROC, descendants
from tests.support.running import Process, environment, free_port, wait_until

needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="looks for processes in /proc")
READY = "Ctrl-C ends it."
SOON = 10.0
"""Seconds in which what is left behind is gone."""


def make_topic(address: str, topic: str, replicas: int = 1) -> None:
    """Make a topic with one partition, as an operator does."""

    async def make() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=replicas)])
        await admin.close()

    asyncio.run(make())


def kcat(address: str, *arguments: str, given: str = "") -> str:
    """What kcat prints."""
    if shutil.which("kcat") is None:
        pytest.skip("kcat is not installed")
    command = ["kcat", "-b", address, *arguments]
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def java_of(broker: Process) -> int:
    """The number of the broker itself, beside which its tether runs."""
    (java,) = (each.pid for each in descendants(broker.pid) if Path(each.command[0]).name == "java")
    return java


class Place:
    """A data folder and a port for `dwell broker`."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = quiet_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environ = environment(self.data, free_port(), broker_port=self.port)
        self.output = folder / "broker.out"
        self.started: list[Process] = []

    def start(self, *options: str) -> Process:
        """Start it, and wait until it says that it is there."""
        self.output.unlink(missing_ok=True)
        broker = Process("broker", *options, environ=self.environ, output=self.output)
        self.started.append(broker)

        def ready() -> bool:
            assert broker.alive, broker.printed()
            return READY in broker.printed()

        wait_until(ready, within=60)
        return broker

    def refused(self, **environ: str) -> str:
        """What it says when it cannot work, in one line."""
        self.output.unlink(missing_ok=True)
        broker = Process("broker", environ=self.environ | environ, output=self.output)
        assert broker.wait(60) == 2, broker.printed()
        line = broker.printed()
        assert line.startswith("dwell: "), line
        assert line.count("\n") == 1, line
        return line.removeprefix("dwell: ").rstrip()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for broker in made.started:
        if broker.alive:
            broker.kill()


@needs_proc
def test_it_answers_until_ctrl_c_and_refuses_a_second_one_on_its_data(
    release: Release, place: Place
) -> None:
    broker = place.start()
    assert ask(place.address).cluster
    assert f"DWELL_LOG=kafka://{place.address}/dwell-facts " in broker.printed()
    assert str(place.data / "live" / "kafka") in broker.printed()
    assert Place(place.data.parent).refused() == (
        f"the data folder '{place.data}' is held by process {broker.pid}, a `dwell broker`:"
        " end that one, or choose another folder with --data or DWELL_DATA"
    )
    processes = descendants(broker.pid)
    assert any(each.runs("kafka.Kafka") for each in processes)
    assert broker.stop(signal.SIGINT, within=60) == 0
    assert not any(each.alive for each in processes)


@pytest.mark.long  # the shared broker is killed and has its topics: tests/events/test_kafka.py
def test_what_it_was_given_is_there_when_it_is_started_again(
    release: Release, place: Place, topic: str
) -> None:
    broker = place.start()
    cluster = ask(place.address).cluster
    make_topic(place.address, topic)
    kcat(place.address, "-P", "-t", topic, given="one\ntwo\n")
    assert broker.stop(signal.SIGTERM) == 0

    broker = place.start()
    assert ask(place.address).cluster == cluster
    assert kcat(place.address, "-C", "-t", topic, "-o", "beginning", "-e", "-q") == "one\ntwo\n"
    assert broker.stop(signal.SIGTERM) == 0


@pytest.mark.long
@needs_proc
def test_killed_it_leaves_nobody_and_the_next_one_starts_at_once(
    release: Release, place: Place
) -> None:
    broker = place.start()
    processes = descendants(broker.pid)
    broker.kill()
    again = place.start()
    assert not any(each.alive for each in processes)
    assert up(place.address)
    processes = descendants(again.pid)
    os.kill(java_of(again), signal.SIGSTOP)  # one that does not listen goes as well
    again.kill()
    wait_until(lambda: not any(each.alive for each in processes), SOON)


@needs_proc
@pytest.mark.long
def test_a_broker_that_dies_ends_the_command_with_one_line(release: Release, place: Place) -> None:
    broker = place.start()
    os.kill(java_of(broker), signal.SIGKILL)
    assert broker.wait() == 2
    last = broker.printed().splitlines()[-1]
    assert last.startswith("dwell: the broker ended by itself: ")


@pytest.mark.long
def test_a_temporary_one_keeps_nothing(release: Release, place: Place, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    place.environ["TMPDIR"] = str(temporary)
    broker = place.start("--temporary")
    assert len(list(temporary.glob("dwell-kafka-*/logs"))) == 1
    assert broker.stop() == 0
    assert list(temporary.iterdir()) == []
    assert not place.data.exists()


def test_a_port_in_use_is_named(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", place.port))
        taken.listen()
        assert place.refused() == (
            f"{place.address} is in use by another process: end that one,"
            " or choose another port with --broker-port or DWELL_BROKER_PORT"
        )


class Tools:
    """A machine with an empty cache and the programs that are put there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin"
        self.path.mkdir()
        self.cache = folder / "cache"
        self.environ = {
            "PATH": str(self.path),
            "JAVA_HOME": "",
            "XDG_CACHE_HOME": str(self.cache),
        }

    def put(self, name: str, script: str) -> Path:
        """A program that does so."""
        program = self.path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program


JAVA = """\
cat >&2 <<END
openjdk version "{}" 2025-04-15
OpenJDK Runtime Environment (build {}+6)
END"""


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


def java_telling(version: str) -> str:
    """A Java that does nothing but tell its version."""
    return f"PATH=/bin:/usr/bin\n{JAVA.format(version, version)}"


def test_a_machine_without_java_is_told_what_to_install(place: Place, tools: Tools) -> None:
    assert place.refused(**tools.environ) == (
        "there is no java on PATH: Apache Kafka needs Java 17 or later;"
        " on Debian and Ubuntu: apt install default-jre-headless"
    )
    home = {"JAVA_HOME": str(tools.cache)}
    assert f"no java in JAVA_HOME, which is '{tools.cache}'" in place.refused(
        **tools.environ | home
    )


def test_a_java_that_is_too_old_is_named(place: Place, tools: Tools) -> None:
    program = tools.put("java", java_telling("11.0.2"))
    assert place.refused(**tools.environ) == (
        f'{program} is openjdk version "11.0.2" 2025-04-15: Apache Kafka needs Java 17 or later;'
        " on Debian and Ubuntu: apt install default-jre-headless"
    )


def test_a_machine_without_maven_is_told_what_to_install(place: Place, tools: Tools) -> None:
    tools.put("java", java_telling("17.0.2"))
    said = brought(tools)
    assert said == (
        f"dwell: bringing the jars of Apache Kafka {VERSION} into"
        f" {tools.cache}/dwell/kafka-{VERSION}, once\n"
        "dwell: there is no mvn on PATH to bring Kafka's jars: install Maven;"
        " on Debian and Ubuntu: apt install maven\n"
    )


def test_jars_that_cannot_be_brought_say_why_and_leave_nothing(tools: Tools) -> None:
    tools.put("java", java_telling("17.0.2"))
    tools.put("mvn", "echo '[\x1b[1;31mERROR\x1b[m] no such host'; echo '[ERROR] more'; exit 1")
    assert brought(tools).endswith("dwell: Maven could not bring Kafka's jars: no such host\n")
    assert not list(tools.cache.glob("**/jars"))


def test_a_cache_that_cannot_be_written_is_named(tools: Tools) -> None:
    tools.put("java", java_telling("17.0.2"))
    tools.cache.write_text("a file")
    assert brought(tools).startswith(
        f"dwell: the cache folder '{tools.cache}/dwell/kafka-{VERSION}' cannot be written ("
    )


def brought(tools: Tools) -> str:
    """What bringing Kafka says, ahead of time and without success."""
    done = subprocess.run(
        [sys.executable, "-m", "dwell.commands.broker.bring"],
        env=tools.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


@pytest.mark.long
def test_a_killed_broker_starts_again_on_what_it_had(
    release: Release, own_broker: Broker, topic: str
) -> None:
    make_topic(own_broker.address, topic)
    own_broker.kill()
    assert not own_broker.alive
    assert not up(own_broker.address)
    own_broker.start()
    assert topic in ask(own_broker.address, [topic]).topics


def test_a_topic_does_not_make_itself(own_broker: Broker, topic: str) -> None:
    assert topic not in ask(own_broker.address, [topic]).topics
    assert topic not in ask(own_broker.address, [topic]).topics


def is_silent(address: str) -> bool:
    """Whether it lets who asks wait. A signal to stop may take effect after the next answer."""
    try:
        ask(address, within=0.5)
    except TimeoutError:
        return True
    return False


def test_a_paused_broker_answers_when_it_is_resumed(own_broker: Broker) -> None:
    own_broker.pause()
    wait_until(lambda: is_silent(own_broker.address))
    assert own_broker.alive
    own_broker.resume()
    wait_until(lambda: up(own_broker.address))


def test_a_broker_that_cannot_start_says_why(release: Release, tmp_path: Path) -> None:
    broker = Broker(release, tmp_path, more={"num.io.threads": "none"})
    with pytest.raises(DwellError, match=r"^the broker ended by itself: .*none") as caught:
        broker.start()
    assert str(broker.output) in str(caught.value)
    assert not broker.alive


@pytest.mark.long  # the log's own tests lose a leader too
def test_another_node_leads_when_the_leader_is_killed(
    release: Release, tmp_path: Path, topic: str
) -> None:
    soon = {"broker.session.timeout.ms": "2000"}
    with Cluster(release, tmp_path, more=soon) as cluster:
        make_topic(cluster.addresses, topic, replicas=3)
        assert len(cluster.partition(topic).in_sync) == 3
        leader = cluster.leader(topic)
        cluster.kill(leader)
        wait_until(lambda: cluster.leader(topic) not in (leader, -1), within=60)
        assert len(cluster.partition(topic).in_sync) == 2
        cluster.brokers[leader].start()
        wait_until(lambda: len(cluster.partition(topic).in_sync) == 3, within=60)


@pytest.mark.real_broker
def test_the_shared_broker_is_there(kafka: str) -> None:
    assert ask(kafka.partition(",")[0]).cluster


@needs_proc
@pytest.mark.parametrize("obeys", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_tethered_program_ends_when_its_starter_lets_go(obeys: bool) -> None:
    script = ("" if obeys else "trap '' TERM; ") + "echo on; exec sleep 60"
    command = [sys.executable, "-I", "-S", str(TETHER), "/bin/sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        watchers = descendants(process.pid)
        assert len(watchers) == 1
        process.stdin.close()
        assert process.wait(SOON) == -(signal.SIGTERM if obeys else signal.SIGKILL)
        wait_until(lambda: not any(each.alive for each in watchers), SOON)
