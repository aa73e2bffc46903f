"""A topic whose leader answers late, or not for seconds, is replayed and archived whole all the same."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest

from dwell.commands.broker.server import Broker
from dwell.consumers.archiving import archive
from dwell.settings import Settings
from tests.consumers.test_replaying import visits
from tests.support.late import late
from tests.support.replaying import LATEST, Quiet, append, replay, settings_of, tables

long = pytest.mark.long
RECORDS = visits(30)
Work = Callable[[Settings, Quiet], None]


def replayed(settings: Settings, watcher: Quiet) -> None:
    """The new warehouse is that of a topic whose leader is well."""
    replay(settings, settings.data / "new.duckdb", archive=False, watcher=watcher)


def archived(settings: Settings, watcher: Quiet) -> None:
    """So is the one that is made of the archive."""
    assert archive(settings, LATEST, processes=1, watcher=watcher).added == len(RECORDS)
    done = replay(settings, settings.data / "new.duckdb")
    assert (done.archived, done.logged) == (len(RECORDS), 0)


WORK = pytest.mark.parametrize("work", [pytest.param(replayed, marks=long), archived])


@pytest.fixture(scope="module")
def expected(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A topic of six partitions, and a warehouse that was made of it in good days."""
    log = f"kafka://{broker.address}/slow-{time.time_ns()}"
    settings = settings_of(tmp_path_factory.mktemp("slow"), log, topic_partitions=6)
    append(settings, RECORDS)
    replay(settings, settings.data / "expected.duckdb")
    return settings


@pytest.fixture
def settings(expected: Settings, tmp_path: Path) -> Settings:
    """The same topic, for a test to do with what it likes."""
    (tmp_path / "data").mkdir()
    return settings_of(tmp_path / "data", expected.log)


def found(settings: Settings, name: str = "new.duckdb") -> object:
    """What a warehouse of these settings has come to."""
    return tables(settings.data / name)


@WORK
@pytest.mark.long
@pytest.mark.parametrize("seconds", [0.3, 1.0])
@pytest.mark.timeout(600)
def test_a_leader_that_answers_late_is_waited_for(
    settings: Settings, expected: Settings, work: Work, seconds: float
) -> None:
    host, _, topic = settings.log.removeprefix("kafka://").partition("/")
    with late(host, seconds) as address:
        far = settings_of(settings.data, f"kafka://{address}/{topic}")
        work(far, Quiet())
    assert found(settings) == found(expected, "expected.duckdb")


class Stops(Quiet):
    """Has the broker stop for so long when the log is about to be read."""

    def __init__(self, broker: Broker, seconds: float) -> None:
        super().__init__()
        self._broker = broker
        self._seconds = seconds

    def begin(self, step: str, total: int, before: int = 0) -> None:
        super().begin(step, total, before)
        if step == "reading the log":
            stop(self._broker, self._seconds)


def stop(broker: Broker, seconds: float) -> Timer:
    """SIGSTOP, and SIGCONT after so many seconds."""
    broker.pause()
    timer = Timer(seconds, broker.resume)
    timer.start()
    return timer


@WORK
@pytest.mark.parametrize(
    "seconds", [0.5, pytest.param(8.0, marks=long), pytest.param(25.0, marks=long)]
)
@pytest.mark.timeout(300)
def test_a_leader_that_stops_while_the_log_is_read_is_waited_for(
    settings: Settings, expected: Settings, own_broker: Broker, work: Work, seconds: float
) -> None:
    work(settings, Stops(own_broker, seconds))
    assert found(settings) == found(expected, "expected.duckdb")


@WORK
@pytest.mark.long
@pytest.mark.parametrize("seconds", [6.0, 12.0])
@pytest.mark.timeout(300)
def test_a_leader_that_is_stopped_when_it_is_first_asked_is_waited_for(
    settings: Settings, expected: Settings, own_broker: Broker, work: Work, seconds: float
) -> None:
    stopped = stop(own_broker, seconds)
    work(settings, Quiet())
    stopped.join()
    assert found(settings) == found(expected, "expected.duckdb")
