"""What is measured arrives, whatever the network and the storage do to it."""

import time
from collections.abc import Callable

import pytest

from tests.support.engines import Browser
from tests.support.running import wait_until
from tests.support.scenarios import scenario
from tests.support.visits import Truth, Visits

pytestmark = pytest.mark.browser

PAGE_A = "dwell.site.pages.page_a.PageA"


@scenario(
    "vis {}, network away, vis {} more, hid, network back, closed while hidden after {}",
    *(8, 4, 2),
    short=(0.8, 0.7, 0.5),
)
def test_what_the_network_held_up_arrives_although_the_page_is_closed_while_hidden(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(seconds[0])
    visits.network.away(True)
    time.sleep(seconds[1])
    truth.hides(tab.hide)
    time.sleep(0.2)
    assert not truth.agrees_with(visits.pageviews()[0].seconds)
    visits.network.away(False)
    time.sleep(seconds[2])
    browser.close_behind(tab)
    visits.are(truth)


@scenario(
    "the whole visit of {} offline, online again on the next page for {}", 10, 2, short=(1, 0.5)
)
def test_a_visit_offline_arrives_with_the_next_page(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    a, b, tab = Truth(), Truth(), browser.new_tab()
    a.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    visits.network.away(True)
    time.sleep(seconds[0])

    def next_page() -> None:
        visits.network.away(False)
        tab.go(f"{visits.origin}/page_b")

    a.hands_over(next_page, b)
    time.sleep(seconds[1])
    b.hides(tab.close)
    visits.are(a, b)


@scenario("vis {}, network away, vis {} more, closed; the next page {} later", 2, 2, 1, long=True)
def test_what_a_page_could_not_say_the_next_one_brings(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    a, b, tab = Truth(), Truth(), browser.new_tab()
    a.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(seconds[0])
    visits.network.away(True)
    time.sleep(seconds[1])
    a.hides(tab.close)
    time.sleep(seconds[2])
    again = browser.new_tab()
    visits.network.away(False)
    b.shows(lambda: again.go(f"{visits.origin}/page_b"))
    time.sleep(1)
    b.hides(again.close)
    visits.are(a, b)


@scenario("vis {}, every request delivered twice", 6, short=(0.5,))
def test_every_request_delivered_twice_changes_nothing(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    visits.faults.double = True
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(*seconds)
    truth.hides(tab.close)
    visits.are(truth)
    wait_until(lambda: len(visits.facts()) >= 4)


@scenario(
    "vis {}, hid {}, vis {}, of each two requests the second arrives first",
    2,
    2,
    2,
    short=(0.6, 0.5, 0.4),
)
def test_requests_that_arrive_in_another_order_change_nothing(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    shown, hidden, again = seconds
    visits.faults.reorder = True
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(shown)
    truth.hides(tab.hide)
    time.sleep(hidden)
    truth.shows(tab.show)
    time.sleep(again)
    truth.hides(tab.hide)
    visits.are(truth)
    wait_until(lambda: set(visits.pageviews()[0].facts) == {0, 1, 2, 3})
    assert visits.faults.overtaken


@scenario("vis {}, the first request lost", 6, short=(0.8,))
def test_the_first_request_lost(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    visits.faults.lose = 1
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(*seconds)
    truth.hides(tab.hide)
    (seen,) = visits.are(truth)
    assert seen.first["view"] == PAGE_A
    assert seen.first["identity"]["title"] == "Page A"
    wait_until(lambda: 0 in visits.pageviews()[0].facts)


FILL = """
    for (let size = 2 ** 22, key = 0; size; )
      try { localStorage[key++] = "x".repeat(size) } catch { size >>= 1 }
"""


@scenario(
    "vis {}, the storage is full, the collector away until the page is hidden", 4, short=(0.5,)
)
def test_a_full_storage_does_not_matter(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    tab, truth = browser.new_tab(), Truth()
    tab.go(f"{visits.origin}/dwell/beacon.js")
    tab.run(FILL)
    visits.faults.status = 503
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(*seconds)
    truth.hides(tab.hide)
    visits.faults.status = None
    visits.are(truth)


@scenario("cookies and storage forbidden, page C: tab 1 for {}, tab 2 for {}", 3, 2, short=(1, 0.7))
def test_forbidden_cookies_and_storage(
    visits: Visits, new_browser: Callable[..., Browser], seconds: tuple[float, ...]
) -> None:
    browser = new_browser(forgetful=True)
    one, two, tab = Truth(), Truth(), browser.new_tab()
    one.shows(lambda: tab.go(f"{visits.origin}/page_c/tab_1"))
    stored = "try { return localStorage.length } catch { return 'forbidden' }"
    assert tab.run(stored) == "forbidden"
    time.sleep(seconds[0])
    one.hands_over(lambda: tab.click("Tab 2"), two)
    time.sleep(seconds[1])
    two.hides(tab.close)
    seen = visits.are(one, two)
    assert len({one.first["session_id"] for one in seen}) == 2, "nothing is left to know it by"
