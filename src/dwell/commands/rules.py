"""`dwell rules`: what a warehouse was counted by, and whether a rules file can be used."""

from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.errors import RulesInvalid, WarehouseError
from dwell.rules import Rules
from dwell.settings import Settings

_RULES = "select value from projection_info where name = 'rules'"


@click.group("rules")
def command() -> None:
    """Say what a warehouse was counted by, or whether a rules file can be used.

    Rules come into a warehouse when it is made anew, by `dwell replay --rules FILE`.
    """


@command.command("show", short_help="Show the rules of a warehouse.")
@click.argument("file", type=click.Path(path_type=Path), required=False, metavar="[FILE.duckdb]")
@with_settings("data")
def show(settings: Settings, file: Path | None) -> int:
    """Show the rules of the published warehouse, or of FILE, as a rules file has them.

    Exit status 1: it has none, and sessions and seconds are as the browsers told them.
    """
    from dwell.warehouse.asking import asking

    path = file or settings.published
    if file and not file.is_file():
        raise WarehouseError(f"{file} is missing: expected a warehouse")
    with asking(path) as connection:
        found = connection.execute(_RULES).fetchall()
    if not found:
        click.echo(f"{path} has no rules: sessions and seconds are as the browsers told them", err=True)  # fmt: skip
        return 1
    _print(Rules.parse(found[0][0], str(path)))
    return 0


@command.command("check", short_help="Check a rules file.")
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> int:
    """Check that FILE can be used, and show what it says.

    Exit status 1: it cannot, and the first thing that is wrong is named.
    """
    if not file.is_file():
        raise RulesInvalid(f"{file} is missing: expected a rules file")
    try:
        rules = Rules.read(file)
    except RulesInvalid as error:
        click.echo(f"dwell: {error}", err=True)
        return 1
    _print(rules)
    return 0


def _print(rules: Rules) -> None:
    click.echo(f"# rules {rules.digest}")
    click.echo(rules.toml(), nl=False)
