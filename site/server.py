"""The server of the demo site."""

from starlette.types import ASGIApp

from dwell.events.opening import quiet
from dwell.figures.port import operators_port
from dwell.serving import Server, address_of, configured, listen
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.app import create_app
from dwell.site.protocol import facts_protocol


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        AlreadyRunning: the port is in use.
        DwellError: the address cannot be listened on, or a setting cannot be used.
    """
    quiet(settings)
    dwell = Dwell(settings)
    sockets = listen(settings.host, settings.port)

    def closing() -> None:
        dwell.collector.closing = True

    said = f"the site is at {address_of(settings.host, settings.port)}/"
    http = facts_protocol(dwell.collector, settings.prefix)
    beside = operators_port(settings, "site_figures_port", lambda: _exposition(dwell))
    Server(configured(create_app(settings, dwell), http), said, closing, beside).run(sockets)


def _exposition(dwell: Dwell) -> ASGIApp:
    # What nobody asks for is not imported.
    from dwell.figures.exposition import Exposition
    from dwell.site.figures import SiteFigures

    return Exposition(dwell.health, SiteFigures(dwell))
