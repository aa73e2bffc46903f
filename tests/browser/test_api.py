"""What a page can tell the beacon: names, moves that only it knows of, and consent."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium.common.exceptions import NoSuchWindowException
from selenium.webdriver import Chrome

from tests.support.running import wait_until
from tests.support.visits import Truth, Visits, visited

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visits]:
    with visited(tmp_path_factory.mktemp("data")) as visits:
        yield visits


@pytest.fixture(scope="module")
def asking_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visits]:
    """A site that asks for consent."""
    with visited(tmp_path_factory.mktemp("data"), require_consent=True) as visits:
        yield visits


@pytest.fixture
def tab(browser: Chrome) -> Iterator[Chrome]:
    """A tab of its own in a browser that knows nothing yet; the first one stays blank."""
    blank = browser.current_window_handle
    browser.switch_to.new_window("tab")
    yield browser
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    for handle in browser.window_handles:
        if handle != blank:
            with suppress(NoSuchWindowException):
                browser.switch_to.window(handle)
                browser.close()
    browser.switch_to.window(blank)


@pytest.fixture
def visits(site: Visits, tab: Chrome) -> Visits:
    return begun(site, tab)


@pytest.fixture
def asking(asking_site: Visits, tab: Chrome) -> Visits:
    return begun(asking_site, tab)


def begun(site: Visits, browser: Chrome) -> Visits:
    browser.execute_cdp_cmd(
        "Storage.clearDataForOrigin", {"origin": site.origin, "storageTypes": "all"}
    )
    site.begin()
    return site


def behind(browser: Chrome) -> None:
    """Bring another tab to the front."""
    other = next(one for one in browser.window_handles if one != browser.current_window_handle)
    browser.switch_to.window(other)


def views(visits: Visits) -> list[str]:
    return [one.first["view"] for one in visits.pageviews()]


def stored(browser: Chrome) -> list[Any]:
    """Cookies that scripts see, and what is in both storages."""
    kept: list[Any] = browser.execute_script(
        "return [document.cookie, {...localStorage}, {...sessionStorage}]"
    )
    return kept


def visitor(browser: Chrome) -> str | None:
    """The value of the cookie that scripts do not see."""
    cookie = browser.get_cookie("dwell_visitor")
    return cookie["value"] if cookie else None


def test_an_application_begins_its_pageviews_itself(visits: Visits, tab: Chrome) -> None:
    one, two, three = Truth(), Truth(), Truth()
    one.shows(lambda: tab.get(f"{visits.origin}/test/plain"))
    time.sleep(0.6)
    call = "dwell.pageview({view: 'app.Product', identity: {product: %d}})"
    one.hands_over(lambda: tab.execute_script(call % 17), two)
    time.sleep(0.8)
    two.hands_over(lambda: tab.execute_script(call % 18), three)
    time.sleep(0.5)
    three.hides(lambda: behind(tab))
    seen = visits.are(one, two, three)
    assert views(visits) == ["tests.plain", "app.Product", "app.Product"]
    assert [pageview.first["identity"].get("product") for pageview in seen] == [None, 17, 18]
    assert seen[2].first["identity"] == {
        "title": "Test plain",
        "path": "/test/plain",
        "product": 18,
    }
    ids = [pageview.first["pageview_id"] for pageview in seen]
    assert [pageview.first["previous_pageview_id"] for pageview in seen] == [None, *ids[:2]]
    assert [pageview.first["previous_seq"] for pageview in seen] == [None, 1, 1]


def test_a_document_that_runs_the_script_again_is_measured_once(
    visits: Visits, tab: Chrome
) -> None:
    truth = Truth()
    again = quote("<p id='dwell'></p><script src='/dwell/beacon.js'></script>")
    truth.shows(lambda: tab.get(f"{visits.origin}/test/twice?body={again}"))
    time.sleep(0.5)
    tab.execute_async_script(
        """
        const script = document.createElement("script");
        script.src = "/dwell/beacon.js?a-tag-manager";
        script.onload = arguments[0];
        document.head.append(script);
        """
    )
    time.sleep(0.8)
    truth.hides(lambda: behind(tab))
    visits.are(truth)


def test_a_push_that_the_application_names_is_one_pageview(visits: Visits, tab: Chrome) -> None:
    tab.get(f"{visits.origin}/test/plain")
    wait_until(visits.facts)
    tab.execute_script(
        "history.pushState(null, '', '/test/product'); dwell.pageview({view: 'app.Product'})"
    )
    behind(tab)
    wait_until(lambda: len(visits.pageviews()) == 2)
    time.sleep(0.3)
    assert views(visits) == ["tests.plain", "app.Product"]
    assert visits.pageviews()[1].first["identity"]["path"] == "/test/product"


def test_a_page_without_a_name_yet_waits_for_it_and_loses_no_time(
    visits: Visits, tab: Chrome
) -> None:
    truth = Truth()
    truth.shows(lambda: tab.get(f"{visits.origin}/test/nameless?view="))
    time.sleep(1.2)
    assert visits.faults.requests == []
    tab.execute_script("dwell.pageview({view: 'app.Home', identity: {user: 'new'}})")
    time.sleep(0.5)
    truth.hides(lambda: behind(tab))
    (seen,) = visits.are(truth)
    assert seen.first["view"] == "app.Home"
    assert seen.first["identity"]["user"] == "new"


def test_the_hash_is_a_part_of_the_path_where_the_page_says_so(visits: Visits, tab: Chrome) -> None:
    one, two = Truth(), Truth()
    hashed = quote("<script>document.documentElement.dataset.dwellHash = ''</script>")
    one.shows(lambda: tab.get(f"{visits.origin}/test/hashed?body={hashed}#/first"))
    time.sleep(0.5)
    one.hands_over(lambda: tab.execute_script("location.hash = '/second'"), two)
    time.sleep(0.5)
    two.hides(lambda: behind(tab))
    seen = visits.are(one, two)
    assert [pageview.first["identity"]["path"] for pageview in seen] == [
        "/test/hashed#/first",
        "/test/hashed#/second",
    ]


def test_half_an_emoji_in_a_title_does_no_harm(visits: Visits, tab: Chrome) -> None:
    tab.get(f"{visits.origin}/test/plain")
    tab.execute_script(
        "document.title = 'x'.repeat(299) + '\\u{1f600}'; dwell.pageview({view: 'tests.emoji'})"
    )
    wait_until(lambda: "tests.emoji" in views(visits))
    assert visits.pageviews()[-1].first["identity"]["title"] == "x" * 299 + "\ufffd"


def test_facts_as_big_as_they_may_be_fit_into_the_quota_of_keepalive(
    visits: Visits, tab: Chrome
) -> None:
    visits.faults.status = 503
    tab.get(f"{visits.origin}/test/plain")
    tab.execute_script(
        """
        document.title = "長".repeat(300);
        for (let product = 0; product < 20; product++)
          dwell.pageview({view: "tests.big", identity: {product, text: "長".repeat(320)}});
        """
    )
    visits.faults.status = None
    wait_until(lambda: len(visits.pageviews()) == 21)
    assert max(count for _, count in visits.faults.requests) == 16


def test_nothing_happens_before_consent_and_no_time_is_lost_by_it(
    asking: Visits, tab: Chrome
) -> None:
    truth = Truth()
    truth.shows(lambda: tab.get(f"{asking.origin}/page_a"))
    time.sleep(1.2)
    assert stored(tab) == ["", {}, {}]
    assert asking.faults.requests == []
    tab.execute_script("dwell.consent(true)")
    time.sleep(0.5)
    truth.hides(lambda: behind(tab))
    asking.are(truth)
    assert asking.faults.requests


def test_consent_is_remembered(asking: Visits, tab: Chrome) -> None:
    tab.get(f"{asking.origin}/page_a")
    tab.execute_script("dwell.consent(true)")
    wait_until(asking.facts)
    tab.get(f"{asking.origin}/page_b")
    wait_until(lambda: len(asking.pageviews()) == 2)


def test_withdrawing_consent_ends_everything_and_is_remembered(visits: Visits, tab: Chrome) -> None:
    tab.get(f"{visits.origin}/page_a")
    wait_until(lambda: visitor(tab))
    first = visitor(tab)
    status = tab.execute_async_script(
        "const done = arguments[0]; dwell.consent(false).then(answer => done(answer.status))"
    )
    assert status == 204
    assert visitor(tab) is None
    assert stored(tab) == ["", {"dwell": "false"}, {}]
    known = len(visits.faults.requests)
    time.sleep(1.3)
    tab.get(f"{visits.origin}/page_b")
    time.sleep(1.3)
    assert len(visits.faults.requests) == known
    assert stored(tab) == ["", {"dwell": "false"}, {}]
    tab.execute_script("dwell.consent(true)")
    wait_until(lambda: len(visits.pageviews()) == 2)
    old, new = visits.pageviews()
    assert new.first["session_id"] != old.first["session_id"]
    assert new.first["previous_pageview_id"] is None
    assert new.first["previous_seq"] is None
    wait_until(lambda: visitor(tab))
    assert visitor(tab) != first
    behind(tab)
    wait_until(lambda: visits.pageviews()[1].states[-1][0] == "hidden")
    assert visits.pageviews()[1].seconds < 1.2, "what was seen before was not to be measured"


def test_who_refuses_at_once_leaves_nothing_behind(visits: Visits, tab: Chrome) -> None:
    visits.faults.status = 503
    tab.get(f"{visits.origin}/page_a")
    wait_until(lambda: visits.faults.requests)
    refused = quote(
        "<script>addEventListener('load', () => dwell.consent(false), true)</script>"
    )  # the script of the beacon has run, and has not looked yet
    tab.get(f"{visits.origin}/test/asking?body={refused}")
    wait_until(lambda: stored(tab) == ["", {"dwell": "false"}, {}])
    visits.faults.status = None
    tab.execute_script("dwell.consent(true)")
    wait_until(visits.pageviews)
    time.sleep(0.5)
    (seen,) = visits.pageviews()
    assert seen.first["view"] == "tests.asking"
    assert seen.first["previous_pageview_id"] is None


def test_withdrawing_in_one_tab_stops_the_others(visits: Visits, tab: Chrome) -> None:
    tab.get(f"{visits.origin}/page_a")
    first = tab.current_window_handle
    tab.switch_to.new_window("tab")
    tab.get(f"{visits.origin}/page_b")
    wait_until(lambda: len(visits.pageviews()) == 2)
    tab.execute_script("dwell.consent(false)")
    wait_until(lambda: visitor(tab) is None)
    time.sleep(0.3)
    visits.faults.requests.clear()
    tab.switch_to.window(first)
    time.sleep(1.5)
    assert visits.faults.requests == []
    assert stored(tab) == ["", {"dwell": "false"}, {}]
    assert visitor(tab) is None


def test_facts_on_their_way_do_not_bring_back_a_visitor_who_has_withdrawn(
    visits: Visits, tab: Chrome
) -> None:
    visits.faults.slow = 1.5
    tab.get(f"{visits.origin}/page_a")
    wait_until(lambda: visits.faults.requests)
    tab.execute_script("dwell.consent(false)")
    wait_until(lambda: visits.facts())
    time.sleep(2.5)
    assert visitor(tab) is None
    assert stored(tab) == ["", {"dwell": "false"}, {}]


def test_a_session_ends_after_its_time_out_in_a_page_that_stays_too(
    tab: Chrome, tmp_path: Path
) -> None:
    with visited(tmp_path, session_timeout=2) as visits:
        tab.get(f"{visits.origin}/test/plain")
        wait_until(visits.facts)
        time.sleep(2.5)
        assert tab.get_cookie("dwell_session") is None
        tab.execute_script("dwell.pageview({view: 'app.Later'})")
        wait_until(lambda: len(visits.pageviews()) == 2)
        old, new = visits.pageviews()
    assert new.first["session_id"] == new.first["pageview_id"] != old.first["session_id"]
    assert {fact["session_id"] for fact in old.facts.values()} == {old.first["session_id"]}


@pytest.mark.long
def test_tabs_in_an_outage_do_not_crowd_out_each_other_s_facts(visits: Visits, tab: Chrome) -> None:
    visits.faults.status = 503
    first = tab.current_window_handle
    tab.get(f"{visits.origin}/test/one")
    tab.switch_to.new_window("tab")
    second = tab.current_window_handle
    for page in range(8):
        tab.get(f"{visits.origin}/test/page_{page}")
        tab.switch_to.window(first)
        tab.execute_script("for (const name of 'ab') dwell.pageview({view: `tests.${name}`})")
        tab.switch_to.window(second)
    visits.faults.status = None
    tab.get(f"{visits.origin}/test/last")
    wait_until(lambda: len(visits.pageviews()) == 1 + 8 + 16 + 1, within=30)


def test_who_opts_out_meets_no_beacon(visits: Visits, tab: Chrome, tmp_path: Path) -> None:
    tab.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {"source": "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"},
    )
    tab.get(f"{visits.origin}/page_a")
    assert tab.execute_script("return typeof window.dwell") == "undefined"
