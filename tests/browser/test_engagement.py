"""The beacon in detail, in Chromium: its outbox, retries, sessions, and what it leaves alone."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import NoSuchWindowException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.running import wait_until
from tests.support.visits import Seen, Truth, Visits, visited

pytestmark = pytest.mark.browser

PAGE_A = "dwell.site.pages.page_a.PageA"
PAGE_B = "dwell.site.pages.page_b.PageB"
TAB_1 = "dwell.site.pages.page_c.tab_1.Tab1"
TAB_2 = "dwell.site.pages.page_c.tab_2.Tab2"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visits]:
    with visited(tmp_path_factory.mktemp("data")) as visits:
        yield visits


@pytest.fixture
def visits(site: Visits, browser: Chrome) -> Iterator[Visits]:
    """The site; the browser's first tab stays blank and is behind, the test's own is in front."""
    blank = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.execute_cdp_cmd(
        "Storage.clearDataForOrigin", {"origin": site.origin, "storageTypes": "all"}
    )
    site.begin()
    yield site
    for handle in browser.window_handles:
        if handle != blank:
            with suppress(NoSuchWindowException):  # the test has closed it, and it is going
                browser.switch_to.window(handle)
                browser.close()
    browser.switch_to.window(blank)


def click(browser: Chrome, text: str) -> None:
    """Click the link of that text."""
    browser.find_element(By.LINK_TEXT, text).click()


def other_tab(browser: Chrome) -> str:
    """A tab that is not the current one."""
    return next(one for one in browser.window_handles if one != browser.current_window_handle)


def offline(browser: Chrome, away: bool) -> None:
    """Take the network from the current tab, or give it back."""
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": away, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
    )


def waiting(browser: Chrome) -> list[dict[str, Any]]:
    """The facts that this site's pages have stored because nobody has settled them."""
    stored: list[list[dict[str, Any]]] = browser.execute_script(
        "return Object.keys(localStorage).filter(k => k.startsWith('dwell:'))"
        ".map(k => JSON.parse(localStorage[k]).map(fact => JSON.parse(fact)))"
    )
    return list(itertools.chain.from_iterable(stored))


def views(seen: list[Seen]) -> list[str]:
    return [one.first["view"] for one in seen]


def test_checkpoints(visits: Visits, browser: Chrome) -> None:
    browser.get(f"{visits.origin}/test/plain")
    wait_until(lambda: visits.pageviews() and visits.pageviews()[0].seconds >= 5, within=20)
    (seen,) = visits.pageviews()
    assert [round(seconds) for _, seconds in seen.states] == [0, 5]
    assert 5 <= seen.seconds < 6.25


def test_what_the_network_held_up_arrives_while_the_page_is_hidden(
    visits: Visits, browser: Chrome
) -> None:
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    page = browser.current_window_handle
    time.sleep(0.5)
    visits.faults.status = 502
    time.sleep(1)
    truth.hides(lambda: browser.switch_to.window(other_tab(browser)))
    wait_until(lambda: len(visits.faults.requests) >= 2)
    assert not truth.agrees_with(visits.pageviews()[0].seconds)
    visits.faults.status = None
    visits.are(truth)
    browser.execute_cdp_cmd("Target.closeTarget", {"targetId": page})


def test_a_fact_that_a_later_page_sends_is_as_old_as_it_is_though_the_computer_slept(
    visits: Visits, browser: Chrome
) -> None:
    # While a computer sleeps, the monotonic clock stands still on Linux and macOS. An hour later a page's
    # beginning and what it counts from there make a moment an hour ago.
    slept = browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {
            "source": "const { navigationStart, responseStart } = performance.timing, hour = 36e5;"
            "Object.defineProperty(performance, 'timing', { value:"
            " { navigationStart: navigationStart - hour, responseStart: responseStart - hour } });"
        },
    )
    visits.faults.status = 502
    browser.get(f"{visits.origin}/page_a")
    assert browser.execute_script(
        "return performance.timing.navigationStart + performance.now() < Date.now() - 3e6"
    )
    wait_until(lambda: waiting(browser))
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", slept)
    browser.get(f"{visits.origin}/page_b")
    visits.faults.status = None
    wait_until(lambda: len(visits.pageviews()) == 2)
    assert {one.first["view"] for one in visits.pageviews()} == {PAGE_A, PAGE_B}
    assert all(fact["delay_ms"] < 60_000 for fact in visits.facts())


