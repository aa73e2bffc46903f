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
    "keep_facts",
    "keep_rows",
    "archive",
    "shard",
    "figures_host",
    "projector_figures_port",
    "messages",
)
def command(settings: Settings) -> None:
    """Run the projector alone: from the log into the warehouse, until Ctrl-C.

    With --shard 1/3 it reads a third of the log's partitions into a file of its own. Run 2/3 and 3/3
    beside it, on the same data folder: people open the same warehouse as ever.
    """
    import asyncio

    from dwell.consumers.process import run

    asyncio.run(run(settings))
