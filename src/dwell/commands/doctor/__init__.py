"""`dwell doctor`: what is wrong with this installation, and what to do about it."""

import click

from dwell.cli import with_settings
from dwell.settings import PROCESSES, Settings


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.option(
    "--within",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How old a fact may become before the published warehouse has it.",
)
@with_settings(
    *PROCESSES,
    "keep_free",
    "dashboard_password_file",
    "dashboard_user_header",
    "trusted_proxies",
)
def command(settings: Settings, as_json: bool, within: float) -> int:
    """Say what is wrong with this installation, and what to do about each thing.

    It looks at versions, files and their rights, free space, the log, the published warehouse, the lag,
    the clock, dead letters, and the processes, whether they run or not. It changes nothing and holds
    nothing that they need. Run it where they run, as the user they run as.

    Exit status: 0 nothing is wrong, though there may be notes; 1 something is wrong.
    """
    import logging

    from dwell.commands.doctor.examining import examine
    from dwell.commands.doctor.telling import as_object, as_text

    logging.disable()  # the findings say it
    try:
        findings = examine(settings, within)
    finally:
        logging.disable(logging.NOTSET)
    click.echo(as_object(findings) if as_json else as_text(findings))
    return 1 if any(each.verdict == "wrong" for each in findings) else 0
