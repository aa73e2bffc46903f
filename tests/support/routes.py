"""Every route that Dwell serves, and the headers that belong to it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from starlette.routing import BaseRoute

from dwell.figures.exposition import METRICS, Exposition
from dwell.figures.port import MOST
from dwell.headers import DATA, SHARED, SITE
from dwell.health import LIVE, PREFIX, QUESTIONS, READY
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.app import create_app
from dwell.site.collector.endpoint import METHODS
from dwell.site.collector.servers import PATH as SERVERS
from dwell.site.dashboard import create_dashboard
from dwell.site.figures import SiteFigures
from dwell.site.protocol import facts_protocol
from tests.support.collecting import served
from tests.support.serving import Client

SESSION = "0193a5c2-7b6a-7d20-9a41-5b8a3e6d7f02"
PAGES = ("/", "/page_a", "/page_b", "/page_c/tab_1", "/page_c/tab_2")

SITE_ROUTES: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(PAGES, SITE),
    **{f"{path}/": SITE for path in PAGES if path != "/"},
    **dict.fromkeys(("/page_c", "/page_c/", "/page_c/tab_b", "/page_c/tab_b/"), SITE),
    **dict.fromkeys(("/static/dwell.*.svg", "/static/site.*.css", "/static/tabs.*.js"), DATA),
    **dict.fromkeys(("/static/dwell.*.svg/", "/static/site.*.css/", "/static/tabs.*.js/"), SITE),
    "/dwell/facts": SHARED,
    "/dwell/server/facts": SHARED,
    "/dwell/visitor": SHARED,
    "/dwell/beacon.js": SHARED,
    f"/dwell{LIVE}": DATA,
    f"/dwell{READY}": DATA,
}
"""Path to what it answers to GET with; `*` stands for a digest."""

DASHBOARD_ROUTES: Mapping[str, str] = {
    "/": "/",
    "/sessions/{session_id:uuid}": f"/sessions/{SESSION}",
    "/panels": "/panels",
    "/panels.ndjson": "/panels.ndjson?names=totals",
    "/panels/{name}.{form}": "/panels/totals.csv",
    "/choices.json": "/choices.json",
    "/sessions.json": "/sessions.json",
    "/sessions/{session_id:uuid}.json": f"/sessions/{SESSION}.json",
    "/events": "/events",
    "/login": "/login",
    "/logout": "/logout",
    "/healthy": "/healthy",
    f"{PREFIX}{LIVE}": f"{PREFIX}{LIVE}",
    f"{PREFIX}{READY}": f"{PREFIX}{READY}",
    "/assets/{digest}/{path:path}": "/assets/0123456789abcdef/static/dashboard.css",
}
"""A route of the dashboard to a path that leads there."""

FIGURES_ROUTES = (METRICS, *(f"{PREFIX}{question}" for question in QUESTIONS))


def site_routes(settings: Settings) -> set[str]:
    """What the site serves, by what it is made of."""
    paths = _paths(create_app(settings).routes)
    assert settings.prefix in paths
    return {
        *(re.sub(r"\.[0-9a-f]{16}\.", ".*.", path) for path in paths - {settings.prefix}),
        *(f"{settings.prefix}{path}" for path in (*METHODS, SERVERS)),
    }


def dashboard_routes(settings: Settings) -> set[str]:
    """What the dashboard serves, by what it is made of."""
    return _paths(create_dashboard(settings).routes)


def _paths(routes: Iterable[BaseRoute]) -> set[str]:
    return {str(getattr(route, "path", route)) for route in routes}


@contextmanager
def a_site(folder: Path, **settings: object) -> Iterator[Client]:
    """The site as `dwell site` serves it."""
    keys = f"a:{'0' * 64}"
    given = Settings.model_validate({"data": folder, "api_keys": keys, **settings})
    dwell = Dwell(given)
    with (
        served(create_app(given, dwell), facts_protocol(dwell.collector, given.prefix)) as port,
        _client(port) as client,
    ):
        yield client


@contextmanager
def a_dashboard(folder: Path, **settings: object) -> Iterator[Client]:
    """The dashboard as `dwell dashboard` serves it."""
    app = create_dashboard(Settings.model_validate({"data": folder, **settings}))
    with served(app) as port, _client(port) as client:
        yield client
        app.state.streams.close()


@contextmanager
def some_figures(folder: Path) -> Iterator[Client]:
    """The operators' port of a site."""
    dwell = Dwell(Settings(data=folder))
    exposition = Exposition(dwell.health, SiteFigures(dwell))
    with (
        served(exposition, lifespan="off", limit_concurrency=MOST) as port,
        _client(port) as client,
    ):
        yield client


def _client(port: int) -> closing[Client]:
    return closing(Client(f"http://127.0.0.1:{port}"))
