"""`dwell site`: the pages, the beacon and the collector, in one process."""

import click

from dwell import messages
from dwell.cli import with_settings
from dwell.settings import KAFKA, Settings


@click.command("site")
@with_settings(
    "data",
    "log",
    *KAFKA,
    "host",
    "port",
    "prefix",
    "allowed_origins",
    "trusted_proxies",
    "rate_limit",
    "cookie_samesite",
    "api_keys",
    "api_keys_file",
    "honour_opt_out",
    "require_consent",
    "durable_within",
    "waiting_bytes",
    "keep_free",
    "session_timeout",
    "figures_host",
    "site_figures_port",
    "messages",
)
def command(settings: Settings) -> int:
    """Run the site alone: pages, beacon and collector.

    It listens until SIGINT or SIGTERM, then answers the requests at hand and ends.
    """
    from dwell.site.server import serve

    messages.begin(settings.messages, "site")
    serve(settings)
    return 0
