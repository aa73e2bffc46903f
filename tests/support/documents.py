"""Every page that Dwell serves or writes: where it is in a running site and dashboard."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from dwell.cli import run
from dwell.settings import Settings
from dwell.site.app import create_app
from dwell.site.dashboard import create_dashboard
from tests.support.dashboards import PAGE, password_file
from tests.support.publishing import publish
from tests.support.routes import PAGES, SESSION
from tests.support.serving import Client, serving

SITE: Mapping[str, str] = {path: path for path in (*PAGES, "/nowhere")}
BOARD: Mapping[str, str] = {
    "board": "/?since=2026-03-01&until=2026-03-02",
    "board of no period": "/?since=never",
    "session": f"/sessions/{SESSION}",
    "nowhere": "/nowhere",
}
LOCKED: Mapping[str, str] = {"login": "/login", "passage": "/passage", "board of nothing": "/empty"}
TEMPLATES = {
    "board.html": "board",
    "session.html": "session",
    "trouble.html": "nowhere",
    "login.html": "login",
    "passage.html": "passage",
}
"""The templates of the dashboard that make whole pages, and a page that each of them makes."""
PARTS = {"layout.html", "card.html"}
"""Those that others include."""


@dataclass(frozen=True)
class Documents:
    """Where each page is.

    Attributes:
        addresses: by a name for the page.
    """

    addresses: Mapping[str, str]

    def text(self, name: str) -> str:
        """The page as it is sent."""
        address = self.addresses[name]
        if address.startswith("file://"):
            return Path(address.removeprefix("file://")).read_text("utf-8")
        origin, slash, path = address.removeprefix("http://").partition("/")
        client = Client(f"http://{origin}")
        try:
            return client.get(slash + path, PAGE).text
        finally:
            client.close()


@contextmanager
def documents(folder: Path) -> Iterator[Documents]:
    """All of them, for the time of a `with`."""
    publish(folder / "data", [1.5, 30.0])
    settings = Settings(data=folder / "data")
    empty = Settings(data=folder / "empty", dashboard_password_file=password_file(folder))
    page = folder / "report.html"
    status = run(["report", "totals", "views", "--data", str(settings.data), "--output", str(page)])
    assert status == 0
    with ExitStack() as stack:
        board, locked, nothing = (
            create_dashboard(each) for each in (settings, empty, Settings(data=folder / "empty"))
        )
        parts = (
            (SITE, create_app(settings)),
            (BOARD, board),
            (LOCKED, _passage(locked, nothing)),
        )
        addresses = {"report": f"file://{page}"}
        for paths, app in parts:
            origin = stack.enter_context(serving(app))
            addresses |= {name: origin + path for name, path in paths.items()}
        for each in (board, locked, nothing):
            stack.callback(each.state.streams.close)
        yield Documents(addresses)


def _passage(locked: ASGIApp, nothing: ASGIApp) -> ASGIApp:
    """The locked dashboard, whose `/passage` is what a link of another site leads to; and `/empty`, the
    board of one that asks nobody, before anything is published."""
    link = [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"navigate")]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == "/passage":
            others = [each for each in scope["headers"] if not each[0].startswith(b"sec-fetch")]
            scope = {**scope, "path": "/", "headers": others + link}
        if scope.get("path") == "/empty":
            await nothing({**scope, "path": "/"}, receive, send)
        else:
            await locked(scope, receive, send)

    return app
