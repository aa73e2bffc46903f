"""Visible time, measured by a real browser whose visibility is real, against the truth."""

import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium.common.exceptions import NoSuchWindowException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.browsers import NoBrowser, open_browser
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


def open_behind(browser: Chrome, url: str) -> str:
    """Open `url` in a background tab; returns its handle."""
    made = browser.execute_cdp_cmd("Target.createTarget", {"url": url, "background": True})
    handle: str = made["targetId"]
    return handle


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
        ".map(k => JSON.parse(localStorage[k]))"
    )
    return list(itertools.chain.from_iterable(stored))


def views(seen: list[Seen]) -> list[str]:
    return [one.first["view"] for one in seen]


@pytest.mark.parametrize(
    "seconds", [0.8, 2, pytest.param(6, marks=pytest.mark.long)], ids=lambda seconds: f"{seconds} s"
)
def test_a_page_read_and_closed(visits: Visits, browser: Chrome, seconds: float) -> None:
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(seconds)
    truth.hides(browser.close)
    (seen,) = visits.are(truth)
    assert seen.first["view"] == PAGE_A
    assert seen.first["identity"] == {"path": "/page_a", "title": "Page A"}
    assert seen.first["type"] == "dwell.page.viewed.v1"
    assert sorted(seen.facts) == list(range(len(seen.facts)))


@pytest.mark.parametrize(
    ("shown", "hidden", "again"), [(1, 1.5, 0.7), pytest.param(6, 8, 4, marks=pytest.mark.long)]
)
def test_a_tab_behind_another_does_not_count(
    visits: Visits, browser: Chrome, shown: float, hidden: float, again: float
) -> None:
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    page = browser.current_window_handle
    time.sleep(shown)
    truth.hides(lambda: browser.switch_to.window(other_tab(browser)))
    time.sleep(hidden)
    truth.shows(lambda: browser.switch_to.window(page))
    time.sleep(again)
    truth.hides(browser.close)
    (seen,) = visits.are(truth)
    assert [state for state, _ in seen.states if state == "hidden"] == ["hidden", "hidden"]


def test_windows_count_while_they_are_not_minimised_whichever_has_the_focus(
    visits: Visits, new_browser: Callable[..., Chrome]
) -> None:
    browser = new_browser()
    one, two = Truth(), Truth()
    one.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    first = browser.current_window_handle
    browser.switch_to.new_window("window")
    two.shows(lambda: browser.get(f"{visits.origin}/page_b"))
    time.sleep(0.7)
    two.hides(browser.minimize_window)
    time.sleep(0.7)
    browser.switch_to.window(first)
    one.hides(browser.minimize_window)
    time.sleep(1)
    one.shows(lambda: browser.set_window_rect(0, 0, 800, 600))
    time.sleep(0.7)
    one.hides(browser.close)
    visits.are(one, two)


@pytest.mark.parametrize(
    ("behind", "shown"), [(2, 1.5), pytest.param(8, 4, marks=pytest.mark.long)]
)
def test_a_tab_opened_behind_counts_from_when_it_is_looked_at(
    visits: Visits, browser: Chrome, behind: float, shown: float
) -> None:
    handle = open_behind(browser, f"{visits.origin}/page_a")
    time.sleep(behind)
    assert visits.facts() == []
    truth = Truth()
    truth.shows(lambda: browser.switch_to.window(handle))
    time.sleep(shown)
    truth.hides(browser.close)
    (seen,) = visits.are(truth)
    assert seen.states[0][1] < 0.25


def test_a_tab_never_looked_at_is_no_pageview(visits: Visits, browser: Chrome) -> None:
    behind = open_behind(browser, f"{visits.origin}/page_a")
    wait_until(lambda: behind in browser.window_handles)
    time.sleep(2)
    browser.execute_cdp_cmd("Target.closeTarget", {"targetId": behind})
    time.sleep(1)
    assert visits.pageviews() == []
    assert visits.faults.requests == []


@pytest.mark.parametrize(
    ("first", "between", "second"), [(1, 0.7, 0.8), pytest.param(5, 6, 5, marks=pytest.mark.long)]
)
def test_back_from_the_back_forward_cache_is_a_new_pageview(
    visits: Visits, browser: Chrome, first: float, between: float, second: float
) -> None:
    a, b, again = Truth(), Truth(), Truth()
    a.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    browser.execute_script("window.same = true")
    time.sleep(first)
    a.hands_over(lambda: click(browser, "Page B"), b)
    time.sleep(between)
    b.hands_over(browser.back, again)
    assert browser.execute_script("return window.same"), "the page did not come from the cache"
    time.sleep(second)
    again.hides(browser.close)
    seen = visits.are(a, b, again)
    assert views(seen) == [PAGE_A, PAGE_B, PAGE_A]
    ids = [one.first["pageview_id"] for one in seen]
    assert [one.first["previous_pageview_id"] for one in seen] == [None, *ids[:2]]
    assert seen[1].first["referrer"] == f"{visits.origin}/page_a"
    assert len({one.first["session_id"] for one in seen}) == 1