def test_facts_go_at_once_when_the_network_is_back(visits: Visits, browser: Chrome) -> None:
    browser.get(f"{visits.origin}/page_c/tab_1")
    wait_until(visits.facts)
    offline(browser, True)
    click(browser, "Tab 2")
    wait_until(lambda: len(waiting(browser)) == 2)
    time.sleep(3.2)  # the second try failed after 2 s; without the news the third waits for 4 more
    offline(browser, False)
    wait_until(lambda: len(visits.pageviews()) == 2, within=2)
    assert views(visits.pageviews()) == [TAB_1, TAB_2]


@pytest.mark.long
def test_retries_back_off(visits: Visits, browser: Chrome) -> None:
    visits.faults.status = 503
    browser.get(f"{visits.origin}/test/plain")
    browser.switch_to.window(other_tab(browser))  # a page in view would have news
    wait_until(lambda: any(facts == 2 for _, facts in visits.faults.requests))
    wait_until(lambda: len(visits.faults.requests) == 6, within=60)
    times = [at for at, facts in visits.faults.requests if facts == 2]
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses == pytest.approx([2.5, 4.5, 8.5, 16.5], abs=1)


@pytest.mark.parametrize("status", [413, pytest.param(403, marks=pytest.mark.long)])
def test_facts_refused_as_a_whole_are_given_up(
    visits: Visits, browser: Chrome, status: int
) -> None:
    visits.faults.status = 503
    browser.get(f"{visits.origin}/test/plain")
    browser.switch_to.window(other_tab(browser))
    wait_until(lambda: len(visits.faults.requests) >= 2)
    visits.faults.status = status
    browser.switch_to.window(other_tab(browser))
    wait_until(lambda: waiting(browser) == [])
    assert visits.faults.requests[-1][1] == 3


def test_a_settled_outbox_is_empty(visits: Visits, browser: Chrome) -> None:
    browser.get(f"{visits.origin}/page_a")
    wait_until(visits.facts)
    wait_until(lambda: waiting(browser) == [])
    time.sleep(1)
    assert len(visits.facts()) == 1


@pytest.mark.parametrize("opt_out", ["globalPrivacyControl", "doNotTrack"])
def test_who_opts_out_is_left_alone(visits: Visits, browser: Chrome, opt_out: str) -> None:
    browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {"source": f"Object.defineProperty(navigator, '{opt_out}', {{value: '1'}})"},
    )
    browser.get(f"{visits.origin}/page_a")
    browser.delete_all_cookies()
    browser.get(f"{visits.origin}/page_b")
    time.sleep(1)
    kept = "return [document.cookie, Object.keys(localStorage).length, Object.keys(sessionStorage).length]"
    assert browser.execute_script(kept) == ["", 0, 0]
    browser.close()
    time.sleep(0.5)
    assert visits.faults.requests == []


def test_what_a_tab_could_not_deliver_goes_with_another_one(
    visits: Visits, browser: Chrome
) -> None:
    visits.faults.status = 503
    one, two = Truth(), Truth()
    one.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(0.5)
    one.hides(lambda: browser.switch_to.new_window("tab"))
    two.shows(lambda: browser.get(f"{visits.origin}/page_b"))
    time.sleep(0.5)
    visits.faults.status = None
    two.hides(browser.close)
    browser.switch_to.window(browser.window_handles[-1])
    visits.are(one, two)
    browser.get(f"{visits.origin}/test/plain")
    wait_until(lambda: waiting(browser) == [])
    arrivals = Counter((fact["pageview_id"], fact["seq"]) for fact in visits.facts())
    assert max(arrivals.values()) <= 6


