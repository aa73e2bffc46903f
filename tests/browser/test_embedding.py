"""The beacon in somebody else's pages, on another site and under a strict policy, as the docs say."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from jinja2 import Template
from selenium.webdriver import Chrome
from starlette.types import ASGIApp, Receive, Scope, Send

from dwell.events.memory import MemoryLog
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.app import create_app
from tests.support.browsers import complaints
from tests.support.collecting import VISITOR
from tests.support.examples import examples
from tests.support.running import wait_until
from tests.support.serving import serving

pytestmark = pytest.mark.browser

COLLECTOR = "https://collector.example"
"""What the examples call it."""
BARE = b"<!doctype html><link rel='icon' href='data:,'><title>Elsewhere</title>"


class Pages:
    """An application of somebody else's: `/bare` is not measured, any other page is."""

    def __init__(self) -> None:
        self.body = b""
        self.policy = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = BARE if scope["path"] == "/bare" else self.body
        headers = [
            (b"content-type", b"text/html"),
            (b"content-security-policy", self.policy.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass
class World:
    """A collector, its own pages, and pages elsewhere whose origin it allows.

    Attributes:
        elsewhere: an origin of another site, which is allowed; `unknown` has the same pages and is not.
        asked: method, path and cookies of each request to the collector.
        holds: requests to end a visitor wait as long as this is true, preflights too.
    """

    elsewhere: str
    log: MemoryLog
    own: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    holds: bool = False

    @property
    def unknown(self) -> str:
        return self.elsewhere.replace("localhost", "127.0.0.1")

    @property
    def seen(self) -> dict[str, str]:
        """The paths of the pageviews that were kept, each with its visitor."""
        facts = [json.loads(record.value)["data"] for record in self.log.records()]
        return {fact["identity"]["path"]: fact["visitor_id"] for fact in facts}

    def methods(self, path: str) -> list[str]:
        """How the collector was asked for a path."""
        return [method for method, asked, _ in self.asked if asked == path]

    def here(self, example: str) -> str:
        """An example of the docs with this collector in it."""
        return example.replace(COLLECTOR, self.own)

    def observed(self, app: ASGIApp) -> ASGIApp:
        """The collector's site, its requests noted; it has a bare page too."""

        async def site(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
                self.asked.append((scope["method"], scope["path"], cookies))
                while self.holds and scope["path"] == "/dwell/visitor":
                    await asyncio.sleep(0.01)
            bare = scope["type"] == "http" and scope["path"] == "/bare"
            await (Pages() if bare else app)(scope, receive, send)

        return site


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    [tag] = [tag for tag in examples("embedding.md", "html") if "integrity" in tag]
    [policy] = examples("embedding.md", "http")
    pages = Pages()
    with serving(pages) as origin:
        world = World(origin.replace("127.0.0.1", "localhost"), MemoryLog())
        data = tmp_path_factory.mktemp("data")
        settings = Settings(data=data, allowed_origins=(world.elsewhere,), cookie_samesite="none")
        dwell = Dwell(settings, world.log.writer())
        with serving(world.observed(create_app(settings, dwell))) as world.own:
            pages.body = BARE + Template(world.here(tag)).render(dwell=dwell).encode()
            pages.policy = world.here(policy).strip().partition(": ")[2] + "; img-src data:"
            yield world


@pytest.fixture
def world(_world: World, browser: Chrome) -> Iterator[World]:
    """Without a past (but for what a page that was closed still sends); the browser's first tab stays, the test's own is in front."""
    blank = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    complaints(browser)
    _world.log.truncate(2**62)
    _world.asked.clear()
    yield _world
    _world.holds = False
    for handle in set(browser.window_handles) - {blank}:
        browser.switch_to.window(handle)
        browser.close()
    browser.switch_to.window(blank)


def cookies(browser: Chrome) -> dict[str, Mapping[str, Any]]:
    """Every cookie that the browser holds, of whatever host, by name."""
    held = browser.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
    return {cookie["name"]: cookie for cookie in held}


def is_ended(browser: Chrome) -> bool:
    return "dwell_visitor" not in cookies(browser)


def give_visitor(browser: Chrome, world: World, site: str) -> None:
    """A visitor cookie of the collector's, as its answers to pages of that site set it."""
    cookie = {"name": "dwell_visitor", "value": VISITOR, "url": world.own, "httpOnly": True}
    cookie |= {"secure": True, "sameSite": "None"}
    key = {"topLevelSite": site, "hasCrossSiteAncestor": site == "http://localhost"}
    browser.execute_cdp_cmd("Network.setCookie", cookie | {"partitionKey": key})
    assert not is_ended(browser)


def end_visitor(world: World) -> str:
    """The script of the docs."""
    [example] = examples("embedding.md", "js")
    return world.here(example).strip().rstrip(";")


def ask(browser: Chrome, request: str) -> int | str:
    """The status of the answer that a script of the page gets, or the name of its error."""
    script = f"const told = arguments[0]; {request}.then(({{status}}) => told(status), ({{name}}) => told(name))"
    answer: int | str = browser.execute_async_script(script)
    return answer


def test_the_same_origin_ends_the_visitor_and_the_session(world: World, browser: Chrome) -> None:
    give_visitor(browser, world, "http://127.0.0.1")
    browser.get(f"{world.own}/bare")
    browser.execute_script("document.cookie = 'dwell_session=one.1795000000;path=/;samesite=lax'")
    assert cookies(browser).keys() == {"dwell_visitor", "dwell_session"}
    assert ask(browser, end_visitor(world)) == 204
    assert cookies(browser) == {}
    assert world.methods("/dwell/visitor") == ["DELETE"]


def test_an_allowed_origin_ends_the_visitor_after_a_preflight(
    world: World, browser: Chrome
) -> None:
    give_visitor(browser, world, "http://localhost")
    browser.get(f"{world.elsewhere}/bare")
    assert ask(browser, end_visitor(world)) == 204
    assert is_ended(browser)
    assert world.methods("/dwell/visitor") == ["OPTIONS", "DELETE"]
    assert world.asked[-1][2] == f"dwell_visitor={VISITOR}"
    assert complaints(browser) == []


def test_an_origin_that_is_not_allowed_cannot_end_the_visitor(
    world: World, browser: Chrome
) -> None:
    give_visitor(browser, world, "http://127.0.0.1")
    browser.get(f"{world.unknown}/bare")
    assert ask(browser, end_visitor(world)) == "TypeError"
    assert ask(browser, end_visitor(world).replace("{", "{ mode: 'no-cors',", 1)) == "TypeError"
    assert not is_ended(browser)
    assert world.methods("/dwell/visitor") == ["OPTIONS"]


@pytest.mark.parametrize(
    ("site", "page"),
    [
        pytest.param("http://127.0.0.1", "{0.own}/bare", id="of the same origin"),
        pytest.param("http://localhost", "{0.elsewhere}/bare", id="of another site"),
    ],
)
def test_the_end_of_a_visitor_outlives_the_page_that_asked_for_it(
    world: World, browser: Chrome, site: str, page: str
) -> None:
    give_visitor(browser, world, site)
    browser.get(page.format(world))
    browser.execute_script(f"addEventListener('pagehide', () => {{ {end_visitor(world)} }})")
    world.holds = True
    browser.close()
    browser.switch_to.window(browser.window_handles[0])
    wait_until(lambda: world.methods("/dwell/visitor"))
    assert not is_ended(browser)
    world.holds = False
    wait_until(lambda: is_ended(browser))
    assert world.methods("/dwell/visitor")[-1] == "DELETE"


def test_it_works_on_another_site_under_the_policy_and_with_the_integrity_of_the_docs(
    world: World, browser: Chrome
) -> None:
    browser.get(f"{world.elsewhere}/shop")
    wait_until(lambda: not is_ended(browser))
    browser.get(f"{world.elsewhere}/basket")
    wait_until(lambda: world.seen.keys() == {"/shop", "/basket"})
    assert len(set(world.seen.values())) == 1, "the visitor was not known again"
    assert set(world.methods("/dwell/facts")) == {"POST"}, "facts asked for a preflight"
    assert cookies(browser)["dwell_visitor"]["partitionKey"]["topLevelSite"] == "http://localhost"
    assert cookies(browser)["dwell_session"]["domain"] == "localhost"
    assert complaints(browser) == []


def test_it_works_on_dwell_s_own_pages(world: World, browser: Chrome) -> None:
    browser.get(f"{world.own}/page_a")
    wait_until(lambda: "/page_a" in world.seen and not is_ended(browser))
    assert complaints(browser) == []


def test_facts_of_an_origin_that_is_not_allowed_are_refused(world: World, browser: Chrome) -> None:
    browser.get(f"{world.unknown}/stranger")
    wait_until(lambda: any("/dwell/facts" in complaint for complaint in complaints(browser)))
    assert "/stranger" not in world.seen
