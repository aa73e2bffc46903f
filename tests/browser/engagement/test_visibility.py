"""What counts is what can be seen: tabs behind others and minimised windows do not."""

import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.support.engines import Browser
from tests.support.running import wait_until
from tests.support.scenarios import scenario
from tests.support.visits import Truth, Visits

pytestmark = pytest.mark.browser

PAGE_A = "dwell.site.pages.page_a.PageA"


def _read_and_closed(visits: Visits, browser: Browser, length: float) -> None:
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(length)
    truth.hides(tab.close)
    (seen,) = visits.are(truth)
    assert seen.first["view"] == PAGE_A
    assert seen.first["identity"] == {"path": "/page_a", "title": "Page A"}
    assert seen.first["type"] == "dwell.page.viewed.v1"
    assert sorted(seen.facts) == list(range(len(seen.facts)))


@scenario("read {}, close the tab", 6, long=True)
def test_a_page_read_and_closed(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    _read_and_closed(visits, browser, *seconds)


@scenario("read {}, close the tab", 0.8)
def test_a_short_look(visits: Visits, browser: Browser, seconds: tuple[float, ...]) -> None:
    _read_and_closed(visits, browser, *seconds)


@scenario("vis {}, hid {}, vis {}, close the tab", 6, 8, 4, short=(1, 1.2, 0.7))
def test_a_tab_behind_another_does_not_count(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    shown, hidden, again = seconds
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(shown)
    truth.hides(tab.hide)
    time.sleep(hidden)
    truth.shows(tab.show)
    time.sleep(again)
    truth.hides(tab.close)
    visits.are(truth)
    wait_until(lambda: [name for name, _ in visits.pageviews()[0].states].count("hidden") == 2)


@scenario(
    "two windows: vis {}, then one of them minimised for {}, both for {}, vis {}",
    *(2, 2, 2, 2),
    short=(0.7, 0.7, 0.7, 0.7),
)
def test_windows_count_while_they_are_not_minimised_whichever_has_the_focus(
    visits: Visits, new_browser: Callable[..., Browser], seconds: tuple[float, ...]
) -> None:
    browser = new_browser()
    one, two, tab = Truth(), Truth(), browser.blank
    one.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    beside = browser.new_window()
    two.shows(lambda: beside.go(f"{visits.origin}/page_b"))
    time.sleep(seconds[0])
    two.hides(beside.minimise)
    time.sleep(seconds[1])
    one.hides(tab.minimise)
    time.sleep(seconds[2])
    one.shows(tab.restore)
    time.sleep(seconds[3])
    one.hides(tab.close)
    visits.are(one, two)


@scenario("visible but not focused (a window beside it has the focus), {}", 5, long=True)
def test_visible_without_the_focus_counts(
    visits: Visits, new_browser: Callable[..., Browser], seconds: tuple[float, ...]
) -> None:
    browser = new_browser()
    truth, tab = Truth(), browser.blank
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    browser.new_window()
    time.sleep(*seconds)
    truth.hides(tab.close)
    visits.are(truth)


@scenario("a field in a frame of the page has the focus, {}", 2, short=(0.8,))
def test_a_frame_with_the_focus_changes_nothing(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    frame = quote("<iframe srcdoc='<input autofocus>'></iframe>")
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/test/plain?body={frame}"))
    tab.run("frames[0].document.querySelector('input').focus()")
    time.sleep(*seconds)
    assert tab.run("return document.activeElement.tagName") == "IFRAME"
    truth.hides(tab.hide)
    visits.are(truth)


@scenario("opened in a background tab {}, then vis {}", 8, 4, short=(1.5, 1))
def test_a_tab_opened_behind_counts_from_when_it_is_looked_at(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    behind, shown = seconds
    tab, truth = browser.open_behind(f"{visits.origin}/page_a"), Truth()
    time.sleep(behind)
    assert visits.facts() == []
    truth.shows(tab.show)
    time.sleep(shown)
    truth.hides(tab.close)
    (seen,) = visits.are(truth)
    assert seen.states[0][1] < 0.25


@scenario("opened in a background tab for {}, never looked at", 8, short=(1.5,))
def test_a_tab_never_looked_at_is_no_pageview(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    tab = browser.open_behind(f"{visits.origin}/page_a")
    time.sleep(*seconds)
    browser.close_behind(tab)
    time.sleep(0.7)
    visits.are()
    assert visits.faults.requests == []


@scenario(
    "two tabs of one page: the first {}, the second {}, the first {}", 3, 4, 2, short=(1, 0.7, 0.5)
)
def test_two_tabs_of_one_page_are_two_pageviews_of_one_session(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    one, two, tab = Truth(), Truth(), browser.new_tab()
    one.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(seconds[0])
    beside = one.hides(browser.new_tab)
    two.shows(lambda: beside.go(f"{visits.origin}/page_a"))
    time.sleep(seconds[1])
    two.hides(lambda: one.shows(tab.show))
    time.sleep(seconds[2])
    one.hides(tab.hide)
    seen = visits.are(one, two)
    assert len({one.first["session_id"] for one in seen}) == 1
    assert [one.first["previous_pageview_id"] for one in seen] == [None, None]
