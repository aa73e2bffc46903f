"""`dwell explain`: how a pageview's number came about."""

import click

from dwell.cli import with_settings
from dwell.commands.facts import Uuid
from dwell.settings import KAFKA, Settings


@click.command("explain")
@click.argument("pageview", type=Uuid(), metavar="PAGEVIEW_ID")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people, or one JSON object.")  # fmt: skip
@with_settings("data", "log", "archive", *KAFKA)
def command(settings: Settings, pageview: str, form: str) -> int:
    """Say how a pageview's number came about: its facts in the log, its visible intervals, what is
    known to be missing, and the row that the published warehouse has of it.

    The row is computed anew from the facts. Exit status 1: the warehouse says something else, or
    there is no such pageview.
    """
    from dwell.commands.explain.explaining import explain

    return explain(settings, pageview, form)
