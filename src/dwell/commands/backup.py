"""`dwell backup`: the whole installation, copied while it runs."""

import time
from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.settings import KAFKA, Settings


@click.command("backup")
@click.argument("target", metavar="TO", type=click.Path(path_type=Path))
@click.option(
    "--secrets",
    is_flag=True,
    help="With the files that settings name for passwords and keys, as the dashboard's.",
)
@with_settings("data", "log", "archive", *KAFKA, "dashboard_password_file")
def command(settings: Settings, target: Path, secrets: bool) -> int:
    """Copy log, warehouses and archive into the new folder TO, while site and projector go on.

    TO appears when it is whole and durable. With Kafka the log is not in it: the brokers keep it. Put the
    folder on another disk. It holds visitors' data, erased ones' not.
    """
    from dwell.consumers.backing_up import back_up

    began = time.monotonic()
    manifest = back_up(settings, target.absolute(), secrets=secrets)
    click.echo(
        f"{len(manifest.files)} files, {manifest.bytes / 2**20:,.1f} MiB in {target}, in"
        f" {time.monotonic() - began:.1f} s"
    )
    if not manifest.embedded:
        click.echo(f"not in it: the log, {settings.log}")
    for each in manifest.left_out:
        click.echo(f"not in it, but with --secrets: {each}")
    return 0