@pytest.mark.parametrize(
    "seconds", [(0.8, 1.2, 0.5), pytest.param((3, 4, 2), marks=pytest.mark.long)], ids=str
)
def test_tabs_switched_in_place_are_pageviews(
    visits: Visits, browser: Chrome, seconds: tuple[float, float, float]
) -> None:
    one, two, three = Truth(), Truth(), Truth()
    one.shows(lambda: browser.get(f"{visits.origin}/page_c/tab_1"))
    time.sleep(seconds[0])
    one.hands_over(lambda: click(browser, "Tab 2"), two)
    time.sleep(seconds[1])
    two.hands_over(browser.back, three)
    time.sleep(seconds[2])
    three.hides(browser.close)
    seen = visits.are(one, two, three)
    assert views(seen) == [TAB_1, TAB_2, TAB_1]
    assert [one.first["identity"] for one in seen] == [
        {"path": "/page_c/tab_1", "title": "Page C, Tab 1", "tab": "1"},
        {"path": "/page_c/tab_2", "title": "Page C, Tab 2", "tab": "2"},
        {"path": "/page_c/tab_1", "title": "Page C, Tab 1", "tab": "1"},
    ]
    ids = [one.first["pageview_id"] for one in seen]
    assert [one.first["previous_pageview_id"] for one in seen] == [None, *ids[:2]]


@pytest.mark.long
def test_visible_without_the_focus_counts(
    visits: Visits, new_browser: Callable[..., Chrome]
) -> None:
    browser = new_browser()
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    page = browser.current_window_handle
    browser.switch_to.new_window("window")
    time.sleep(5)
    browser.switch_to.window(page)
    truth.hides(browser.close)
    visits.are(truth)


@pytest.fixture(scope="module")
def hasty_browser() -> Iterator[Chrome]:
    """A browser whose driver does not wait for slow scripts."""
    try:
        with open_browser(load="none") as browser:
            yield browser
    except NoBrowser as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("seconds", [3, pytest.param(8, marks=pytest.mark.long)])
def test_a_script_that_comes_late_misses_nothing(
    visits: Visits, hasty_browser: Chrome, seconds: float
) -> None:
    late = seconds - 0.5  # a length of its own: the script is cached
    hasty_browser.switch_to.new_window("tab")
    truth = Truth()
    truth.shows(lambda: hasty_browser.get(f"{visits.origin}/test/late?late={late}"))
    time.sleep(seconds)
    truth.hides(lambda: hasty_browser.switch_to.window(other_tab(hasty_browser)))
    (seen,) = visits.are(truth)
    assert seen.states[0] == ("visible", 0.0)
    assert seen.first["delay_ms"] > (late - 0.1) * 1000


def test_a_script_that_comes_after_the_look_counts_it(
    visits: Visits, hasty_browser: Chrome
) -> None:
    hasty_browser.switch_to.new_window("tab")
    truth = Truth()
    truth.shows(lambda: hasty_browser.get(f"{visits.origin}/test/late?late=2"))
    time.sleep(0.8)
    truth.hides(lambda: hasty_browser.switch_to.window(other_tab(hasty_browser)))
    (seen,) = visits.are(truth)
    assert [state for state, _ in seen.states] == ["visible", "hidden"]
    assert seen.facts[1]["delay_ms"] > 1000


def renderers(browser: Chrome) -> list[int]:
    """The processes that run this browser's pages."""
    parents: dict[int, int] = {}
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            pid, stat = int(folder.name), (folder / "stat").read_text()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        parents[pid] = int(stat.rpartition(")")[2].split()[1])
        if b"--type=renderer" in command:
            found.append(pid)
    root = browser.service.process.pid

    def is_below(pid: int) -> bool:
        while pid in parents and pid != root:
            pid = parents[pid]
        return pid == root

    return [pid for pid in found if is_below(pid)]


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_stopped_process_adds_three_seconds_at_most(
    visits: Visits, new_browser: Callable[..., Chrome]
) -> None:
    browser = new_browser()
    browser.switch_to.new_window("tab")
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(1)
    truth.hides(lambda: signal_all(browser, signal.SIGSTOP))
    time.sleep(5)
    truth.shows(lambda: signal_all(browser, signal.SIGCONT))
    time.sleep(1.2)
    truth.hides(browser.close)
    truth.most += 3
    visits.are(truth)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_crashed_tab_loses_two_seconds_at_most(
    visits: Visits, new_browser: Callable[..., Chrome]
) -> None:
    browser = new_browser()
    browser.switch_to.new_window("tab")
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(3)
    truth.hides(lambda: signal_all(browser, signal.SIGKILL))
    truth.least -= 2
    visits.are(truth)


