"""How visits end: tabs crash, are frozen or discarded, and browsers are closed."""

import time
from collections.abc import Callable

import pytest

from tests.support.engines import Browser
from tests.support.engines.unattended import unattended
from tests.support.scenarios import scenario
from tests.support.visits import Truth, Visits

pytestmark = pytest.mark.browser

GAP = {"chromium": 2.0, "firefox": 3.0, "webkit": 3.0}
"""Seconds that a page may lose which dies without a word. Only Chromium has `fetchLater`; elsewhere
it is what the page was seen since its last checkpoint, 2 s after 12."""


@scenario("vis {}, the tab crashes", 12, short=(3,))
def test_a_crashed_tab_loses_the_gap_at_most(
    visits: Visits, new_browser: Callable[..., Browser], seconds: tuple[float, ...]
) -> None:
    browser = new_browser()
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(*seconds)
    truth.hides(browser.crash_pages)
    visits.are(truth, loses=GAP[browser.engine])


@scenario("vis {}, the whole browser is closed", 5, short=(1.2,))
def test_the_whole_browser_closed(
    visits: Visits, new_browser: Callable[..., Browser], seconds: tuple[float, ...]
) -> None:
    browser = new_browser()
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(*seconds)
    truth.hides(browser.quit)
    visits.are(truth)


@scenario("vis {}, frozen for {}, closed", 4, 3, short=(1, 0.7))
def test_a_frozen_page_has_said_what_was_seen(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    shown, frozen = seconds
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(shown)
    truth.hides(lambda: browser.freeze(tab))
    time.sleep(frozen)
    visits.are(truth)
    tab.close()


@scenario(
    "vis {}, hid {}, discarded, shown again and loaded for {}, closed", 4, 2, 3, short=(1, 0.7, 0.7)
)
def test_a_discarded_tab_is_a_new_pageview_when_it_is_shown_again(
    visits: Visits, engine: str, new_browser: Callable[..., Browser], seconds: tuple[float, ...]
) -> None:
    shown, hidden, again = seconds
    one, two = Truth(), Truth()
    with unattended(engine, new_browser) as hand:
        one.shows(lambda: hand.open(f"{visits.origin}/page_a"))
        time.sleep(shown)
        one.hides(hand.hide)
        time.sleep(hidden)
        hand.discard()
        two.shows(hand.show)
        time.sleep(again)
        two.hides(hand.close)
        visits.are(one, two)
