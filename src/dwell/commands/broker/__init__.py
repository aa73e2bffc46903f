"""`dwell broker`: Apache Kafka for a developer, without Docker."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from dwell.cli import with_settings
from dwell.commands.broker.bring import bring
from dwell.commands.broker.jars import VERSION
from dwell.commands.broker.ports import require_free
from dwell.commands.broker.server import STEADY, Broker
from dwell.commands.up.hold import Hold
from dwell.commands.up.typed import data_option, program
from dwell.errors import DwellError
from dwell.settings import Settings

TOPIC = "dwell-facts"


@click.command("broker")
@with_settings("data", "broker_port")
@click.option("--temporary", is_flag=True, help="Keep nothing: the data go when the broker ends.")
def command(settings: Settings, temporary: bool) -> None:
    """Run a Kafka broker for development: one node, on this machine alone, until Ctrl-C.

    It needs Java 17 and, the first time, Maven, which brings Apache Kafka into a cache folder. Its
    data are kept in DWELL_DATA, in live/kafka. Topics do not make themselves.
    """
    with _stopped_as_by_ctrl_c(), _held(settings, temporary) as (folder, inherited):
        require_free(settings.broker_port)
        release = bring(_say)
        broker = Broker(release, folder, settings.broker_port, flags=STEADY, inherited=inherited)
        with broker:
            _say(welcome(settings, broker, temporary))
            _until_told(broker)


def welcome(settings: Settings, broker: Broker, temporary: bool) -> str:
    """Where everything is, and what to type next."""
    kept = ", until it ends" if temporary else ""
    return f"""
  Apache Kafka {VERSION} is at {broker.address}
  Its data are in         {broker.folder}{kept}
  Its log is              {broker.output}

  Type in another terminal:
    DWELL_LOG=kafka://{broker.address}/{TOPIC} {program()} up{data_option(settings)}
  Ctrl-C ends it.
"""


def _say(text: str) -> None:
    click.echo(text)


def _until_told(broker: Broker) -> None:
    """Wait for Ctrl-C.

    Raises:
        DwellError: the broker has ended by itself.
    """
    try:
        broker.wait()
    except KeyboardInterrupt:
        return
    raise DwellError(f"the broker ended by itself: {broker.last_word()}")


@contextmanager
def _stopped_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP unless it is ignored, do what Ctrl-C does."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _held(settings: Settings, temporary: bool) -> Iterator[tuple[Path, tuple[int, ...]]]:
    """The folder of the data, ours alone, and the descriptors that hold it."""
    if temporary:
        with TemporaryDirectory(prefix="dwell-kafka-") as folder:
            yield Path(folder), ()
        return
    hold = Hold(settings.data, settings.live / "kafka.lock", "dwell broker")
    hold.take(
        lambda: _say("waiting for the broker of a `dwell broker` that was killed to end"),
        make=True,
    )
    assert hold.descriptor is not None
    try:
        yield settings.live / "kafka", (hold.descriptor,)
    finally:
        hold.release()
