"""The broker in a terminal: holds its data, says where it is, runs until Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from dwell.commands.broker.bring import bring
from dwell.commands.broker.jars import VERSION
from dwell.commands.broker.ports import require_free
from dwell.commands.broker.server import STEADY, Broker
from dwell.commands.up.hold import Hold
from dwell.commands.up.typed import data_option, program
from dwell.errors import DwellError
from dwell.settings import Settings

TOPIC = "dwell-facts"


def run(settings: Settings, *, temporary: bool) -> None:
    """Run a broker until SIGINT, SIGTERM or SIGHUP.

    Raises:
        AlreadyRunning: the data are held, or the port is in use.
        DwellError: Kafka cannot be brought or started, or has ended by itself.
    """
    with _stopped_as_by_ctrl_c(), _held(settings, temporary) as (folder, inherited):
        port = settings.broker_port
        require_free(port)
        with Broker(bring(click.echo), folder, port, flags=STEADY, inherited=inherited) as broker:
            click.echo(welcome(settings, broker, temporary))
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
        lambda: click.echo("waiting for the broker of a `dwell broker` that was killed to end"),
        make=True,
    )
    assert hold.descriptor is not None
    try:
        yield settings.live / "kafka", (hold.descriptor,)
    finally:
        hold.release()
