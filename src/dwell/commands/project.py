"""`dwell project`: the projector alone."""

import click

from dwell.cli import with_settings
from dwell.settings import KAFKA, Settings


@click.command()
@with_settings(
    "data",
    "log",
    *KAFKA,
    "kafka_group",
    "batch_facts",
    "batch_seconds",
    "publish_seconds",
    "dead_letter_topic",
)
def command(settings: Settings) -> None:
    """Run the projector alone: from the log into the warehouse, until Ctrl-C."""
    import asyncio

    from dwell.consumers.process import run

    asyncio.run(run(settings))
