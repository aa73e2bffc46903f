"""Brokers for the benchmarks: each a real one, on data of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import click

from dwell.commands.broker.bring import bring
from dwell.commands.broker.server import STEADY, Broker
from dwell.errors import DwellError


@contextmanager
def running_broker() -> Iterator[Broker | None]:
    """A broker for the time of a `with`; None, and why, where there can be none."""
    try:
        release = bring()
    except DwellError as error:
        click.echo(f"without Kafka: {error}", err=True)
        yield None
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        Broker(release, Path(folder), flags=STEADY) as broker,
    ):
        yield broker


def topic_on(broker: Broker) -> str:
    """`DWELL_LOG` for a topic that is new."""
    return f"kafka://{broker.address}/facts-{uuid4().hex}"
