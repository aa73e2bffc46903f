"""`dwell broker`: Apache Kafka for a developer, without Docker."""

import click

from dwell.cli import with_settings
from dwell.settings import Settings


@click.command("broker")
@with_settings("data", "broker_port")
@click.option("--temporary", is_flag=True, help="Keep nothing: the data go when the broker ends.")
def command(settings: Settings, temporary: bool) -> None:
    """Run a Kafka broker for development, without Docker: one node, for this machine alone.

    It needs Java 17 and, the first time, Maven, which brings Apache Kafka into a cache folder. Its
    data are kept in live/kafka of the data folder. Topics do not make themselves there. Ctrl-C ends
    it.
    """
    from dwell.commands.broker.foreground import run

    run(settings, temporary=temporary)
