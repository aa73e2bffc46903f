"""Pages of other origins, by their names and over https: what becomes of the visitor in each case of
the table in docs/embedding.md."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from selenium.webdriver import Chrome
from starlette.types import ASGIApp, Receive, Scope, Send

from dwell.events.memory import MemoryLog
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.app import create_app
from tests.support.browsers import NoBrowser, complaints, open_browser
from tests.support.certificates import certified
from tests.support.running import wait_until
from tests.support.serving import serving

pytestmark = pytest.mark.browser

NAMED = (
    "--host-resolver-rules=MAP *.example 127.0.0.1",
    "--ignore-certificate-errors",
    "--disable-features=HttpsUpgrades",
)
COLLECTOR = "the collector's"
"""In the place of a host: the one that the collector has in this test."""
SUBDOMAIN = "www.shop.example"
OTHER, THIRD, UNKNOWN = "other.example", "third.example", "unknown.example"
OWN = "its own"
"""The same, and the collector's own pages."""
TESTS = 100
"""At most."""


@dataclass
class Collecting:
    """A collector whose cookies have one value of `SameSite`."""

    log: MemoryLog
    port: int = 0
    host: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and cookies of each request."""

    @property
    def at(self) -> str:
        return f"https://{self.host}:{self.port}"

    @property
    def visitors(self) -> dict[str, str]:
        """The visitor of each page that was seen, by its path."""
        facts = [json.loads(record.value)["data"] for record in self.log.records()]
        return {fact["identity"]["path"]: fact["visitor_id"] for fact in facts}

    def noted(self, app: ASGIApp) -> ASGIApp:
        """The application; its requests are noted."""

        async def site(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
                self.asked.append((scope["method"], scope["path"], cookies))
            await app(scope, receive, send)

        return site


@dataclass
class World:
    """Pages under many names, and two collectors on ports of their own.

    In each test the collectors have another name, and so other cookies: what a page of the test before
    still sends when it is left brings its visitor into no other test.

    Attributes:
        pages: the port of the pages by their scheme.
        tests: how many there were.
    """

    pages: dict[str, int]
    collectors: dict[str, Collecting]
    tests: int = 0

    @staticmethod
    def host(test: int) -> str:
        return f"stats-{test}.shop.example"

    def begin(self) -> None:
        self.tests += 1
        for made in self.collectors.values():
            made.host = self.host(self.tests)
            made.log.truncate(2**62)
            made.asked.clear()

    def page(self, host: str, path: str, scheme: str = "https") -> str:
        return f"{scheme}://{host}:{self.pages[scheme]}{path}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page of the other application: the first part of its path says to which collector it tells."""
        told = self.collectors.get(scope["path"].split("/")[1])
        tag = f"<script src='{told.at}/dwell/beacon.js' async></script>" if told else ""
        body = f"<!doctype html><link rel=icon href=data:,><title>Elsewhere</title>{tag}".encode()
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("origins")
    tls = certified(folder, "shop.example", "*.shop.example", OTHER, THIRD, UNKNOWN)
    world = World({}, {})
    with ExitStack() as stack:
        for scheme in ("https", "http"):
            at = stack.enter_context(serving(world, tls=tls if scheme == "https" else None))
            world.pages[scheme] = int(at.rpartition(":")[2])
        names = [world.host(test) for test in range(TESTS)]
        allowed = [world.page(host, "") for host in (*names, SUBDOMAIN, OTHER, THIRD)]
        allowed.append(world.page(SUBDOMAIN, "", "http"))
        for samesite in ("lax", "none"):
            made = Collecting(MemoryLog())
            settings: Any = {"allowed_origins": allowed, "cookie_samesite": samesite}
            dwell = Dwell(Settings(data=folder, **settings), made.log.writer())
            at = stack.enter_context(
                serving(made.noted(create_app(dwell.settings, dwell)), tls=tls)
            )
            made.port = int(at.rpartition(":")[2])
            world.collectors[samesite] = made
        yield world


@pytest.fixture(
    scope="module",
    params=[pytest.param(False, marks=pytest.mark.long), True],  # the table is the same for both
    ids=["with third parties", "without"],
)
def strict(request: pytest.FixtureRequest) -> bool:
    """Whether the browser forbids the cookies of third parties."""
    forbids: bool = request.param
    return forbids


@pytest.fixture(scope="module")
def browser(strict: bool) -> Iterator[Chrome]:
    """One that knows the names."""
    forbidding = {"profile.cookie_controls_mode": 1, "profile.block_third_party_cookies": True}
    allowing = {"profile.cookie_controls_mode": 0, "profile.block_third_party_cookies": False}
    try:
        with open_browser(
            arguments=NAMED, preferences=forbidding if strict else allowing
        ) as opened:
            yield opened
    except NoBrowser as error:
        pytest.skip(str(error))


