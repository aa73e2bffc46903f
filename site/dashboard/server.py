"""The server of the dashboard, in a process of its own."""

import gc
import socket
from ipaddress import ip_address

from starlette.datastructures import State
from starlette.types import ASGIApp

from dwell.errors import SettingInvalid
from dwell.figures.port import operators_port
from dwell.priority import come_last
from dwell.serving import Server, address_of, configured, listen
from dwell.settings import Settings
from dwell.site.dashboard.app import create_dashboard


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SettingInvalid: anybody could get in from another machine, or a setting cannot be used.
        AlreadyRunning: the port is in use.
        DwellError: the address cannot be listened on.
    """
    require_protection(settings)
    app = create_dashboard(settings)
    host, port = settings.dashboard_host, settings.dashboard_port
    sockets = listen(host, port, ("dashboard_host", "dashboard_port"))
    come_last()  # before any thread begins
    said = f"the dashboard is at {address_of(host, port)}/"
    beside = operators_port(settings, "dashboard_figures_port", lambda: _exposition(app.state))
    Server(configured(app), said, app.state.streams.close, beside).run(sockets)
    gc.unfreeze()  # DuckDB's binding complains of what is not collected at the end


def _exposition(state: State) -> ASGIApp:
    # What nobody asks for is not imported.
    from dwell.figures.exposition import Exposition
    from dwell.site.dashboard.figures import DashboardFigures

    figures = DashboardFigures(state.requests, state.asking, state.streams)
    return Exposition(state.health, figures)


def require_protection(settings: Settings) -> None:
    """Refuse an address that other machines reach, unless somebody is asked who they are.

    Raises:
        SettingInvalid: neither a password nor a proxy's header is set.
    """
    if settings.dashboard_password_file or settings.dashboard_user_header:
        return
    if not _is_loopback(settings.dashboard_host):
        raise SettingInvalid(
            f"DWELL_DASHBOARD_HOST is '{settings.dashboard_host}', where other machines reach it, and "
            "nobody is asked who they are: expected a loopback address such as 127.0.0.1, or a "
            "password in DWELL_DASHBOARD_PASSWORD_FILE, made by `dwell dashboard --hash-password`, "
            "or a proxy's word in DWELL_DASHBOARD_USER_HEADER"
        )


def _is_loopback(host: str) -> bool:
    """Whether every address of the name is this machine's own; a name without any is not."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)