def signal_all(browser: Chrome, number: signal.Signals) -> None:
    for pid in renderers(browser):
        os.kill(pid, number)


def test_a_blocked_main_thread_counts_in_full(visits: Visits, browser: Chrome) -> None:
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    browser.execute_script(
        "setTimeout(() => { for (const end = performance.now() + 3800; performance.now() < end; ); }, 50)"
    )
    time.sleep(0.2)
    assert browser.execute_script("return document.visibilityState") == "visible"  # once it answers
    truth.hides(browser.close)
    visits.are(truth)


def test_a_change_of_the_wall_clock_changes_nothing(visits: Visits, browser: Chrome) -> None:
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    browser.execute_script("const real = Date.now; Date.now = () => real() - 864e5")
    time.sleep(1)
    truth.hides(browser.close)
    (seen,) = visits.are(truth)
    assert all(fact["delay_ms"] < 1000 for fact in seen.facts.values())


def test_every_request_delivered_twice_changes_nothing(visits: Visits, browser: Chrome) -> None:
    visits.faults.double = True
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(0.5)
    truth.hides(browser.close)
    visits.are(truth)
    assert len(visits.facts()) >= 4


def test_the_first_request_lost(visits: Visits, browser: Chrome) -> None:
    visits.faults.lose = 1
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(1)
    truth.hides(lambda: browser.switch_to.window(other_tab(browser)))
    (seen,) = visits.are(truth)
    assert seen.first["view"] == PAGE_A
    assert seen.first["identity"]["title"] == "Page A"
    wait_until(lambda: 0 in visits.pageviews()[0].facts)


def test_checkpoints(visits: Visits, browser: Chrome) -> None:
    browser.get(f"{visits.origin}/test/plain")
    wait_until(lambda: visits.pageviews() and visits.pageviews()[0].seconds >= 5, within=8)
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


def test_facts_go_at_once_when_the_network_is_back(visits: Visits, browser: Chrome) -> None:
    browser.get(f"{visits.origin}/page_c/tab_1")
    wait_until(visits.facts)
    offline(browser, True)
    click(browser, "Tab 2")
    wait_until(lambda: len(waiting(browser)) == 2)
    time.sleep(3.2)  # the second try failed after 2 s; without the news the third waits for 4 more
    offline(browser, False)
    wait_until(lambda: len(visits.pageviews()) == 2, within=0.8)
    assert views(visits.pageviews()) == [TAB_1, TAB_2]


def test_a_visit_offline_arrives_with_the_next_page(visits: Visits, browser: Chrome) -> None:
    visits.faults.status = 503
    a, b = Truth(), Truth()
    a.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(1.5)

    def next_page() -> None:
        visits.faults.status = None
        browser.get(f"{visits.origin}/page_b")

    a.hands_over(next_page, b)
    time.sleep(0.5)
    b.hides(browser.close)
    visits.are(a, b)


def test_a_page_that_is_frozen_tries_at_once(visits: Visits, browser: Chrome) -> None:
    visits.faults.status = 503
    browser.get(f"{visits.origin}/test/plain")
    wait_until(lambda: len(visits.faults.requests) == 1)
    time.sleep(0.2)  # the answer arrives
    browser.execute_script("document.dispatchEvent(new Event('freeze'))")  # it does not bubble
    wait_until(lambda: len(visits.faults.requests) == 2, within=0.8)


@pytest.mark.long
def test_retries_back_off(visits: Visits, browser: Chrome) -> None:
    visits.faults.status = 503
    browser.get(f"{visits.origin}/test/plain")
    wait_until(lambda: len(visits.faults.requests) == 5, within=60)
    times = [at for at, _ in visits.faults.requests]
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


def test_blocked_cookies_and_storage(visits: Visits, new_browser: Callable[..., Chrome]) -> None:
    browser = new_browser(preferences={"profile.default_content_setting_values.cookies": 2})
    browser.switch_to.new_window("tab")
    one, two = Truth(), Truth()
    one.shows(lambda: browser.get(f"{visits.origin}/page_c/tab_1"))
    with pytest.raises(Exception, match="Access is denied"):
        browser.execute_script("return localStorage.length")
    time.sleep(1)
    one.hands_over(lambda: click(browser, "Tab 2"), two)
    time.sleep(0.7)
    two.hides(browser.close)
    seen = visits.are(one, two)
    assert len({one.first["session_id"] for one in seen}) == 1


