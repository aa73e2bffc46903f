"""`dwell restore`: a backup becomes an installation again."""

from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.settings import KAFKA, Settings


@click.command("restore")
@click.argument("backup", metavar="FROM", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--erasures-of",
    "since",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where it stands who was forgotten since: a newer backup, the data folder that is given up, a"
    " warehouse, an embedded log, or a list of ids; may be repeated.",
)
@click.option("--none-forgotten", is_flag=True, help="Nobody was forgotten since.")
@click.option("--check", is_flag=True, help="Only read every file and compare its checksum.")
@with_settings("data", "log", *KAFKA)
def command(
    settings: Settings, backup: Path, since: tuple[Path, ...], none_forgotten: bool, check: bool
) -> int:
    """Make an installation of the backup FROM, in the data folder, which must be empty or not there.

    Every file is compared with its checksum. Who was forgotten after the backup was made is in it still:
    say where that stands, and they are forgotten before anything is in place.
    """
    if check:
        return _check(backup)
    if bool(since) == none_forgotten:
        raise click.UsageError(
            "was anybody forgotten since? Expected --erasures-of PATH, which says who, or --none-forgotten"
        )
    from dwell.consumers.restoring import Restoring

    restoring = Restoring(settings, backup)
    restoring.run(since)
    made = restoring.manifest
    click.echo(
        f"{settings.data} is as it was at {made.made_at}: {len(made.files)} files, all whole"
    )
    if since:
        click.echo(f"forgotten since, and forgotten again: {len(restoring.forgotten)} visitors")
    if made.embedded and {made.log, settings.log} != {"embedded:"}:
        click.echo(
            f"the log is {settings.data / 'live' / 'log.sqlite'} now: have DWELL_LOG be 'embedded:'"
        )
    return 0


def _check(backup: Path) -> int:
    from dwell.consumers.backup import Manifest, check

    manifest = Manifest.read(backup)
    for each in manifest.files:
        check(backup, each)
    click.echo(f"{backup} is whole: {len(manifest.files)} files, made at {manifest.made_at}")
    return 0
