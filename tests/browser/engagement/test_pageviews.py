"""Where one pageview ends and the next begins: loads, returns and moves within a page."""

import time
from urllib.parse import quote

import pytest

from tests.support.engines import Browser, Cannot
from tests.support.scenarios import scenario
from tests.support.visits import Seen, Truth, Visits

pytestmark = pytest.mark.browser

PAGE_A = "dwell.site.pages.page_a.PageA"
PAGE_B = "dwell.site.pages.page_b.PageB"
TAB_1 = "dwell.site.pages.page_c.tab_1.Tab1"
TAB_2 = "dwell.site.pages.page_c.tab_2.Tab2"


def views(seen: list[Seen]) -> list[str]:
    return [one.first["view"] for one in seen]


def are_linked(seen: list[Seen]) -> None:
    """Assert that each pageview names the one before it, in one session."""
    ids = [one.first["pageview_id"] for one in seen]
    assert [one.first["previous_pageview_id"] for one in seen] == [None, *ids[:-1]]
    assert len({one.first["session_id"] for one in seen}) == 1


@scenario(
    "vis {}, to another page for {}, Back from the back/forward cache, vis {}",
    *(5, 6, 5),
    short=(1, 0.7, 0.8),
)
def test_back_from_the_back_forward_cache_is_a_new_pageview(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    a, b, again, tab = Truth(), Truth(), Truth(), browser.new_tab()
    a.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    tab.run("document.body.dataset.same = 'yes'")
    time.sleep(seconds[0])
    a.hands_over(lambda: tab.click("Page B"), b)
    time.sleep(seconds[1])
    b.hands_over(tab.back, again)
    assert tab.run("return document.body.dataset.same"), "the page did not come from the cache"
    time.sleep(seconds[2])
    again.hides(tab.close)
    seen = visits.are(a, b, again)
    assert views(seen) == [PAGE_A, PAGE_B, PAGE_A]
    # In Firefox a page from the cache finds its session storage as it left it: it knows of itself.
    are_linked(seen if browser.engine != "firefox" else seen[:2])
    assert len({one.first["session_id"] for one in seen}) == 1
    assert seen[1].first["referrer"] == f"{visits.origin}/page_a"


@scenario("page C: tab 1 for {}, tab 2 for {}, tab 1 for {}", 3, 4, 2, short=(0.8, 1.2, 0.5))
def test_tabs_switched_in_place_are_pageviews(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    one, two, three, tab = Truth(), Truth(), Truth(), browser.new_tab()
    one.shows(lambda: tab.go(f"{visits.origin}/page_c/tab_1"))
    time.sleep(seconds[0])
    one.hands_over(lambda: tab.click("Tab 2"), two)
    time.sleep(seconds[1])
    two.hands_over(tab.back, three)
    time.sleep(seconds[2])
    three.hides(tab.close)
    seen = visits.are(one, two, three)
    assert views(seen) == [TAB_1, TAB_2, TAB_1]
    assert [one.first["identity"] for one in seen] == [
        {"path": "/page_c/tab_1", "title": "Page C, Tab 1", "tab": "1"},
        {"path": "/page_c/tab_2", "title": "Page C, Tab 2", "tab": "2"},
        {"path": "/page_c/tab_1", "title": "Page C, Tab 1", "tab": "1"},
    ]
    are_linked(seen)


@scenario("the history API, another path after {}, vis {}, Back, vis {}", 2, 2, 2, long=True)
def test_a_push_to_another_path_is_a_pageview(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    push = (
        "<a href='/test/other' onclick='history.pushState(null, \"\", href); return false'>On</a>"
    )
    one, two, three, tab = Truth(), Truth(), Truth(), browser.new_tab()
    one.shows(lambda: tab.go(f"{visits.origin}/test/plain?body={quote(push)}"))
    time.sleep(seconds[0])
    one.hands_over(lambda: tab.click("On"), two)
    time.sleep(seconds[1])
    two.hands_over(tab.back, three)
    time.sleep(seconds[2])
    three.hides(tab.hide)
    seen = visits.are(one, two, three)
    are_linked(seen)


INTERCEPTED = """
    navigation.addEventListener('navigate', (event) =>
      event.intercept({ handler: () => new Promise((done) => setTimeout(done, 300)) }));
"""


@scenario("navigation.navigate, intercepted, after {}, vis {}", 2, 2, short=(0.8, 0.6))
def test_an_intercepted_navigation_is_a_pageview(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    one, two, tab = Truth(), Truth(), browser.new_tab()
    one.shows(lambda: tab.go(f"{visits.origin}/test/plain"))
    if not tab.run("return 'navigation' in window"):
        raise Cannot(f"{browser.engine} has no Navigation API")
    tab.run(INTERCEPTED)
    time.sleep(seconds[0])
    one.hands_over(lambda: tab.run("navigation.navigate('/test/other')"), two)
    time.sleep(seconds[1])
    two.hides(tab.hide)
    seen = visits.are(one, two)
    assert [one.first["identity"]["path"] for one in seen] == ["/test/plain", "/test/other"]
    are_linked(seen)


@scenario("vis {}, reloaded, vis {}", 2, 2, short=(0.8, 0.5))
def test_a_reload_is_a_new_pageview(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    one, two, tab = Truth(), Truth(), browser.new_tab()
    one.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(seconds[0])
    one.hands_over(tab.reload, two)
    time.sleep(seconds[1])
    two.hides(tab.close)
    visits.are(one, two)


RULES = '{"prerender":[{"urls":["/test/next"],"eagerness":"immediate"}]}'


@scenario(
    "vis {} while the next page is prerendered, then that page for {}", 3, 2, short=(1.5, 0.7)
)
def test_a_prerendered_page_counts_from_when_it_is_visited(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    browser.prerenders()
    body = f'<script type="speculationrules">{RULES}</script><a href="/test/next">Next</a>'
    one, two, tab = Truth(), Truth(), browser.new_tab()
    one.shows(lambda: tab.go(f"{visits.origin}/test/plain?body={quote(body)}"))
    time.sleep(seconds[0])
    assert views(visits.pageviews()) == ["tests.plain"]
    one.hands_over(lambda: tab.click("Next"), two)
    time.sleep(seconds[1])
    activated = "return performance.getEntriesByType('navigation')[0].activationStart"
    assert tab.run(activated) > 1000, "the page was not prerendered"
    two.hides(tab.close)
    seen = visits.are(one, two)
    assert views(seen) == ["tests.plain", "tests.next"]
    are_linked(seen)