def test_a_prerendered_page_counts_from_when_it_is_visited(visits: Visits, browser: Chrome) -> None:
    rules = '{"prerender":[{"urls":["/test/next"],"eagerness":"immediate"}]}'
    body = f'<script type="speculationrules">{rules}</script><a href="/test/next">Next</a>'
    one, two = Truth(), Truth()
    one.shows(lambda: browser.get(f"{visits.origin}/test/plain?body={quote(body)}"))
    time.sleep(2)
    assert views(visits.pageviews()) == ["tests.plain"]
    one.hands_over(lambda: click(browser, "Next"), two)
    time.sleep(0.7)
    activated = "return performance.getEntriesByType('navigation')[0].activationStart"
    assert browser.execute_script(activated) > 1000, "the page was not prerendered"
    two.hides(browser.close)
    seen = visits.are(one, two)
    assert views(seen) == ["tests.plain", "tests.next"]
    assert seen[1].first["previous_pageview_id"] == seen[0].first["pageview_id"]


def test_two_tabs_of_one_page_are_two_pageviews_of_one_session(
    visits: Visits, browser: Chrome
) -> None:
    one, two = Truth(), Truth()
    one.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    first = browser.current_window_handle
    time.sleep(1)
    one.hides(lambda: browser.switch_to.new_window("tab"))
    two.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(0.7)
    two.hides(lambda: one.shows(lambda: browser.switch_to.window(first)))
    time.sleep(0.7)
    one.hides(browser.close)
    browser.switch_to.window(browser.window_handles[-1])
    browser.close()
    seen = visits.are(one, two)
    assert len({one.first["session_id"] for one in seen}) == 1
    assert [one.first["previous_pageview_id"] for one in seen] == [None, None]


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


def test_a_full_storage_does_not_matter(visits: Visits, browser: Chrome) -> None:
    browser.get(f"{visits.origin}/dwell/beacon.js")
    browser.execute_script(
        """
        for (let size = 2 ** 22, key = 0; size; )
          try { localStorage[key++] = "x".repeat(size) } catch { size >>= 1 }
        """
    )
    visits.faults.status = 503
    truth = Truth()
    truth.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(0.5)
    truth.hides(lambda: browser.switch_to.window(other_tab(browser)))
    visits.faults.status = None
    visits.are(truth)


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


def test_a_reload_is_a_new_pageview(visits: Visits, browser: Chrome) -> None:
    one, two = Truth(), Truth()
    one.shows(lambda: browser.get(f"{visits.origin}/page_a"))
    time.sleep(1)
    one.hands_over(browser.refresh, two)
    time.sleep(0.5)
    two.hides(browser.close)
    visits.are(one, two)


@pytest.mark.parametrize(
    ("act", "pageviews"),
    [
        ("history.pushState(null, '', '?page=2')", 1),
        ("history.pushState(null, '', '#end')", 1),
        ("location.hash = 'end'", 1),
        ("history.replaceState(null, '', '/test/other')", 1),
        ("history.replaceState(null, '', '/test/other'); history.pushState(null, '', '?a')", 1),
        ("history.pushState(null, '', '/test/other')", 2),
        ("history.pushState(null, '', '/test/other'); history.replaceState(null, '', '?b')", 2),
        ("history.replaceState(null, '', '?b'); history.pushState(null, '', '/test/other')", 2),
        (
            "document.documentElement.dataset.dwellView = 'tests.tab'; history.pushState(null, '', '?tab')",
            2,
        ),
        (
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


def test_a_session_ends_after_its_time_out_with_the_next_pageview(
    visits: Visits, browser: Chrome
) -> None:
    browser.get(f"{visits.origin}/page_a")
    wait_until(visits.facts)
    session = visits.facts()[0]["session_id"]
    browser.delete_cookie("dwell_session")  # as the browser does it after so long
    browser.switch_to.window(other_tab(browser))
    wait_until(lambda: len(visits.facts()) == 2)
    assert {fact["session_id"] for fact in visits.facts()} == {session}
    browser.switch_to.window(other_tab(browser))
    browser.get(f"{visits.origin}/dwell/beacon.js")
    browser.delete_cookie("dwell_session")
    browser.get(f"{visits.origin}/page_b")
    wait_until(lambda: PAGE_B in views(visits.pageviews()))
    old, new = visits.pageviews()
    assert new.first["session_id"] not in (session, None)
    assert {fact["session_id"] for fact in old.facts.values()} == {session}