def test_what_the_site_stores_itself_is_left_alone(visits: Visits, browser: Chrome) -> None:
    browser.get(f"{visits.origin}/dwell/beacon.js")
    browser.execute_script("localStorage['dwell.2fa'] = localStorage['dwellings'] = 'mine'")
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(0.5)
    truth.hides(lambda: browser.switch_to.window(other_tab(browser)))
    visits.are(truth)
    browser.switch_to.window(other_tab(browser))
    kept = "return Object.keys(localStorage).sort()"
    wait_until(lambda: browser.execute_script(kept) == ["dwell.2fa", "dwellings"])


def test_long_titles_and_paths_in_any_script_arrive(visits: Visits, browser: Chrome) -> None:
    browser.get(f"{visits.origin}/test/plain")
    browser.execute_script(
        "document.title = '長'.repeat(2000); history.pushState(null, '', '/test/' + '長'.repeat(200))"
    )
    wait_until(lambda: len(visits.pageviews()) == 2)
    identity = visits.pageviews()[1].first["identity"]
    assert identity["title"] == "長" * 300
    assert len(identity["path"]) == 300


def test_a_page_of_another_origin_reports_to_where_its_script_is_from(
    site: Visits, visits: Visits, browser: Chrome, tmp_path: Path
) -> None:
    with visited(tmp_path, allowed_origins=(site.origin,)) as elsewhere:
        truth = Truth()
        truth.shows(lambda: browser.get(f"{site.origin}/test/plain?from={elsewhere.origin}"))
        time.sleep(0.5)
        truth.hides(lambda: browser.switch_to.window(other_tab(browser)))
        elsewhere.are(truth)
        browser.switch_to.window(other_tab(browser))
        wait_until(lambda: waiting(browser) == [])
    assert visits.facts() == []


def long(act: str, pageviews: int) -> object:
    """One that does what others do too, in another way."""
    return pytest.param(act, pageviews, marks=pytest.mark.long)


@pytest.mark.parametrize(
    ("act", "pageviews"),
    [
        ("history.pushState(null, '', '?page=2')", 1),
        long("history.pushState(null, '', '#end')", 1),
        ("location.hash = 'end'", 1),
        ("history.replaceState(null, '', '/test/other')", 1),
        long("history.replaceState(null, '', '/test/other'); history.pushState(null, '', '?a')", 1),
        ("history.pushState(null, '', '/test/other')", 2),
        long("history.pushState(null, '', '/test/other'); history.replaceState(null, '', '?b')", 2),
        ("history.replaceState(null, '', '?b'); history.pushState(null, '', '/test/other')", 2),
        (
            "document.documentElement.dataset.dwellView = 'tests.tab'; history.pushState(null, '', '?tab')",
            2,
        ),
        long(
            "history.pushState(null, '', '?tab'); document.documentElement.dataset.dwellView = 'tests.tab'",
            2,
        ),
    ],
)
def test_a_move_in_the_page_counts_if_path_or_view_changes(
    visits: Visits, browser: Chrome, act: str, pageviews: int
) -> None:
    browser.get(f"{visits.origin}/test/plain")
    wait_until(visits.facts)
    browser.execute_script(act)
    browser.switch_to.window(other_tab(browser))
    wait_until(lambda: visits.pageviews()[-1].states[-1][0] == "hidden")
    assert len(visits.pageviews()) == pageviews


def test_the_session_is_in_the_cookie(visits: Visits, browser: Chrome) -> None:
    browser.get(f"{visits.origin}/page_a")
    wait_until(visits.facts)
    cookie = browser.get_cookie("dwell_session")
    assert cookie is not None
    assert cookie["value"] == visits.facts()[0]["session_id"]
    assert abs(cookie["expiry"] - 1800 - time.time()) < 5
    assert cookie["sameSite"] == "Lax"
    assert cookie["path"] == "/"
