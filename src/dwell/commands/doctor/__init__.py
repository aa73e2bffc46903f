"""`dwell doctor`: what is wrong with this installation, and what to do about it."""

import click

from dwell.cli import with_settings
from dwell.errors import SettingInvalid
from dwell.settings import PROCESSES, Settings


def _origin(value: str | None) -> str | None:
    """The origin, if it is written as browsers write one."""
    if value is None:
        return None
    try:
        Settings.read({"allowed_origins": (value,)}, {})
    except SettingInvalid:
        raise click.UsageError(
            f"--origin is {value!r}: expected an origin such as https://shop.example"
        ) from None
    return value


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
@click.option(
    "--origin",
    metavar="ORIGIN",
    callback=lambda context, parameter, value: _origin(value),
    help="Ask the site, too, whether pages of this origin may send facts: https://shop.example.",
)
@with_settings(
    *PROCESSES,
    "keep_free",
    "keep_facts",
    "dashboard_password_file",
    "dashboard_user_header",
    "api_keys",
    "api_keys_file",
    "trusted_proxies",
)
def command(settings: Settings, as_json: bool, within: float, origin: str | None) -> int:
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
        findings = examine(settings, within, origin)
    finally:
        logging.disable(logging.NOTSET)
    click.echo(as_object(findings) if as_json else as_text(findings))
    return 1 if any(each.verdict == "wrong" for each in findings) else 0
