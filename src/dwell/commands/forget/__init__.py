"""`dwell forget`: visitors are erased, and what is left of them is searched for."""

import re
import sys
from typing import Any

import click

from dwell.cli import with_settings
from dwell.schemas.facts import UUID_PATTERN
from dwell.settings import KAFKA, Settings


class Visitor(click.ParamType[str]):
    """A visitor's id: a UUID."""

    name = "visitor"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same in lower case."""
        if not re.fullmatch(UUID_PATTERN, str(value)):
            self.fail(
                f"{value!r}: expected a visitor's id, a UUID such as"
                " 0193a5c2-7b6a-7d20-9a41-5b8a3e6d7f02, as tracking_session.visitor_id shows it"
            )
        return str(value).lower()


@click.command()
@click.argument("visitors", metavar="VISITOR...", type=Visitor(), nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option(
    "--proof",
    is_flag=True,
    help="Then search every file for what is left; with --dry-run, search alone.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="How long a projector that is at work is waited for.",
)
@with_settings("data", "log", *KAFKA, "archive")
def command(
    settings: Settings,
    visitors: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    proof: bool,
    wait: float,
) -> int:
    """Erase visitors: from the log, the warehouses, the archive, and every copy in the data folder.

    VISITOR is the value of the cookie dwell_visitor. Run it again if it was broken off. Exit status: 0
    done, and nothing found if there was a search; 1 something was found; 2 it could not be done, or not
    all of it yet. docs/erasure.md says what stays where.
    """
    from dwell.commands.forget.running import run

    chosen = list(dict.fromkeys(visitors))
    if not yes and not dry_run:
        _ask(chosen)
    return run(settings, chosen, dry_run=dry_run, proof=proof, wait=wait)


def _ask(visitors: list[str]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask: expected --yes, or --dry-run")
    whom = visitors[0] if len(visitors) == 1 else f"{len(visitors)} visitors"
    click.confirm(f"Erase {whom} for good?", abort=True)
