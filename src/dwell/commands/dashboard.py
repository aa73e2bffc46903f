"""`dwell dashboard`: the dashboard, in a process of its own."""

import sys

import click

from dwell import messages
from dwell.cli import with_settings
from dwell.settings import Settings


@click.command("dashboard")
@click.option(
    "--hash-password",
    is_flag=True,
    help="Ask for a password, print the line for DWELL_DASHBOARD_PASSWORD_FILE, and end.",
)
@with_settings(
    "data",
    "dashboard_host",
    "dashboard_port",
    "dashboard_password_file",
    "dashboard_user_header",
    "trusted_proxies",
    "timezone",
    "figures_host",
    "dashboard_figures_port",
    "messages",
)
def command(settings: Settings, hash_password: bool) -> int:
    """Run the dashboard alone: what the published warehouse tells, as pages, until Ctrl-C.

    On a loopback address everybody on this machine may look. On any other it does not start without
    a password, or a header in which a trusted proxy says who asks.
    """
    if hash_password:
        return print_hash()
    from dwell.site.dashboard.server import serve

    messages.begin(settings.messages, "dashboard")
    serve(settings)
    return 0


def print_hash() -> int:
    """Print the hash of a password that is typed twice, or is the first line of standard input."""
    from dwell.site.dashboard.passwords import LONGEST, hash_of

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not 8 <= len(password) <= LONGEST:
        raise click.UsageError(
            f"the password has {len(password)} characters: expected 8 to {LONGEST}"
        )
    click.echo(hash_of(password))
    return 0