@pytest.fixture
def world(_world: World, browser: Chrome) -> World:
    """Without a past."""
    browser.get("about:blank")
    _world.begin()
    complaints(browser)
    return _world


def look(browser: Chrome, made: Collecting, url: str) -> str:
    """The visitor whom the collector knows somebody by who comes to a page in a new session."""
    browser.get(url)
    path = browser.execute_script("return location.pathname")
    settled = "return !Object.keys(localStorage).some((key) => key.startsWith('dwell:'))"
    wait_until(lambda: path in made.visitors and browser.execute_script(settled))
    browser.execute_script("document.cookie = 'dwell_session=;max-age=0;path=/'")
    return made.visitors[path]


def visitor_cookies(browser: Chrome, made: Collecting) -> list[dict[str, Any]]:
    held = browser.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
    mine = [cookie for cookie in held if cookie["domain"] == made.host]
    return [cookie for cookie in mine if cookie["name"] == "dwell_visitor"]


@pytest.mark.parametrize(
    ("host", "scheme", "samesite", "known"),
    [
        pytest.param(OWN, "https", "lax", True, id="the collector's own origin"),
        pytest.param(COLLECTOR, "https", "lax", True, id="another port of its host"),
        pytest.param(SUBDOMAIN, "https", "lax", True, id="another host of its site"),
        pytest.param(SUBDOMAIN, "http", "lax", False, id="its site without https"),
        pytest.param(OTHER, "https", "lax", False, id="another site"),
        pytest.param(OTHER, "https", "none", True, id="another site with a partitioned cookie"),
    ],
)
def test_a_visitor_is_known_again_as_the_table_says(
    world: World, browser: Chrome, host: str, scheme: str, samesite: str, known: bool
) -> None:
    made = world.collectors[samesite]
    if host == OWN:
        urls = [f"{made.at}/page_a", f"{made.at}/page_b"]
    else:
        name = made.host if host == COLLECTOR else host
        paths = [f"/{samesite}/{world.tests}/{number}" for number in (1, 2)]
        urls = [world.page(name, path, scheme) for path in paths]

    first, second = (look(browser, made, url) for url in urls)

    assert (first == second) == known
    assert bool(visitor_cookies(browser, made)) == known
    methods = {method for method, path, _ in made.asked if path == "/dwell/facts"}
    assert methods == {"POST"}, "facts asked for a preflight"
    assert complaints(browser) == []


def test_a_partitioned_visitor_is_another_one_on_each_site(world: World, browser: Chrome) -> None:
    made = world.collectors["none"]
    seen = [
        look(browser, made, world.page(host, f"/none/{world.tests}/{host}"))
        for host in (OTHER, THIRD)
    ]

    assert seen[0] != seen[1]
    sites = {cookie["partitionKey"]["topLevelSite"] for cookie in visitor_cookies(browser, made)}
    assert sites == {f"https://{OTHER}", f"https://{THIRD}"}


def test_a_cookie_of_a_third_party_travels_only_where_it_may(
    world: World, browser: Chrome, strict: bool
) -> None:
    made = world.collectors["none"]
    plain = {"name": "plain", "value": "1", "url": made.at, "secure": True, "sameSite": "None"}
    browser.execute_cdp_cmd("Network.setCookie", plain)
    browser.get(world.page(OTHER, "/"))
    # What is answered is for its own origin alone; the question arrives all the same.
    request = (
        "fetch(arguments[0], {mode: 'no-cors', credentials: 'include'})"
        ".catch(() => null).then(arguments[1])"
    )
    browser.execute_async_script(request, f"{made.at}/dwell/health/live")

    assert ("GET", "/dwell/health/live", "" if strict else "plain=1") in made.asked


def test_the_console_names_an_origin_that_may_not_send_and_its_facts_wait(
    world: World, browser: Chrome
) -> None:
    made = world.collectors["lax"]
    browser.get(world.page(UNKNOWN, f"/lax/{world.tests}"))
    said: list[str] = []

    def blocked() -> bool:
        said.extend(complaints(browser))
        return any("CORS" in each for each in said)

    wait_until(blocked)

    assert any(f"from origin '{world.page(UNKNOWN, '')}' has been blocked" in each for each in said)
    waiting = "return Object.keys(localStorage).filter((key) => key.startsWith('dwell:')).length"
    assert browser.execute_script(waiting) == 1
    assert f"/lax/{world.tests}" not in made.visitors
